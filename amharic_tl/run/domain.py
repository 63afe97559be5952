"""domain.json: how far the texts adapted to are from the task's, and what adapting changed on the task's own texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from amharic_tl.audit import adaptation as inside
from amharic_tl.audit.reading import material_of_splits
from amharic_tl.config import Config
from amharic_tl.culture.pack import open_pack
from amharic_tl.data.adaptation import task_texts
from amharic_tl.data.audit import text_key
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import bare_tokens, load_tokenizer
from amharic_tl.evaluation.domain import domain_distances
from amharic_tl.models.interchange.locate import locate
from amharic_tl.records.files import read_json, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.language_scores import bits, sampled, text_sums
from amharic_tl.run.stages import Stage
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.progress import Progress

BASE = "base"


class Domain:
    """Fills domain.json. What stands there already is kept, so that a resumed run measures nothing twice."""

    def __init__(self, config: Config, place: Workdir, splits: Splits) -> None:
        self.config, self.place, self.splits = config, place, splits
        self.found: dict[str, Any] = read_json(place.domain) if place.domain.exists() else {}
        self.texts = dict(task_texts(splits).items())

    def measure_texts(self, text: Callable[[], Splits | None], progress: Progress) -> None:
        """Which rows to be scored stand in the text adapted to; unless ``config.adapt.report`` is off, distances too.

        ``text`` gives the text of the domain stage, read only where it is needed.
        """
        if "inside" not in self.found:
            domain = text()
            checked = inside.check(material_of_splits(self.config, self.splits, domain))
            self._keep("inside", checked.figures or {"not_checked": checked.not_checked})
            for finding in checked.findings:
                progress.say(f"note: {finding.sentence}")
        if not self.config.adapt.report or "distances" in self.found or jax.process_index() != 0:
            return
        progress.note("measuring how far the texts are from one another")
        domain = text()
        sides = {"task train": self._rows("train"), "task validation": self._rows("validation")}
        pairs = [("task train", "task validation")]
        if domain is not None:
            sides["dapt"] = [row.text for row in domain.train.rows]
            pairs = [("dapt", "task train"), ("dapt", "task validation"), *pairs]
        tokenizer = load_tokenizer(locate(self.config.model.path))
        self._keep("distances", [self._distance(a, b, sides, tokenizer) for a, b in pairs])

    def _rows(self, split: str) -> list[str]:
        return [row.text for row in self.texts[split].rows]

    def _distance(self, a: str, b: str, sides: Mapping[str, list[str]], tokenizer: Any) -> dict[str, Any]:
        def encode(texts: Sequence[str]) -> list[np.ndarray]:
            return [np.asarray(ids, np.int64) for ids in bare_tokens(tokenizer, texts)]

        fold = open_pack(self.config.safety.pack).grammar.fold
        try:
            found = domain_distances(
                sides[a], sides[b], fold=fold, encode=encode, key=text_key, seed=self.config.train.seed
            )
        except ValueError as error:
            return {"a": a, "b": b, "not_measured": str(error)}
        return {"a": a, "b": b, **found.to_dict()}

    def measure_models(
        self, stages: Sequence[Stage], mesh: Mesh | None, interruption: Interruption, progress: Progress
    ) -> None:
        """Bits per character on the task's validation texts: of the base, and of what each stage exports.

        Raises:
          Interrupted: told to stop.
        """
        if not self.config.adapt.report or "language_model" in self.found:
            return
        texts = sampled(self.texts["validation"], self.config.train.seed)
        models = {BASE: self.config.model.path, **{stage.name: str(stage.place.export) for stage in stages}}
        sums = {}
        for name, model in models.items():
            progress.note(f"scoring the task's validation texts: {name}")
            sums[name] = text_sums(stages[0].config, model, texts, mesh, interruption)
        found = bits(sums, BASE)
        self._keep("language_model", {"texts": len(texts.rows), "models": found})
        for name, figures in found.items():
            shown = figures.get("not_measured") or f"{figures['bits_per_character']['value']:.4f} bits per character"
            progress.say(f"the task's validation texts, {name}: {shown}")

    def notices(self) -> list[str]:
        """What must be said wherever the scores are shown."""
        parts = self.found.get("inside", {}).get("parts", {})
        return [
            f"{figures['count']:,} of the {figures['n']:,} rows of {name} stand in the text that the base was further "
            "pretrained on: scores on them are transductive at best, and measure memory."
            for name, figures in parts.items()
            if figures["count"] and name != "validation"
        ]

    def _keep(self, name: str, value: Any) -> None:
        self.found[name] = value
        if jax.process_index() == 0:
            write_json(self.place.domain, self.found)
