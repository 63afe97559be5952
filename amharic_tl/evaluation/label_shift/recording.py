"""The shift of a run's labels, from the predictions that its workdir keeps, and what correcting for it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.errors import BadInputError, ConfigError, MissingInputError
from amharic_tl.evaluation.label_shift.correction import corrected, learned_prior
from amharic_tl.evaluation.label_shift.shift import label_shift, shift_sentences
from amharic_tl.evaluation.score import classification_metrics
from amharic_tl.evaluation.summary import prediction_lines
from amharic_tl.records.files import read_lines, read_object, write_json, write_lines
from amharic_tl.records.workdir import Workdir

Lines = Sequence[Mapping[str, Any]]
SCORES = ("accuracy", "macro_f1", "weighted_f1")


def applies(config: Mapping[str, Any]) -> bool:
    """Whether a run predicts one label a text."""
    task = config.get("task", {})
    return task.get("kind") == "sequence-classification" and task.get("problem", "single-label") == "single-label"


def record_shift(place: Workdir, output: Workdir, target: Path | None = None) -> list[str]:
    """Estimates the shift from train to unlabelled rows; writes label_shift.json and corrected predictions.

    Held out are the rows of validation. The labels of the target, where its lines have some, are looked at only after
    everything is estimated, to score the raw and the corrected predictions beside each other.

    Args:
      place: the run's workdir.
      output: where the files go; the workdir itself for the test split.
      target: predictions of other rows (lines with ``id`` and ``scores``); None: those of the test split.

    Returns:
      Sentences.

    Raises:
      ConfigError: a run of another kind.
      MissingInputError, BadInputError: predictions are absent, or of other classes.
    """
    config, about = read_object(place.config), read_object(place.data)
    if not applies(config):
        raise ConfigError(f"{place.root}: label shift is measured for one label a text (single-label classification)")
    names = [str(name) for name in about["labels"]]
    path = target or place.predictions("test")
    held_out, unlabelled = _lines(place.predictions("validation"), names), _lines(path, names)
    counted = about["splits"]["train"].get("labels") or {}
    counts = np.asarray([counted.get(name, 0) for name in names], np.float64)
    balanced = config["train"].get("class_weights") == "balanced"
    probabilities = _probabilities(unlabelled, names)
    found = label_shift(
        names,
        counts,
        _labels(held_out, names),
        _probabilities(held_out, names).argmax(axis=1),
        probabilities.argmax(axis=1),
        probabilities,
        balanced=balanced,
        seed=int(config["train"].get("seed", 0)),
    )
    name = "test" if target is None else target.stem.removeprefix("predictions-")
    found |= {"target": name, "classifier": "the model of the run"}
    said = shift_sentences(found, name)
    if found["estimates"]:
        said += _correct(found, output, name, unlabelled, probabilities, learned_prior(counts, balanced))
    write_json(output.label_shift, found)
    return said


def _correct(
    found: dict[str, Any], output: Workdir, name: str, lines: Lines, probabilities: np.ndarray, prior: np.ndarray
) -> list[str]:
    """Writes predictions corrected by the first estimate, and scores all of them where the rows have labels."""
    names, gold = list(found["labels"]), [line.get("label") for line in lines]
    by_estimate = {
        kind: corrected(probabilities, prior, np.asarray([of["shares"][label] for label in names]))
        for kind, of in found["estimates"].items()
    }
    ids, bbse = [str(line["id"]) for line in lines], by_estimate["bbse"]
    kept = output.predictions(f"{name}-corrected")
    write_lines(kept, prediction_lines(ids, gold, bbse, names))
    if any(label is None for label in gold):
        return [f"corrected predictions: {kept}"]
    labels = _labels(lines, names)
    found["scores"] = {
        kind: classification_metrics(labels, of.argmax(axis=1), names)
        for kind, of in {"raw": probabilities, **by_estimate}.items()
    }
    shown = [
        f"  {'corrected by ' + kind.upper() if kind != 'raw' else 'as predicted':<18}"
        + "".join(f"  {metric} {scores[metric]:.4f}" for metric in SCORES)
        for kind, scores in found["scores"].items()
    ]
    return [f"{name}, corrected to the estimated shares (the raw predictions stay as they are):", *shown]


def _lines(path: Path, names: Sequence[str]) -> Lines:
    """Lines of predictions.

    Raises:
      MissingInputError: there is no such file, or it is empty.
      BadInputError: a line without ``id``, or without a score for each class and no other.
    """
    if not path.exists():
        raise MissingInputError(f"there are no predictions {path}")
    lines = list(read_lines(path))
    if not lines:
        raise MissingInputError(f"{path} is empty")
    for number, line in enumerate(lines, 1):
        scores = line.get("scores") if isinstance(line, dict) else None
        if not isinstance(scores, dict) or "id" not in line or set(scores) != set(names):
            raise BadInputError(
                f"{path}, line {number}: expected id, and scores of {', '.join(names[:10])}; found "
                f"{', '.join(map(str, (scores or line)))}"
            )
    return lines


def _probabilities(lines: Lines, names: Sequence[str]) -> np.ndarray:
    return np.asarray([[line["scores"][name] for name in names] for line in lines], np.float64)


def _labels(lines: Lines, names: Sequence[str]) -> np.ndarray:
    """Numbers of the gold labels, -1 where the model does not know them."""
    number = {name: index for index, name in enumerate(names)}
    return np.asarray([number.get(str(line.get("label")), -1) for line in lines])
