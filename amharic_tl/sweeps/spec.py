"""A spec: a question, the arms that answer it, and the file it is written in."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amharic_tl.config.files import configs_folder, execute, files_by_name
from amharic_tl.errors import BadInputError, MissingInputError
from amharic_tl.sweeps.algebra import Point, Points, seeds
from amharic_tl.sweeps.measured import Question


@dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Attributes:
      point: the leaves that make it, leaf -> value.
      tuning: configurations among which its validation scores choose; empty: nothing is chosen.
    """

    point: Point
    tuning: Sequence[Point] = ()


@dataclass(frozen=True)
class Sweep:
    """What ``get_sweep()`` of a spec file returns.

    Attributes:
      arms: what is compared: points of the algebra, or :class:`Arm` with a tuning grid (see :func:`tuned`).
      base: what all runs share: a preset or config file by name, or leaves.
      fixed: leaves laid over the base, in every run.
      seeds: points of ``train.seed``; every configuration runs with each of them.
      question: what is measured, against which control, and what is expected.
      minutes: what one run takes, for the estimate before the first is measured; None: not known.
    """

    arms: Sequence[Point | Arm]
    base: str | Mapping[str, Any] = "classify"
    fixed: Mapping[str, Any] = field(default_factory=dict)
    seeds: Points = field(default_factory=lambda: seeds(1))
    question: Question = field(default_factory=Question)
    minutes: float | None = None


def tuned(arms: Iterable[Point], grid: Iterable[Point]) -> tuple[Arm, ...]:
    """Each of the points as an arm whose configuration is chosen from ``grid`` on validation scores.

    Arms of one comparison need equally many configurations; their grids may differ (``(*tuned(a, x), *tuned(b, y))``).
    """
    shared = tuple(grid)
    return tuple(Arm(point, shared) for point in arms)


def specs() -> dict[str, Path]:
    """The specs that come with the package, by name."""
    return files_by_name(configs_folder() / "sweeps")


def load_spec(name: str) -> tuple[str, Sweep]:
    """Finds and executes a spec: a path, or the name of one that comes with the package.

    Returns:
      Its name, which is the file's without its ending, and the sweep.

    Raises:
      MissingInputError: neither a file nor a spec by that name.
      BadInputError: the file defines no ``get_sweep()``, fails, or returns something else.
      ConfigError: what it says is not a sweep (points that do not fit together).
    """
    path, known = Path(name), specs()
    if not path.is_file():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise MissingInputError(
                f"SPEC: there is no file {name!r}, and no spec of that name; {hint}the specs are {', '.join(known)}"
            )
        path = known[name]
    if path.suffix != ".py":
        raise BadInputError(f"SPEC: {path} does not end in .py; a spec is a file that defines get_sweep()")
    sweep = execute(path, "get_sweep", "SPEC")
    if not isinstance(sweep, Sweep):
        raise BadInputError(f"SPEC: get_sweep() of {path} returned {type(sweep).__name__}, expected a sweeps.Sweep")
    _check_types(sweep, path)
    return path.stem, dataclasses.replace(sweep, arms=tuple(sweep.arms), seeds=tuple(sweep.seeds))


def _check_types(sweep: Sweep, path: Path) -> None:
    """A spec is written by hand: what a field cannot be is said before anything is made of it."""
    expected: dict[str, tuple[type, ...]] = {
        "arms": (tuple, list),
        "base": (str, Mapping),
        "fixed": (Mapping,),
        "seeds": (tuple, list),
        "question": (Question,),
        "minutes": (int, float, type(None)),
    }
    for name, kinds in expected.items():
        value = getattr(sweep, name)
        if not isinstance(value, kinds):
            kind = " or ".join(one.__name__ for one in kinds)
            raise BadInputError(f"SPEC: {path}: {name}: expected {kind}, found {type(value).__name__}")
    if sweep.minutes is not None and not sweep.minutes > 0:
        raise BadInputError(f"SPEC: {path}: minutes: expected a number above 0, found {sweep.minutes!r}")
