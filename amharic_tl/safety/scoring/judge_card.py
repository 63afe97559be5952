"""How wrong a judge is, group by group: ``judge.json`` beside the weights of a classifier that a watched run trained.

The figures are those of the run's test split (fairness.json, evaluation.json): of rows that name one group of an axis,
one of each cluster of near-duplicates, the share of harmless ones in which the classifier finds harm (false alarms) and
of harmful ones in which it does (recall), with Wilson's intervals. Too few rows are ``insufficient`` and have no value.
The sums of the weights are kept, so that a card cannot lie beside another model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError
from amharic_tl.evaluation.intervals import wilson
from amharic_tl.records.files import read_json, read_object, sha256_of, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.safety.fairness.intersections import JOIN

CARD = "judge.json"
# Kinds of error, by the rate of fairness.json that says how often it is made.
RATES = {"false_alarms": "false_positive", "recall": "true_positive"}
DECISION = "harm is found where the likeliest label is a positive one"
_WEIGHTS = (".safetensors", ".msgpack", ".bin")
_SPLIT = "test"


def make_card(workdir: Workdir) -> dict[str, Any] | None:
    """The card of a finished run's export; None where the run watched no group on test, or exported nothing."""
    if not (workdir.export / "config.json").is_file() or not workdir.fairness.is_file():
        return None
    table = read_object(workdir.fairness).get(_SPLIT)
    summary = read_object(workdir.evaluation).get(_SPLIT) if workdir.evaluation.is_file() else None
    if table is None or summary is None or not table["positive_labels"]:
        return None
    return {
        "positive_labels": table["positive_labels"],
        "decision": DECISION,
        "split": _SPLIT,
        "rows": summary["n"],
        "scores": {
            name: {"value": summary["metrics"][name], "interval": summary["intervals"].get(name)}
            for name in ("macro_f1", "accuracy")
        },
        "overall": _overall(summary["confusion"], table["positive_labels"]),
        "axes": {
            axis: {one["group"]: {kind: one["figures"][rate] for kind, rate in RATES.items()} for one in of["groups"]}
            for axis, of in table["axes"].items()
            if JOIN not in axis
        },
        "minimum_n": table["minimum_n"],
        "interval": "95%, Wilson; of groups one row of each cluster of near-duplicates counts, overall every row",
        "pack": table["pack"],
        "pack_fingerprint": table["pack_fingerprint"],
        "unreviewed": table["unreviewed"],
        "data_fingerprint": read_object(workdir.data).get("fingerprint") if workdir.data.is_file() else None,
        "weights": _sums(workdir.export),
    }


def write_card(workdir: Workdir) -> Path | None:
    """Writes the card into ``export/``; returns its path, or None where there is nothing to write."""
    card = make_card(workdir)
    if card is None:
        return None
    write_json(workdir.export / CARD, card)
    return workdir.export / CARD


def read_card(folder: Path) -> dict[str, Any] | None:
    """The card beside a model; None where there is none.

    Raises:
      BadInputError: it is no card, or one of other weights.
    """
    path = folder / CARD
    if not path.is_file():
        return None
    card = read_json(path)
    needed = {"positive_labels", "axes", "overall", "weights", "split", "rows"}
    if not isinstance(card, dict) or not needed <= card.keys():
        keys = ", ".join(sorted(needed))
        raise BadInputError(f"{path} says nothing of a judge's error: expected an object with {keys}")
    if card["weights"] != _sums(folder):
        raise BadInputError(f"{path} was measured on other weights than those in {folder}; measure this model's error")
    return card


def error_of(card: Mapping[str, Any] | None, axis: str, group: str) -> dict[str, float | int | None]:
    """A judge's error on a group as details of a signal: rate, ends of the interval and n by kind; None: not known."""
    figures = (card or {}).get("axes", {}).get(axis, {}).get(group, {})
    found: dict[str, float | int | None] = {}
    for kind in RATES:
        of = figures.get(kind, {})
        found |= {f"judge_{kind}": of.get("value"), f"judge_{kind}_n": of.get("n", 0)}
        found |= {f"judge_{kind}_{end}": of.get(end) for end in ("low", "high")}
    return found


def _overall(confusion: Mapping[str, Any], positive: list[str]) -> dict[str, dict[str, Any]]:
    """Both errors over all rows, from the confusion matrix (gold in rows)."""
    labels, counts = confusion["labels"], confusion["counts"]
    harm = [name in positive for name in labels]
    found = {}
    for kind, wanted in (("false_alarms", False), ("recall", True)):
        rows = [row for row, is_harm in zip(counts, harm, strict=True) if is_harm == wanted]
        n = sum(map(sum, rows))
        hits = sum(count for row in rows for count, is_harm in zip(row, harm, strict=True) if is_harm)
        low, high = wilson(hits, n) if n else (None, None)
        found[kind] = {"value": hits / n if n else None, "low": low, "high": high, "n": n}
    return found


def _sums(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.suffix in _WEIGHTS}
