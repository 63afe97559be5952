"""What a sweep hands to its analysis: one line a run, and the question that the runs answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

Value = str | int | float | bool | None
Status = Literal["finished", "failed", "running", "interrupted", "not started"]


@dataclasses.dataclass(frozen=True)
class MeasuredRun:
    """One run of a sweep, finished or not.

    Attributes:
      run_id: the hash of its resolved config without paths and trackers.
      arm: what varies besides the seed, config leaf -> value (``{"transfer.method": "head"}``).
      seed: ``train.seed``.
      status: only a finished run has scores; every other one is a cell that is not measured.
      scores: the run's final scores, ``"test/macro_f1" -> 0.61``; None where the score is not finite or not defined.
      workdir: where its files lie; None when it was never started.
      minutes: wall-clock minutes over all its attempts.
    """

    run_id: str
    arm: Mapping[str, Value]
    seed: int
    status: Status
    scores: Mapping[str, float | None]
    workdir: Path | None
    minutes: float | None


@dataclasses.dataclass(frozen=True)
class Question:
    """What a sweep asks.

    Attributes:
      measure: the score that answers it, ``split/metric`` (``"test/macro_f1"``).
      control: the arm the others are compared with, config leaf -> value; empty: the first arm.
      higher_is_better: False for losses and gaps.
      text: the question in words, printed above the table.
      hypothesis: what is expected, written before the runs.
    """

    measure: str = "test/macro_f1"
    control: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    higher_is_better: bool = True
    text: str = ""
    hypothesis: str = ""
