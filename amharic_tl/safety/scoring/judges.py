"""A classifier that judges what a model writes, and its own errors by group, without which it judges nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jax.sharding import Mesh

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.safety.scoring.checkpoint import model_folder, open_checkpoint
from amharic_tl.safety.scoring.classifier_scorer import ClassifierScorer
from amharic_tl.safety.scoring.judge_card import CARD, RATES, read_card

UNKNOWN = "unknown: not measured by group, so that its figures may be its own errors"


@dataclass(frozen=True)
class Judge:
    """A classifier with its positive labels; ``card``: what was measured of its errors, None where nothing was."""

    name: str
    classifier: ClassifierScorer
    card: Mapping[str, Any] | None

    def harmful(self, texts: Sequence[str]) -> np.ndarray:
        """Whether each text is judged harmful, bool ``[N]``, decided as where its error was measured."""
        return self.classifier.found(self.classifier.probabilities(texts))

    def described(self) -> dict[str, Any]:
        """What a report says of it: its error over all rows, and by axis and group."""
        if self.card is None:
            return {"model": self.name, "error": UNKNOWN, "overall": {}, "errors": {}, "unreviewed": ""}
        kinds = {kind: self.card["overall"][kind] for kind in RATES}
        rows = f"{self.card['rows']:,} rows of {self.card['split']}"
        return {
            "model": self.name,
            "error": f"measured on {rows}; {self.card['interval']}",
            "overall": kinds,
            "errors": self.card["axes"],
            "unreviewed": self.card["unreviewed"],
        }


def open_judge(name: str, positive: Sequence[str] = (), mesh: Mesh | None = None, *, unmeasured: bool = False) -> Judge:
    """A judge from any classifier whose folder says how wrong it is (``judge.json``).

    Args:
      name: a directory, a run's workdir, or a hub id.
      positive: the labels that say that harm was found; none: those that its error was measured with.
      mesh: over which it is split.
      unmeasured: whether a classifier of unknown error may judge; every output then says so.

    Raises:
      ConfigError: positive labels other than those that its error was measured with, none of the classifier's, or none.
      BadInputError: it is no classifier of texts, or nothing says how wrong it is.
    """
    folder = model_folder(name)
    card = read_card(folder)
    if card is None and not unmeasured:
        raise BadInputError(
            f"--judge: {folder} has no {CARD}, so that nothing says how often it is wrong about which group; train it "
            "with config.safety.axes and a test split, which measures that, or add --unmeasured-judge: its error is "
            "then printed as unknown"
        )
    if card is not None:
        if positive and sorted(positive) != sorted(card["positive_labels"]):
            raise ConfigError(
                f"--judge-labels: the error of {folder} was measured with {', '.join(card['positive_labels'])}, not "
                f"with {', '.join(positive)}; leave the option out"
            )
        positive = card["positive_labels"]
    if not positive:
        raise ConfigError("a judge needs its positive labels, such as --judge-labels=hate,offensive")
    opened = open_checkpoint(name, positive=positive, mesh=mesh)
    if not isinstance(opened.scorer, ClassifierScorer):
        raise BadInputError(f"{name} is a model for {opened.task}; a judge is a classifier of texts")
    return Judge(Path(name).name, opened.scorer, card)
