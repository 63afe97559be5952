"""How long an update takes at the least (Williams et al. 2009), from its operations, its memory traffic and what it
sends; and what a token budget then costs.

The three may run beside each other, or wait for each other: a time between the longest of them and their sum. It is an
optimist's: each at its peak rate.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from amharic_tl.studies.plan.chips import Chip

HOUR = 3600.0


@dataclass(frozen=True)
class Work:
    """What one update does.

    Attributes:
      model_flops: matrix products of the model, forward and backward, over all devices; nothing computed twice.
      flops: the same with what rematerialisation computes again.
      traffic: bytes that each device at least moves to and from its memory.
      sent: bytes that each device sends.
      tokens: places of the batch, padding among them.
    """

    model_flops: int
    flops: int
    traffic: float
    sent: float
    tokens: int


@dataclass(frozen=True)
class StepTime:
    """Seconds of an update: by what takes them, and between which bounds."""

    products: float
    memory: float
    network: float
    least: float
    most: float
    mfu_most: float
    mfu_least: float
    bound: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def traffic(parameters: int, gradients: int, optimiser: int, activations: int, parts: int, again: bool) -> float:
    """Bytes that an update at least moves on each device.

    Each part reads the parameters forward and backward (once more where blocks are computed again), adds its gradients
    to the sum, and writes and reads its activations; the optimiser then reads and writes its state and the parameters.

    Args:
      parameters: bytes of those that a device computes with.
      gradients: bytes.
      optimiser: bytes.
      activations: bytes of one part.
      parts: microbatches.
      again: whether something is rematerialised.
    """
    passes = 3 if again else 2
    return parts * (passes * parameters + 2 * gradients + 2 * activations) + 2 * optimiser + 2 * gradients


def step_time(work: Work, chip: Chip, devices: int, dtype: str) -> StepTime:
    """The bounds of an update's time on ``devices`` chips, with products in ``dtype``."""
    peak = chip.flops[dtype] * devices
    parts = {
        "products": work.flops / peak,
        "memory": work.traffic / chip.bandwidth,
        "network": work.sent / chip.interconnect if devices > 1 else 0.0,
    }
    least, most = max(parts.values()), sum(parts.values())
    ideal = work.model_flops / peak
    bound = max(parts, key=lambda name: parts[name])
    return StepTime(**parts, least=least, most=most, mfu_most=ideal / least, mfu_least=ideal / most, bound=bound)


def budget(work: Work, time: StepTime, tokens: float, devices: int, price: float | None) -> dict[str, Any]:
    """What a token budget takes: updates, hours and chip hours, and their price, each from the least to the most.

    Args:
      work: of an update.
      time: of an update.
      tokens: of the budget; padding counts as the batch holds it.
      devices: chips.
      price: of a chip for an hour; None: no price.
    """
    updates = math.ceil(tokens / work.tokens)
    hours = [updates * seconds / HOUR for seconds in (time.least, time.most)]
    found: dict[str, Any] = {"tokens": tokens, "updates": updates, "hours": hours}
    found["chip_hours"] = [hour * devices for hour in hours]
    if price is not None:
        found["price"] = [hour * devices * price for hour in hours]
    return found
