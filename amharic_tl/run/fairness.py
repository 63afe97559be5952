"""Fairness of the chosen model at the end of a run: tables of its splits, sequestered banks, fairness.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.records.files import read_json, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.sequestered import score_banks
from amharic_tl.safety.fairness.watched import about_fairness, summary
from amharic_tl.safety.monitoring.classifier import Monitor, Predict


@dataclass(frozen=True)
class FairnessJudge:
    """Writes and says what the chosen model's fairness is; nothing where ``monitor`` is None.

    Attributes:
      monitor: of the run.
      workdir: whose fairness.json is filled.
      write_event: as of the writer.
      say: on the terminal.
      first: whether this process writes.
    """

    monitor: Monitor | None
    workdir: Workdir
    write_event: Callable[..., None]
    say: Callable[[str], None]
    first: bool

    def judge(self, split: str, step: int, gathered: Mapping[str, np.ndarray], record: dict[str, Any]) -> None:
        """The table of a split; ``record``, that of run.json, gets what the screen notes."""
        if self.monitor is None:
            return
        table = self.monitor.fairness(split, step, gathered["labels"], gathered["probabilities"])
        self._add(split, table)
        record.setdefault("safety", {}).setdefault(split, {})["fairness"] = summary(table)
        for line in about_fairness(table):
            self.say(line)

    def score_banks(self, step: int, predict: Predict) -> None:
        """Shows the model the sequestered banks that the config names."""
        if self.monitor is not None and self.monitor.settings.sequestered:
            self._add("sequestered", score_banks(self.monitor, predict, step, self.write_event))

    def _add(self, name: str, value: Any) -> None:
        if self.first:
            stored = read_json(self.workdir.fairness) if self.workdir.fairness.exists() else {}
            write_json(self.workdir.fairness, {**stored, name: value})
