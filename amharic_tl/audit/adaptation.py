"""Whether rows that are to be scored stand in the text that the base is further pretrained on (``adapt.dapt.data``).

A row stands in it where at least half of its strings of 25 letters do, in whatever text and however embedded: whole
sentences inside articles count, a shared name or set phrase does not. Rows with fewer letters are not looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from amharic_tl.audit.checked import Checked, rate
from amharic_tl.audit.inside import UNSCORED
from amharic_tl.audit.material import Material, Part
from amharic_tl.audit.near_duplicates import normalise, windows
from amharic_tl.audit.passages import LETTERS
from amharic_tl.data.rows import Row, Source
from amharic_tl.data.splits import Splits
from amharic_tl.errors import BadInputError
from amharic_tl.records.findings import Finding, finding

TEST, VALIDATION = FINDINGS = ("test-inside-adaptation", "validation-inside-adaptation")
HELD = 0.5  # share of a row's strings from which it stands in the text

Fold = Callable[[str], str]


@dataclass(frozen=True)
class Inside:
    """Which rows stand in a text.

    Attributes:
      rows: bool ``[rows]``.
      short: how many rows were not looked for.
      strings: uint64, sorted: hashes of the strings of the rows that stand in it.
    """

    rows: np.ndarray
    short: int
    strings: np.ndarray


def rows_inside(rows: Sequence[Row], texts: Iterable[str], fold: Fold) -> Inside:
    """Looks for ``rows`` (either side of a pair) in ``texts``; ``fold`` makes letters one that are read alike."""
    own = [windows(normalise(side, fold), LETTERS) for row in rows for side in (row.text, row.target or "")]
    wanted = np.unique(np.concatenate([*own, np.zeros(0, np.uint64)]))
    there = np.zeros(len(wanted), bool)
    for text in texts:
        there[_places(windows(normalise(text, fold), LETTERS), wanted)] = True
    held = np.asarray([_share(strings, wanted, there) >= HELD for strings in own], bool).reshape(-1, 2)
    found = np.asarray(held.any(axis=1))
    sides = [strings for strings, inside in zip(own, held.ravel(), strict=True) if inside]
    lengths = np.asarray([len(strings) for strings in own]).reshape(-1, 2)
    return Inside(
        found, int((lengths.max(axis=1, initial=0) == 0).sum()), np.unique(np.concatenate([*sides, wanted[:0]]))
    )


def leave_out(splits: Splits, scored: Sequence[Row], fold: Fold) -> Splits:
    """Running text without the texts that hold any of the ``scored`` rows; a note says how many went.

    Raises:
      BadInputError: nothing is left.
    """
    texts = [row.text for _, source in splits.items() for row in source.rows]
    inside = rows_inside(scored, texts, fold)
    if not inside.rows.any():
        return splits
    kept = {
        name: ~texts_holding([row.text for row in source.rows], inside.strings, fold) for name, source in splits.items()
    }
    if not all(mask.any() for mask in kept.values()):
        raise BadInputError(
            f"config.adapt.leave_out_test: every text of {splits.train.spec} holds rows of the task's validation or "
            "test data; name other text with config.adapt.dapt.data"
        )
    left_out = sum(int((~mask).sum()) for mask in kept.values())
    note = (
        f"{left_out:,} of {len(texts):,} texts hold {int(inside.rows.sum()):,} rows of the task's validation or test "
        "data and were left out (adapt.leave_out_test)"
    )

    def part(name: str, source: Source) -> Source:
        return replace(source, rows=[row for row, keep in zip(source.rows, kept[name], strict=True) if keep])

    mixture = splits.mixture and replace(splits.mixture, of_row=splits.mixture.of_row[kept["train"]])
    return replace(
        splits,
        train=part("train", splits.train),
        validation=part("validation", splits.validation),
        notes=[*splits.notes, note],
        mixture=mixture,
    )


def texts_holding(texts: Sequence[str], strings: np.ndarray, fold: Fold) -> np.ndarray:
    """bool ``[texts]``: which texts hold any of ``strings`` (of :class:`Inside`)."""
    return np.asarray([len(_places(windows(normalise(text, fold), LETTERS), strings)) > 0 for text in texts], bool)


def _places(own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where in the sorted ``wanted`` those of ``own`` stand that are there."""
    if not len(wanted):
        return np.zeros(0, np.int64)
    places = np.searchsorted(wanted, own)
    places[places == len(wanted)] = 0
    return places[wanted[places] == own]


def _share(strings: np.ndarray, wanted: np.ndarray, there: np.ndarray) -> float:
    return float(there[np.searchsorted(wanted, strings)].mean()) if len(strings) else 0.0


def check(material: Material) -> Checked:
    """The share of each scored part's rows that stand in the text of the domain stage."""
    if material.adaptation is None:
        return Checked(not_checked="the config names no text to adapt to (adapt.dapt.data)")
    texts, fold = [row.text for row in material.adaptation.rows], material.pack.grammar.fold
    inside = rows_inside([row for part in material.others for row in part.rows], texts, fold)
    holding = int(texts_holding(texts, inside.strings, fold).sum()) if inside.rows.any() else 0
    figures: dict[str, Any] = {"letters": LETTERS, "held": HELD, "short": inside.short, "parts": {}}
    found, start = [], 0
    for part in material.others:
        there = inside.rows[start : start + len(part.rows)]
        start += len(part.rows)
        figures["parts"][part.name] = rate(int(there.sum()), len(there))
        if there.any():
            found.append(_finding(part, there, holding, material.adaptation))
    return Checked(figures, found)


def _finding(part: Part, inside: np.ndarray, holding: int, adaptation: Part) -> Finding:
    scored = part.name != UNSCORED
    ids = [row.id for row, there in zip(part.rows, inside, strict=True) if there]
    share = len(ids) / len(part.rows)
    verb = "stands" if len(ids) == 1 else "stand"
    return finding(
        TEST if scored else VALIDATION,
        "error" if scored else "warning",
        part.name,
        f"{len(ids):,} of the {len(part.rows):,} rows of {part.name} ({share:.1%}) {verb} in {adaptation.name}: "
        + ("scores on them would measure memory" if scored else "what is chosen by them favours that text"),
        share,
        0.0,
        ids,
        f"--config.adapt.leave_out_test=true leaves out the {holding:,} of {len(adaptation.rows):,} texts that share "
        f"{LETTERS} letters in a row with such rows; or name other text.",
    )
