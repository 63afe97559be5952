"""How fast training goes: what is counted between two lines of timing.jsonl."""

from __future__ import annotations

import time
from collections.abc import Mapping

import jax
import numpy as np

from amharic_tl.training.device_memory import peak_memory


class Window:
    """Counts examples, tokens and waiting since the last line of timing.jsonl."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Starts counting anew (after an evaluation or a save, which are no training)."""
        self.began = time.monotonic()
        self.examples = self.tokens = self.steps = 0
        self.waited = 0.0

    def add(self, host: Mapping[str, np.ndarray]) -> None:
        """Counts a finished step: rows of weight above 0, tokens that are not padding."""
        weights = host["weights"]
        self.examples += int((weights > 0).any(axis=tuple(range(1, weights.ndim))).sum()) * jax.process_count()
        self.tokens += int(host["attention_mask"].sum()) * jax.process_count()
        self.steps += 1

    def tokens_per_second(self) -> float | None:
        """None until two steps are counted."""
        seconds = time.monotonic() - self.began
        return self.tokens / seconds if self.steps > 1 and seconds > 0 else None

    def figures(self) -> dict[str, float | None]:
        """The line of timing.jsonl; then counting starts anew."""
        seconds = max(time.monotonic() - self.began, 1e-9)
        figures: dict[str, float | None] = {
            "examples_per_second": self.examples / seconds,
            "tokens_per_second": self.tokens / seconds,
            "step_seconds": seconds / max(self.steps, 1),
            "data_wait_seconds": self.waited,
            "memory_bytes": peak_memory()[0],
        }
        self.restart()
        return figures
