"""What data.json says: where the rows come from, how they overlap, how labels shift, what is cut."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from amharic_tl.data.rows import Row, Source
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import Encoded
from amharic_tl.errors import name_some
from amharic_tl.language.script import duplicate_key, letter_counts, near_duplicate_key

LABEL_SHIFT_WARNING = 0.1
TRUNCATION_WARNING = 0.05
UNKNOWN_WARNING = 0.005
FEW_ROWS = 10


def audit(
    splits: Splits,
    encoded: Mapping[str, Encoded],
    task: str,
    max_length: int,
    targets: Mapping[str, Encoded] | None = None,
    *,
    long_text: str = "truncate",
    windows: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The whole of data.json.

    Args:
      splits: the rows.
      encoded: by split name, a row a text; or a row a window, where long texts are cut into windows.
      task: the task's name.
      max_length: tokens an input may have.
      targets: by split name, the texts to write.
      long_text: what is read of a longer text, as ``config.data.long_text``.
      windows: by split name, how many windows its texts make.
    """
    named = dict(splits.items())
    clusters = {name: [text_key(row.text) for row in source.rows] for name, source in named.items()}
    described = {name: _describe(source, clusters[name], encoded.get(name)) for name, source in named.items()}
    for name, source in named.items():
        described[name] |= _describe_labels(source, splits.problem)
        if name in encoded and len(encoded[name].lengths) == len(source.rows):
            described[name]["long_text"] = _describe_long(encoded[name], max_length, long_text, windows or {}, name)
        if targets and name in targets:
            described[name]["target"] = describe_tokens(targets[name])
    found: dict[str, Any] = {
        "task": task,
        "problem": splits.problem,
        "labels": splits.labels,
        "max_length": max_length,
        "fingerprint": fingerprint(splits),
        "splits": described,
        "empty_splits": splits.empty,
        "across": [_overlap(a, b, named, clusters) for a, b in _pairs(list(named))],
        "near_duplicate_ids": {
            "test": [row.id for row, clean in zip(splits.test.rows, clean_rows(splits), strict=True) if not clean]
        }
        if splits.test is not None
        else {},
        "near_duplicate_clusters": {
            name: near_duplicate_clusters(source, clusters[name]) for name, source in named.items()
        },
        "labels_only_in": _labels_only_in(splits),
        "label_shift": [
            shift_of_sets("train", name, named, splits.labels)
            if splits.problem == "multi-label"
            else label_shift("train", name, named, splits.problem)
            for name in named
            if name != "train" and splits.labels
        ],
        "notices": notices(named),
    }
    found["warnings"] = [*splits.notes, *_warnings(found)]
    return found


def clean_rows(splits: Splits) -> np.ndarray:
    """bool ``[test rows]``: whether a test row has no (near-)duplicate in train or validation."""
    if splits.test is None:
        return np.zeros(0, bool)
    seen = {text_key(row.text) for source in (splits.train, splits.validation) for row in source.rows}
    return np.asarray([text_key(row.text) not in seen for row in splits.test.rows], bool)


def near_duplicate_clusters(source: Source, keys: Sequence[str] | None = None) -> list[list[str]]:
    """The ids of rows that are near-duplicates of each other, a list a cluster: they are no independent items.

    ``keys`` of the rows, where they are known already.
    """
    members: dict[str, list[str]] = {}
    for row, key in zip(source.rows, keys or [text_key(row.text) for row in source.rows], strict=True):
        members.setdefault(key, []).append(row.id)
    return [ids for ids in members.values() if len(ids) > 1]


def fingerprint(splits: Splits) -> str:
    """A sha256 that depends on texts, labels, targets and their order alone: not on paths, ids, times or formats."""
    return fingerprint_of(splits.items())


def fingerprint_of(named: Iterable[tuple[str, Source]]) -> str:
    """:func:`fingerprint` of sources by name."""
    digest = hashlib.sha256()
    for name, source in named:
        for row in source.rows:
            # A lone surrogate, which JSON lines may escape, has no UTF-8; json.dumps escapes it again.
            target = [] if row.target is None else [row.target]
            digest.update(json.dumps([name, row.text, row.label, *target]).encode())
    return digest.hexdigest()


def text_key(text: str) -> str:
    """Equal for texts that count as the same: the same Ethiopic letters, or where these are few the same text."""
    # The prefix keeps a text's letters from meeting another text's whole form.
    near = near_duplicate_key(text)
    return f"near:{near}" if near is not None else f"exact:{duplicate_key(text)}"


