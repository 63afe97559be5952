"""The monitor of a language model: probe families, benign sentences, what it writes, and the nuance it still knows.

Everything it shows comes from the pack's ``monitor`` split. The model lies as training left it, sharded or not; only to
write is it brought together. Of every figure the magnitude is kept, never in whose favour it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.config import SafetyConfig
from amharic_tl.culture.mentions import Matcher
from amharic_tl.data.rows import Row
from amharic_tl.data.tokenizer import bare_tokens
from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.drafts import WITHHELD, withhold
from amharic_tl.safety.monitoring.generations import fixed_prompts, together, write_fixed, written_items
from amharic_tl.safety.monitoring.language_items import (
    Item,
    LanguageReference,
    benign_texts,
    nats_per_character,
    nuance_lines,
)
from amharic_tl.safety.monitoring.language_looks import look_figures
from amharic_tl.safety.monitoring.language_twins import language_twins
from amharic_tl.safety.monitoring.looks import BETWEEN, Judging, Look, describe
from amharic_tl.safety.monitoring.mention_gap import gap_figures, mention_texts
from amharic_tl.safety.nuance import AnswerScores, nuance_signals
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.scoring.answers import answer_scores
from amharic_tl.safety.scoring.checkpoint import AnyScorer, Checkpoint, scorer_for
from amharic_tl.safety.scoring.family_figures import FamilyFigure
from amharic_tl.safety.scoring.names import name_tokens, readable
from amharic_tl.safety.scoring.probe_signals import family_signal
from amharic_tl.safety.scoring.probing import probe_panel
from amharic_tl.safety.scoring.selection import panels
from amharic_tl.safety.scoring.writing import written_figures
from amharic_tl.safety.signals import At, as_signal

# Splits of its lines: of an evaluation, and of the chosen model at the end.
EVALUATED, FINAL = "monitor", "final"
PACK_SPLIT = "monitor"
WRITING = ("causal-lm", "seq2seq-lm")


@dataclass(frozen=True)
class LanguageData:
    """What of a run the monitor of a language model rests on.

    Attributes:
      train, dev: rows.
      tokenizer: of the model.
      task: masked-lm, causal-lm or seq2seq-lm.
      max_length: in tokens, of a text that is read.
      language: token of the language to write, where there are several.
      seed: of the run.
      mesh: over which the model is split.
    """

    train: Sequence[Row]
    dev: Sequence[Row]
    tokenizer: Any
    task: str
    max_length: int
    language: int | None
    seed: int
    mesh: Mesh | None


class LanguageMonitor(Judging):
    """Signals of a language model, from the pack alone.

    Args:
      operator: the axes that are watched.
      data: see :class:`LanguageData`.
      settings: ``config.safety``.
      reference: of the twins, None for none.
      looks: planned evaluations, the last look among them, over which the level is shared.

    Raises:
      BadInputError: the pack has no probe families of its monitor split for these axes.
    """

    def __init__(
        self,
        operator: SwapOperator,
        data: LanguageData,
        settings: SafetyConfig,
        reference: LanguageReference | None,
        *,
        looks: int,
    ) -> None:
        super().__init__(operator, settings, {EVALUATED: looks - 1, FINAL: 1})
        self.data, self.reference = data, reference
        pack, tokenizer = operator.pack, data.tokenizer
        opened = panels(pack, operator.axes, allow_draft=True, split=PACK_SPLIT)
        known = [(one, readable(one, name_tokens(tokenizer, one.groups))) for one in opened]
        self.unknown = {one.axis: len(one.groups) - len(left.groups) for one, left in known}
        self.panels = [left for _, left in known if len(left.groups) > 1]
        self.benign = benign_texts(operator, settings.benign_texts, data.seed)
        writes = data.task in WRITING and settings.prompts > 0
        self.prompts = {one.axis: fixed_prompts(one, settings.prompts, data.seed) for one in self.panels if writes}
        self.nuance = [item for item in pack.nuance if item.split == PACK_SPLIT]
        self.gap = mention_texts(operator, data.train, data.dev, settings.gap_texts, data.seed, fits=self._fits)
        self._matcher = Matcher(pack, operator.axes)
        self._kept: tuple[Any, AnyScorer] | None = None

    def look(
        self,
        split: str,
        step: int,
        model: nnx.Module,
        whole_model: nnx.Module | None,
        base: Mapping[str, AnswerScores] | None,
    ) -> Look:
        """The whole panel.

        Args:
          split: :data:`EVALUATED` or :data:`FINAL`.
          step: of the model.
          model: as training left it.
          whole_model: the same, readable by every process, to write with; None where nothing is written.
          base: nuance scores of the model as training began.
        """
        scorer, where = self.scorer(model), At(split, step)
        figures = self._of_panels(scorer)
        signals = [self._of_families(one, where, "probe") for one in figures]
        items = self._benign_items(scorer)
        written, more = ([], []) if whole_model is None else self._written(scorer, whole_model)
        signals += [self._of_families(one, where, "written") for one in written]
        items += more
        twins = language_twins(items, self.reference, self.settings)
        signals += [as_signal(one, where, self._unreviewed(one.axis)) for one in twins]
        signals = withhold(self._without_drafts(signals), self.operator, self.settings)
        nuance = self.nuance_scores(scorer)
        tested, shown = self._nuance(nuance, base, split, step)
        gaps = self._gaps(scorer, where)
        lines = [*(one.to_dict() for one in items), *nuance_lines(nuance)]
        return replace(self.judged([*signals, *tested], [*shown, *gaps]), items=lines)

    def look_between(self, step: int, number: int, model: nnx.Module) -> Look:
        """A look between evaluations, at few pairs of one axis in rotation.

        Args:
          step: of the model.
          number: of the look.
          model: as training left it.
        """
        figures = look_figures(self.scorer(model), self.panels, number, self.data.seed)
        signals = [self._of_families(one, At(BETWEEN, step), "probe") for one in figures]
        return self.screened(withhold(self._without_drafts(signals), self.operator, self.settings))

    def scorer(self, model: nnx.Module) -> AnyScorer:
        """A scorer with these weights. Its programs are compiled again only where the model's structure has changed."""
        graph = nnx.graphdef(model)
        if self._kept is None or self._kept[0] != graph:
            made = scorer_for(self.data.task, model, self.data.tokenizer, (), self.data.mesh)
            self._kept = graph, made
        self._kept[1].take(model)
        return self._kept[1]

    def nuance_scores(self, scorer: AnyScorer) -> dict[str, AnswerScores]:
        """Of the nuance items whose answers the tokenizer knows, by id."""
        found = answer_scores(scorer, self.nuance) if self.nuance else {}
        return {name: AnswerScores(of[0], of[1:]) for name, of in found.items()}

    def describe(self) -> dict[str, Any]:
        """What safety.json holds."""
        shown = {
            "families": sum(len(panel.families) for panel in self.panels),
            "unknown_names": self.unknown,
            "benign": len(self.benign),
            "prompts": sum(map(len, self.prompts.values())),
            "draws": self.settings.draws if self.prompts else 0,
            "nuance_items": len(self.nuance),
            "gap_texts": {axis: {"train": len(of.train), "dev": len(of.dev)} for axis, of in self.gap.items()},
        }
        return {**describe(self.operator, self.settings, self.reference, self.looks, {}), "shown": shown}

    def cost(self, model: nnx.Module) -> dict[str, int]:
        """Forward rows of an evaluation and of a look between (the largest of its axes), texts that are written and
        their tokens; nothing is run to know them.
        """
        scorer = self.scorer(model)
        texts = [one.text for of in self.gap.values() for side in (of.train, of.dev) for one in side]

        def evaluation() -> None:
            self._of_panels(scorer)
            self._benign_items(scorer)
            nats_per_character(scorer, self.data.tokenizer, texts)
            answer_scores(scorer, self.nuance)

        looks = [
            scorer.rows_of(lambda number=number: look_figures(scorer, self.panels, number, self.data.seed))  # type: ignore[misc]
            for number in range(len(self.panels))
        ]
        return {
            "rows_per_evaluation": scorer.rows_of(evaluation),
            "rows_per_look": max(looks, default=0),
            "written_per_evaluation": sum(map(len, self.prompts.values())) * self.settings.draws,
            "new_tokens": self.settings.new_tokens if self.prompts else 0,
        }

    def _of_panels(self, scorer: AnyScorer) -> list[FamilyFigure]:
        names = self.operator.pack.placebo_names
        return [one for panel in self.panels for one in probe_panel(scorer, panel, names)]

    def _fits(self, text: str) -> bool:
        ids = next(iter(bare_tokens(self.data.tokenizer, [text]))) if text else []
        return 0 < len(ids) <= self.data.max_length - 4  # room for special tokens and sentinels

    def _benign_items(self, scorer: AnyScorer) -> list[Item]:
        values = nats_per_character(scorer, self.data.tokenizer, [one.text for one in self.benign])
        return [
            Item("benign", one.id, one.axis, one.group, one.item, float(value))
            for one, value in zip(self.benign, values, strict=True)
        ]

    def _written(self, scorer: AnyScorer, model: nnx.Module) -> tuple[list[FamilyFigure], list[Item]]:
        figures: list[FamilyFigure] = []
        items: list[Item] = []
        data, settings, rules = self.data, self.settings, self.operator.pack.answers
        for panel in self.panels:
            prompts = self.prompts.get(panel.axis)
            if not prompts:
                continue
            usable = rules is not None and (rules.authorship.reviewed or panel.invented or settings.allow_draft)
            checkpoint = Checkpoint(Path(), data.task, scorer, data.tokenizer, model, data.language)
            draws = write_fixed(
                checkpoint, panel, prompts, draws=settings.draws, new_tokens=settings.new_tokens, seed=data.seed
            )
            answers = rules if usable else None
            figures += written_figures(together(draws), panel, self._matcher, None, answers)[0]
            items += written_items(draws, panel, self._matcher, answers)
        return figures, items

    def _nuance(
        self, scores: Mapping[str, AnswerScores], base: Mapping[str, AnswerScores] | None, split: str, step: int
    ) -> tuple[list[SafetySignal], list[SafetySignal]]:
        """Signals with a test, and those that are shown: retention of what the base knew, twin, accuracy."""
        tested: list[SafetySignal] = []
        shown: list[SafetySignal] = []
        margin = self.settings.thresholds.twin_margin
        of_reference = None if self.reference is None else self.reference.nuance
        for before, name in ((base, "nuance_retention"), (of_reference, "nuance_lost")):
            both = [item for item in self.nuance if item.id in scores and (before is None or item.id in before)]
            if not both:
                continue
            found = nuance_signals(both, scores, split=split, step=step, threshold=margin, base=before)
            if name == "nuance_retention":
                shown += [one for one in found if one.name == "nuance_accuracy"]
            for one in found:
                if one.name == "nuance_retention":
                    within = {} if one.ci_high is None else {"within_margin": int(one.ci_high < margin)}
                    tested.append(replace(one, name=name, detail={**one.detail, **within}))
        if not self.settings.allow_draft:
            tested = [
                replace(one, p_value=None, state="insufficient", reason=WITHHELD) if one.unreviewed else one
                for one in tested
            ]
        return tested, shown

    def _gaps(self, scorer: AnyScorer, where: At) -> list[SafetySignal]:
        """``mention_gap`` in bits per character."""

        def losses(texts: Sequence[str], labels: Sequence[str | None]) -> np.ndarray:
            del labels
            return nats_per_character(scorer, self.data.tokenizer, texts) / np.log(2)

        figures = gap_figures(self.gap, losses, "bits per character", self.settings)
        signals = [as_signal(one, where, self._unreviewed(one.axis)) for one in figures]
        # Shown and not tested; of drafts that nobody has signed nothing is concluded either.
        withheld = withhold(self._without_drafts(signals), self.operator, self.settings)
        return [replace(one, p_value=None) for one in withheld]

    def _of_families(self, figure: FamilyFigure, where: At, scope: str) -> SafetySignal:
        signal, _ = family_signal(figure, self._unreviewed(figure.axis))
        return replace(signal, split=where.split, step=where.step, scope=scope)

    def _unreviewed(self, axis: str) -> bool:
        drafted = any(panel.unreviewed for panel in self.panels if panel.axis == axis)
        return drafted or self.operator.rests_on_unreviewed(axis)

    def _without_drafts(self, signals: Sequence[SafetySignal]) -> list[SafetySignal]:
        """Figures of families that nobody has signed are shown and never judged, unless drafts are allowed."""
        drafts = {panel.axis for panel in self.panels if panel.unreviewed and not self.settings.allow_draft}
        return [
            replace(one, p_value=None, state="insufficient", reason=WITHHELD) if one.axis in drafts else one
            for one in signals
        ]
