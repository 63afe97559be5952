"""Groups of two axes or more at once, such as women of a religion: any axes, named as the pack names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

JOIN = " & "


def single_groups(mentioned: Sequence[Sequence[str]]) -> list[str]:
    """The group of each row that names exactly one, else the empty string."""
    return [groups[0] if len(groups) == 1 else "" for groups in mentioned]


def intersections(by_axis: Mapping[str, Sequence[str]], most: int = 2) -> dict[str, list[str]]:
    """Crossed groups of every two (to ``most``) axes, by the axes' names joined.

    Args:
      by_axis: for each axis the group of every row, empty for none.
      most: how many axes are crossed at most.

    Returns:
      For each combination the crossed group of every row, empty where it lacks a group on one of the axes.

    Raises:
      ValueError: axes of unequal numbers of rows.
    """
    if len({len(groups) for groups in by_axis.values()}) > 1:
        raise ValueError("every axis needs a group, or an empty one, for each row")
    return {
        JOIN.join(axes): [
            JOIN.join(of) if all(of) else "" for of in zip(*(by_axis[axis] for axis in axes), strict=True)
        ]
        for count in range(2, most + 1)
        for axes in combinations(by_axis, count)
    }
