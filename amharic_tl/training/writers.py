"""What a run writes while it goes on: figures by step, timing, events, TensorBoard. Process 0 alone writes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax

from amharic_tl.records.files import append_line, truncate_file
from amharic_tl.records.signals import AlertLine, SafetySignal
from amharic_tl.records.workdir import REWOUND_FILES, Workdir
from amharic_tl.training.tensorboard import TensorBoard


class Writer:
    """Appends whole lines to the workdir's files; in other processes than the first it does nothing.

    ``write_scalars``, ``flush`` and ``close`` are named as in ``clu.metric_writers``, which cannot be imported
    without TensorFlow. ``say`` tells the user that TensorBoard had to be switched off.
    """

    def __init__(self, workdir: Workdir, tensorboard: bool, say: Callable[[str], None] = print) -> None:
        self._workdir = workdir
        self._active = jax.process_index() == 0
        self._tensorboard = TensorBoard(workdir.tensorboard, say) if tensorboard and self._active else None

    def write_scalars(self, step: int, scalars: Mapping[str, float], split: str = "train") -> None:
        """One line of metrics.jsonl. Nothing in it may derive from a clock."""
        if not self._active:
            return
        append_line(self._workdir.metrics, {"step": step, "split": split, **scalars})
        self._to_tensorboard(step, {f"{split}/{name}": value for name, value in scalars.items()})

    def write_timing(self, step: int, scalars: Mapping[str, float | None]) -> None:
        """One line of timing.jsonl."""
        if self._active:
            append_line(self._workdir.timing, {"step": step, **scalars})
            self._to_tensorboard(step, {f"timing/{name}": v for name, v in scalars.items() if v is not None})

    def write_event(self, step: int, event: str, **details: Any) -> None:
        """One line of events.jsonl, which only grows."""
        if self._active:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
            append_line(self._workdir.events, {"step": step, "event": event, "time": now, **details})

    def write_safety(self, signals: Iterable[SafetySignal], alerts: Iterable[AlertLine]) -> None:
        """Lines of safety.jsonl and alerts.jsonl."""
        if not self._active:
            return
        for signal in signals:
            append_line(self._workdir.safety, signal.to_dict())
            if signal.value is not None and signal.state != "insufficient":
                tag = f"safety/{signal.split}/{signal.axis}/{signal.group}/{signal.name}/{signal.scope}"
                self._to_tensorboard(signal.step, {tag: signal.value})
        for alert in alerts:
            append_line(self._workdir.alerts, alert.to_dict())

    def _to_tensorboard(self, step: int, scalars: Mapping[str, float]) -> None:
        if self._tensorboard is not None:
            self._tensorboard.add(step, scalars)

    def flush(self) -> None:
        """Lines are on disk already; this is for TensorBoard."""
        if self._tensorboard is not None:
            self._tensorboard.flush()

    def close(self) -> None:
        """Ends the TensorBoard file."""
        if self._tensorboard is not None:
            self._tensorboard.close()

    def lengths(self) -> dict[str, int]:
        """Bytes of the files that a resumption rewinds, for the checkpoint to remember."""
        return {name: path.stat().st_size if path.exists() else 0 for name, path in _rewound(self._workdir.root)}

    def rewind(self, lengths: Mapping[str, int]) -> None:
        """Cuts those files back to what they held when the checkpoint was saved (absent ones: to nothing)."""
        if self._active:
            for name, path in _rewound(self._workdir.root):
                truncate_file(path, lengths.get(name, 0))


def _rewound(root: Path) -> list[tuple[str, Path]]:
    return [(name, root / name) for name in REWOUND_FILES]