def _describe(source: Source, clusters: Sequence[str], encoded: Encoded | None) -> dict[str, Any]:
    """One split. Near-duplicates include the exact ones; both count the rows that repeat an earlier one."""
    letters, ethiopic = np.asarray([letter_counts(row.text) for row in source.rows]).sum(axis=0)
    exact = Counter(duplicate_key(row.text) for row in source.rows)
    labels_of: dict[str, set[str | None]] = {}
    for row, cluster in zip(source.rows, clusters, strict=True):
        labels_of.setdefault(cluster, set()).add(row.label)
    described: dict[str, Any] = {
        "source": source.spec,
        "files": [{"path": f.path, "sha256": f.sha256, "bytes": f.bytes, "rows": f.rows} for f in source.files],
        "format": source.format,
        "quoting": source.quoting,
        "notes": source.notes,
        "rows": len(source.rows),
        "exact_duplicates": len(source.rows) - len(exact),
        "near_duplicates": len(source.rows) - len(labels_of),
        "conflicting_labels": sum(1 for labels in labels_of.values() if len(labels) > 1),
        "ethiopic_share": float(ethiopic / letters) if letters else None,
    }
    if encoded is not None:
        if len(encoded.lengths) != len(source.rows):
            described["windows"] = len(encoded.lengths)
        described |= describe_tokens(encoded)
    return described


def describe_tokens(encoded: Encoded) -> dict[str, Any]:
    """Lengths in tokens, how many texts are cut, and how many tokens are unknown."""
    lengths = encoded.lengths
    kept = np.asarray([len(ids) for ids in encoded.ids])
    return {
        "tokens": {
            "mean": float(lengths.mean()),
            "median": float(np.median(lengths)),
            "p95": float(np.percentile(lengths, 95)),
            "max": int(lengths.max()),
        },
        "truncated": int(encoded.truncated.sum()),
        "truncated_share": float(encoded.truncated.mean()),
        "unknown_tokens": int(encoded.unknown.sum()),
        "unknown_token_share": float(encoded.unknown.sum() / kept.sum()),
    }


def _describe_long(
    encoded: Encoded, max_length: int, long_text: str, windows: Mapping[str, int], name: str
) -> dict[str, Any]:
    """How many texts are longer than an input, and how much of all tokens is not read."""
    longer = encoded.lengths > max_length
    kept = sum(len(ids) for ids in encoded.ids)
    described = {
        "mode": long_text,
        "longer": int(longer.sum()),
        "longer_share": float(longer.mean()),
        "unread_share": float(1.0 - kept / max(int(encoded.lengths.sum()), 1)),
    }
    return described | ({"windows": windows[name]} if name in windows else {})


def long_text_sentence(name: str, split: Mapping[str, Any], max_length: int) -> str | None:
    """How much of a split is longer than an input, and what becomes of it; None where nothing is, or none is known."""
    about = split.get("long_text")
    if not about or not about["longer"]:
        return None
    said = f"{about['longer_share']:.1%} of {name} is longer than {max_length} tokens ({about['longer']:,} rows)"
    if about["mode"] == "windows":
        return (
            f"{said} and is read in overlapping windows ({about['windows']:,} of {split['rows']:,} rows): none is cut"
        )
    unread = f"{about['unread_share']:.1%} of all its tokens are not read"
    if about["mode"] == "head-tail":
        return f"{said}, of which beginning and end are read: {unread}"
    return f"{said} and is cut there: {unread}"


def _describe_labels(source: Source, problem: str) -> dict[str, Any]:
    """How often each label occurs; of numbers, their range."""
    if problem == "regression":
        numbers = np.asarray([float(row.label or "nan") for row in source.rows])
        figures = {
            "minimum": numbers.min(),
            "mean": numbers.mean(),
            "maximum": numbers.max(),
            "deviation": numbers.std(),
        }
        return {"labels": {}, "numbers": {name: float(value) for name, value in figures.items()}}
    return {"labels": dict(sorted(Counter(name for row in source.rows for name in _names(row, problem)).items()))}


def _names(row: Row, problem: str) -> tuple[str, ...]:
    """The labels of a row."""
    if problem in ("multi-label", "tags"):
        return row.labels
    return () if row.label is None or problem == "regression" else (row.label,)


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(a, b) for index, a in enumerate(names) for b in names[index + 1 :]]


def _overlap(a: str, b: str, named: Mapping[str, Source], clusters: Mapping[str, list[str]]) -> dict[str, Any]:
    """Counts rows of ``b`` whose text (exact), or whose letters (near), stand in ``a`` too."""
    exact_a = {duplicate_key(row.text) for row in named[a].rows}
    labels_a: dict[str, set[str | None]] = {}
    for row, key in zip(named[a].rows, clusters[a], strict=True):
        labels_a.setdefault(key, set()).add(row.label)
    near = [(row, labels_a[key]) for row, key in zip(named[b].rows, clusters[b], strict=True) if key in labels_a]
    return {
        "a": a,
        "b": b,
        "exact": sum(1 for row in named[b].rows if duplicate_key(row.text) in exact_a),
        "near": len(near),
        "conflicting_labels": sum(1 for row, labels in near if row.label is not None and row.label not in labels),
    }


