"""Whether a run's loss stands still, diverges or swings, from the lines of metrics.jsonl alone.

Each answer is a function of the latest lines of the training loss, and says nothing before there are enough of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Name = Literal["plateau", "divergence", "oscillation"]

LINES = 40  # latest lines that are judged
RECENT = 10  # of them that count as now
FALL = 0.05  # share of its level by which a loss that stands still may yet fall over the lines
RISE = 0.1  # share of its level by which a loss that diverges has risen at least
DEVIATIONS = 4.0  # robust standard deviations by which it has
SWING = 0.1  # share of the level that a swing's amplitude has at least
HALF, WHOLE = -0.4, 0.3  # autocorrelation half a period, and a period, later
LEVEL = 1e-3  # nats; below, relative changes mean nothing


@dataclass(frozen=True)
class Trend:
    """What is seen in the training loss.

    Attributes:
      name: which.
      first_step: of the lines that it is seen in.
      step: the last of them.
      figure: as told to a user.
    """

    name: Name
    first_step: int
    step: int
    figure: str


def trends(lines: Iterable[Mapping[str, Any]], up_to: int | None = None) -> list[Trend] | None:
    """What is seen in the latest lines; None while there are fewer than 40.

    Args:
      lines: of metrics.jsonl, in order; those of skipped updates have no loss, and count as none.
      up_to: only lines up to this step.
    """
    import numpy as np

    found = [
        (int(line["step"]), float(line["loss"]))
        for line in lines
        if line.get("split") == "train" and line.get("loss") is not None and (up_to is None or line["step"] <= up_to)
    ]
    if len(found) < LINES:
        return None
    steps, losses = (np.asarray(column, float) for column in zip(*found[-LINES:], strict=True))
    lowest = min(float(np.median(losses[at : at + RECENT])) for at in range(0, LINES - RECENT, RECENT))
    seen = {"divergence": _divergence(losses, lowest), "oscillation": _oscillation(losses)}
    if not any(seen.values()):
        seen["plateau"] = _plateau(losses)
    return [
        Trend(name, int(steps[0]), int(steps[-1]), figure)  # type: ignore[arg-type]
        for name, figure in seen.items()
        if figure
    ]


def began(lines: Iterable[Mapping[str, Any]], before: int, step: int) -> list[Trend]:
    """What is seen at ``step`` and was not at ``before``, the look before it."""
    lines = list(lines)
    earlier = {trend.name for trend in trends(lines, before) or []}
    return [trend for trend in trends(lines, step) or [] if trend.name not in earlier]


def _plateau(losses: np.ndarray) -> str:
    """Stands still: even the steepest fall that fits the lines is small (an equivalence test on Theil's slope).

    The 95% interval of the slope is that of Sen (1968), as scipy has it.
    """
    import numpy as np
    from scipy.stats import theilslopes

    level = float(np.median(losses))
    if level <= LEVEL:
        return ""
    slope = theilslopes(losses, np.arange(LINES), alpha=0.95)
    fall = -float(slope.low_slope) * LINES / level
    rise = float(slope.high_slope) * LINES / level
    if fall > FALL or rise > RISE:
        return ""
    return f"training loss {level:.4g}, falling by at most {max(fall, 0.0):.1%} over the last {LINES} lines"


def _divergence(losses: np.ndarray, lowest: float) -> str:
    """Rises: the latest lines lie above the lowest ten of those before by far more than they scatter."""
    import numpy as np

    now = losses[-RECENT:]
    median = float(np.median(now))
    scatter = float(np.median(np.abs(np.diff(losses)))) / (0.6745 * math.sqrt(2))
    error = scatter * 1.2533 * math.sqrt(2 / RECENT)  # of a difference of medians of normal noise
    risen = median - lowest
    if risen <= max(DEVIATIONS * error, RISE * abs(lowest)) or lowest <= LEVEL > median:
        return ""
    return f"training loss {median:.4g} over the last {RECENT} lines, {lowest:.4g} at the lowest before"


def _oscillation(losses: np.ndarray) -> str:
    """Swings with a period: the lines, without their trend, are alike a period later and opposite half of one."""
    import numpy as np

    level = float(np.median(losses))
    places = np.arange(LINES)
    rest = losses - np.polyval(np.polyfit(places, losses, 1), places)
    amplitude = float(np.sqrt(2 * np.mean(rest**2)))
    if level <= LEVEL or amplitude < SWING * level:
        return ""
    correlation = [1.0] + [float(np.sum(rest[lag:] * rest[:-lag]) / np.sum(rest**2)) for lag in range(1, LINES // 2)]
    for half in range(1, LINES // 4):
        if correlation[half] <= HALF and correlation[2 * half] >= WHOLE:
            return f"training loss {level:.4g} swings by {amplitude:.2g} with a period of about {2 * half} lines"
    return ""
