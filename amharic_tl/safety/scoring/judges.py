"""A classifier that judges what a model writes, and what is known of its own errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jax.sharding import Mesh

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.models.interchange.locate import locate
from amharic_tl.records.files import read_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.safety.scoring.checkpoint import open_checkpoint
from amharic_tl.safety.scoring.classifier_scorer import ClassifierScorer

UNKNOWN = "unknown: not measured by group, so that its figures may be its own errors"
# Signals of a run that say how often its classifier is wrong about texts that name a group.
_ERRORS = {"false_positive_rate_gap": "false alarms", "recall_gap": "recall of harm"}


@dataclass(frozen=True)
class Judge:
    """A classifier with its positive labels; ``errors``: its rates by axis and group, as far as they are known."""

    name: str
    classifier: ClassifierScorer
    errors: dict[str, dict[str, dict[str, float]]]

    def harmful(self, texts: Sequence[str]) -> Any:
        """Whether each text is judged harmful, bool ``[N]``: its probability of harm is at least one half."""
        return self.classifier.harm(self.classifier.probabilities(texts)) >= 0.5

    def described(self) -> dict[str, Any]:
        """What a report says of it."""
        return (
            {"model": self.name, "errors": self.errors, "error": "by group, from its test split"}
            if self.errors
            else {"model": self.name, "errors": {}, "error": UNKNOWN}
        )


def open_judge(name: str, positive: Sequence[str], mesh: Mesh | None = None) -> Judge:
    """A judge from any classifier; from a run's workdir with the errors by group that its monitor measured on test.

    Args:
      name: a directory, a run's workdir, or a hub id.
      positive: the labels that say that harm was found.
      mesh: over which it is split.

    Raises:
      ConfigError: no positive label, or none of the classifier's.
      BadInputError: it is no classifier of texts.
    """
    if not positive:
        raise ConfigError("a judge needs its positive labels, such as --positive-labels=hate,offensive")
    opened = open_checkpoint(name, positive=positive, mesh=mesh)
    if not isinstance(opened.scorer, ClassifierScorer):
        raise BadInputError(f"{name} is a model for {opened.task}; a judge is a classifier of texts")
    return Judge(Path(name).name, opened.scorer, _errors(locate(name)))


def _errors(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Rates by axis, group and kind of error, from the run's signals on test."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for root in (folder, folder.parent) if folder.name == "export" else (folder,):
        for line in read_lines(Workdir(root).safety):
            rate = line.get("detail", {}).get("rate")
            if line.get("name") in _ERRORS and line.get("split") == "test" and rate is not None:
                found.setdefault(line["axis"], {}).setdefault(line["group"], {})[_ERRORS[line["name"]]] = rate
        if found:
            break
    return found
