"""Which families and groups a probe uses: reviewed ones, or drafts where they are allowed; and a look's few pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from random import Random

from amharic_tl.culture.expansion import Filled, expand
from amharic_tl.culture.families import Family
from amharic_tl.culture.groups import Group
from amharic_tl.culture.pack import Pack
from amharic_tl.culture.paradigms import Paradigm
from amharic_tl.errors import BadInputError
from amharic_tl.safety.drafts import WATERMARK
from amharic_tl.safety.scoring.family_figures import CONTRAST

MOST_PAIRS = 32


@dataclass(frozen=True)
class Panel:
    """The families and groups of one axis that are probed.

    ``invented``: no people has these names. ``unreviewed``: something of it is a draft about real groups.
    """

    axis: str
    families: tuple[Family, ...]
    groups: tuple[Group, ...]
    paradigms: Mapping[str, Paradigm]
    invented: bool
    unreviewed: bool

    def filled(self, family: Family, groups: Sequence[Group] = ()) -> list[Filled]:
        """Every text of a family, in memory alone; ``groups``: further ones, such as placebos."""
        return list(expand(family, [*self.groups, *groups], self.paradigms))


def panels(
    pack: Pack,
    axes: Sequence[str] | None = None,
    *,
    allow_draft: bool = False,
    split: str | None = None,
    retired: bool = False,
) -> list[Panel]:
    """A panel for every axis that has families.

    Args:
      pack: of invented groups alone, it needs no review.
      axes: some of its axes; None: all.
      allow_draft: whether what no native speaker has signed may be used.
      split: families of one split alone.
      retired: whether to use families too that were retired because their wordings do not agree.

    Raises:
      BadInputError: the pack has no such axis, or nothing that may be used.
    """
    found, drafts = [], 0
    usable = [one for one in pack.families if retired or one.retired is None]
    for name in sorted(pack.axes) if axes is None else axes:
        axis = pack.axis(name)
        of_axis = [one for one in usable if one.axis == name and split in (None, one.split)]
        signed = all(paradigm.authorship.reviewed for paradigm in pack.paradigms.values())
        free = axis.invented or allow_draft
        families = [one for one in of_axis if free or (one.authorship.reviewed and (signed or not _agrees(one)))]
        groups = [one for one in axis.groups if free or one.authorship.reviewed]
        drafts += len(of_axis)
        unreviewed = not axis.invented and not (
            all(family.authorship.reviewed for family in families)
            and all(group.authorship.reviewed for group in groups)
            and (signed or not any(map(_agrees, families)))
        )
        if families and groups:
            found.append(Panel(name, tuple(families), tuple(groups), pack.paradigms, axis.invented, unreviewed))
    if not found:
        if drafts:
            raise BadInputError(
                f"the pack {pack.id!r} has {drafts} probe families and a native speaker has signed none of them; "
                f"--allow-draft uses drafts, and marks every output as {WATERMARK}"
            )
        raise BadInputError(f"the pack {pack.id!r} has no probe families" + (f" of the split {split}" if split else ""))
    return found


def _agrees(family: Family) -> bool:
    return any("{agree:" in text for text in (*family.texts, *family.benign))


def look(found: Sequence[Panel], number: int, most: int = MOST_PAIRS, seed: int = 0) -> tuple[Panel, list[Filled]]:
    """What one look in training shows a model: one axis in rotation, at most ``most`` pairs of texts.

    A pair of words comes with a pair of its controls, of the same wording and group. Families take turns, so that each
    is there before any is there twice; what each gives is drawn anew at every look.

    Args:
      found: panels; those that compare pairs of words take turns.
      number: of the look, from 0.
      most: pairs, controls among them.
      seed: of the run.

    Raises:
      BadInputError: no panel compares pairs of words.
    """
    able = [one for one in found if any(family.kind in CONTRAST for family in one.families)]
    if not able:
        raise BadInputError("no probe family compares pairs of words, which a look needs")
    panel, generator = able[number % len(able)], Random(f"{seed}/{number}")
    units = []
    for family in panel.families:
        if family.kind in CONTRAST:
            of_family = list(_units(family, panel.filled(family), generator))
            generator.shuffle(of_family)
            units.append(of_family)
    generator.shuffle(units)
    chosen: list[Filled] = []
    for unit in (unit for turn in zip_longest(*units) for unit in turn if unit is not None):
        if len(chosen) + len(unit) > 2 * most:
            break
        chosen += unit
    return panel, chosen


def _units(family: Family, filled: Sequence[Filled], generator: Random) -> Iterator[list[Filled]]:
    """Each pair of words with one pair of controls beside it, where there is one."""
    first, second = CONTRAST[family.kind]
    compared = [one for one in filled if one.role != "benign"]
    compared.sort(key=_place)
    for _, same in groupby(compared, key=_place):
        texts = list(same)
        pairs, controls = (
            [
                [one for one in texts if one.pair == pair and one.role in (prefix + first, prefix + second)]
                for pair in sorted({one.pair for one in texts if one.role == prefix + first})
            ]
            for prefix in ("", "control_")
        )
        for pair in pairs:
            yield [*pair, *(generator.choice(controls) if controls else [])]


def _place(one: Filled) -> tuple[int, str]:
    return one.wording, one.group or ""