def _labels_only_in(splits: Splits) -> dict[str, list[str]]:
    known = set(splits.labels)
    found = {
        name: sorted({label for row in source.rows for label in _names(row, splits.problem)} - known)
        for name, source in splits.items()
        if name != "train"
    }
    return {name: labels for name, labels in found.items() if labels}


def label_shift(a: str, b: str, named: Mapping[str, Source], problem: str) -> dict[str, Any]:
    """Total variation distance between the label shares of two splits, and a chi-squared test of independence."""
    from scipy.stats import chi2_contingency

    counts = [Counter(label for row in named[name].rows for label in _names(row, problem)) for name in (a, b)]
    labels = sorted(counts[0].keys() | counts[1].keys(), key=str)
    table = np.asarray([[count[label] for label in labels] for count in counts], float)
    shares = table / table.sum(axis=1, keepdims=True)
    return {
        "a": a,
        "b": b,
        "total_variation": float(0.5 * np.abs(shares[0] - shares[1]).sum()),
        "chi2_p": float(chi2_contingency(table).pvalue) if len(labels) > 1 else 1.0,
    }


def shift_of_sets(a: str, b: str, named: Mapping[str, Source], labels: Sequence[str]) -> dict[str, Any]:
    """The label whose share of the rows differs most: that difference is the total variation of its presence.

    ``chi2_p`` is the smallest p of the labels times their number (Bonferroni).
    """
    from scipy.stats import chi2_contingency

    distances, least = [0.0], 1.0
    for label in labels:
        present = [sum(label in row.labels for row in named[name].rows) for name in (a, b)]
        rows = [len(named[name].rows) for name in (a, b)]
        distances.append(abs(present[0] / rows[0] - present[1] / rows[1]))
        if 0 < sum(present) < sum(rows):
            table = [present, [rows[0] - present[0], rows[1] - present[1]]]
            least = min(least, float(chi2_contingency(table).pvalue))
    return {"a": a, "b": b, "total_variation": max(distances), "chi2_p": min(1.0, least * max(len(labels), 1))}


def notices(named: Mapping[str, Source]) -> list[str]:
    """What must be said of these sources wherever their scores are shown."""
    if any(source.spec.startswith("sample:") for source in named.values()):
        return [
            "The bundled sample was drafted by a language model and no native speaker has reviewed it: "
            "its scores show that the programme works, not how good a model is."
        ]
    return []


def _warnings(found: Mapping[str, Any]) -> list[str]:
    """Plain sentences with the figures behind them."""
    said = []
    for overlap in found["across"]:
        if overlap["near"]:
            said.append(
                f"{overlap['near']} rows of {overlap['b']} are (near-)duplicates of rows of {overlap['a']} "
                f"({overlap['exact']} exact, {overlap['conflicting_labels']} with another label)"
            )
    for shift in found["label_shift"]:
        if shift["total_variation"] > LABEL_SHIFT_WARNING and shift["chi2_p"] < 0.01:
            said.append(
                f"labels shift between {shift['a']} and {shift['b']}: total variation {shift['total_variation']:.2f} "
                f"(chi-squared p {shift['chi2_p']:.1g})"
            )
    for name, labels in found["labels_only_in"].items():
        so = {
            "multi-label": "they are left out of the scores",
            "tags": "their tokens and entities count as wrong",
        }.get(found["problem"], "their rows count as wrong")
        said.append(f"{name} has labels that train does not have: {name_some(labels)}; {so}")
    for name, split in found["splits"].items():
        said += _split_warnings(name, split, found)
    return said


def _split_warnings(name: str, split: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    said = []
    if split["conflicting_labels"]:
        said.append(f"{split['conflicting_labels']} texts of {name} stand there more than once with different labels")
    cut = long_text_sentence(name, split, found["max_length"])
    if cut is not None and split["truncated_share"] > TRUNCATION_WARNING:
        said.append(f"{cut}; a higher config.data.max_length keeps more, config.data.long_text=windows everything")
    if split.get("unknown_token_share", 0.0) > UNKNOWN_WARNING:
        said.append(f"{split['unknown_token_share']:.1%} of the tokens of {name} are unknown to the tokenizer")
    if split.get("target", {}).get("truncated_share", 0.0) > TRUNCATION_WARNING:
        said.append(
            f"{split['target']['truncated_share']:.1%} of the targets of {name} are cut; a higher "
            "config.data.max_target_length keeps more"
        )
    unit = "token" if found["problem"] == "tags" else "row"
    rare = [f"{label} ({count})" for label, count in split["labels"].items() if count < FEW_ROWS]
    if rare and name != "train":
        said.append(
            f"{name} has fewer than {FEW_ROWS} {unit}s of {name_some(rare)}: scores of these labels rest on little"
        )
    missing = [label for label in found["labels"] if label not in split["labels"]]
    if missing:
        said.append(f"{name} has no {unit} of {name_some(missing)}")
    return said
