"""What varies, as values: a point is ``{config leaf: value}``, and small pure functions make tuples of points.

prod(param("optim.lr", [1e-4, 3e-4]), param("transfer.method", ["full", "head"]))     # 4 points
zip(param("transfer.method", ["full", "head"]), param("optim.lr", [1e-4, 1e-3]))      # 2 points
chain(param("transfer.method", ["head"]), zip(...))                                   # one set after the other
subsample(prod(...), 20, seed=0)                                                      # 20 of them, drawn once
seeds(5)                                                                              # train.seed 0 to 4
"""

from __future__ import annotations

import builtins
import itertools
import random
from collections.abc import Iterable, Mapping
from typing import Any

from amharic_tl.errors import ConfigError, name_some

Point = Mapping[str, Any]
Points = tuple[Point, ...]

SEED = "train.seed"


def param(leaf: str, values: Iterable[Any]) -> Points:
    """One point a value of one leaf.

    Args:
      leaf: its dotted name (``optim.lr``).
      values: at least one, each once; a text is one value, never its letters.

    Raises:
      ConfigError: no value, a value twice, or a text in place of a list.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ConfigError(f"param({leaf!r}): expected a list of values, found {values!r}; write [{values!r}]")
    listed = list(values)
    if not listed:
        raise ConfigError(f"param({leaf!r}): expected at least one value, found none")
    twice = [value for index, value in enumerate(listed) if value in listed[:index]]
    if twice:
        raise ConfigError(f"param({leaf!r}): {name_some(map(repr, twice))} stands there twice; name each value once")
    return tuple({leaf: value} for value in listed)


def prod(*sets: Iterable[Point]) -> Points:
    """Every combination of one point of each set; the last set varies fastest.

    Raises:
      ConfigError: a leaf stands in two of the sets.
    """
    return tuple(_merge("prod", combination) for combination in itertools.product(*_listed(sets)))


def zip(*sets: Iterable[Point]) -> Points:
    """The first points of all sets together, the second ones together, and so on.

    Raises:
      ConfigError: sets of different length, or a leaf that stands in two of them.
    """
    listed = _listed(sets)
    lengths = [len(points) for points in listed]
    if len(set(lengths)) > 1:
        told = "; ".join(f"{_leaves(points)}: {len(points)}" for points in listed)
        raise ConfigError(f"zip: expected sets of one length, found {told}. Use prod for every combination.")
    return tuple(_merge("zip", together) for together in builtins.zip(*listed, strict=True))


def chain(*sets: Iterable[Point]) -> Points:
    """One set after the other. A leaf that a point does not name keeps the value of the sweep's base there."""
    return tuple(itertools.chain.from_iterable(_listed(sets)))


def subsample(points: Iterable[Point], count: int, seed: int = 0) -> Points:
    """``count`` of the points, drawn without replacement, in their order: a random search with a fixed budget.

    Raises:
      ConfigError: fewer than 1, or more than there are.
    """
    (listed,) = _listed([points])
    if not 1 <= count <= len(listed):
        raise ConfigError(f"subsample: expected a count from 1 to the {len(listed)} points there are, found {count}")
    chosen = sorted(random.Random(seed).sample(range(len(listed)), count))
    return tuple(listed[index] for index in chosen)


def seeds(which: int | Iterable[int]) -> Points:
    """Points of ``train.seed``: 0 to ``which`` - 1, or the seeds named.

    Raises:
      ConfigError: none.
    """
    if isinstance(which, int):
        if which < 1:
            raise ConfigError(f"seeds: expected at least 1, found {which}")
        which = range(which)
    return param(SEED, which)


def _listed(sets: Iterable[Iterable[Point]]) -> list[Points]:
    listed = [tuple(points) for points in sets]
    strangers = [point for points in listed for point in points if not isinstance(point, Mapping)]
    if strangers:
        raise ConfigError(
            f"expected sets of points such as param('optim.lr', [1e-4, 3e-4]), found {name_some(map(repr, strangers))}"
        )
    return listed


def _merge(function: str, points: Iterable[Point]) -> Point:
    merged: dict[str, Any] = {}
    for point in points:
        doubled = sorted(merged.keys() & point.keys())
        if doubled:
            raise ConfigError(
                f"{function}: {name_some(doubled)} is set by two of the sets; name a leaf in one of them only"
            )
        merged |= point
    return merged


def _leaves(points: Points) -> str:
    return name_some(sorted({leaf for point in points for leaf in point})) or "nothing"
