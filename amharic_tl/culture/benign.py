"""Harmless sentences that name a group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from amharic_tl.culture.groups import Axis
from amharic_tl.language.authored import Authorship, YamlFile, authorship

PLACEHOLDERS = ("{person}", "{people}")


@dataclass(frozen=True)
class BenignItem:
    """A harmless sentence that names a group: ``{person}`` or ``{people}`` to fill, or whole for one ``group``."""

    id: str
    axis: str
    group: str | None
    text: str
    authorship: Authorship


def read_benign(file: YamlFile, axes: Iterable[YamlFile]) -> tuple[BenignItem, ...]:
    """The sentences in use: neither retired nor about a retired group."""
    gone = {
        (axis.values["axis"], entry["id"])
        for axis in axes
        for entry in axis.values["groups"]
        if authorship(entry).retired
    }
    entries = [entry for entry in file.values["items"] if not authorship(entry).retired]
    return tuple(
        BenignItem(entry["id"], entry["axis"], entry.get("group"), entry["text"], authorship(entry))
        for entry in entries
        if (entry["axis"], entry.get("group")) not in gone
    )


def item_problems(item: BenignItem, axes: Mapping[str, Axis]) -> list[str]:
    """What does not fit the axes, as sentences."""
    if item.axis not in axes:
        return [f"benign item {item.id}: the pack has no axis {item.axis!r}"]
    known = {group.id for group in axes[item.axis].groups}
    if item.group is not None and item.group not in known:
        return [f"benign item {item.id}: the axis {item.axis} has no group {item.group!r}"]
    if (item.group is None) != any(mark in item.text for mark in PLACEHOLDERS):
        return [f"benign item {item.id}: give either a group or one of {', '.join(PLACEHOLDERS)} in its text"]
    return []
