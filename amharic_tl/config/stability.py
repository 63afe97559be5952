"""What training does about its own accidents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class StabilityConfig:
    """What training does about its own accidents."""

    spikes: Literal["off", "watch", "skip"] = leaf(
        "off", "Updates whose loss or gradient leaps: watch records them, skip leaves them out and can go back."
    )
    window: int = leaf(64, "Latest updates with finite figures that a spike is judged against.", minimum=8)
    least: int = leaf(16, "Updates that the window must hold before anything is a spike.", minimum=4)
    deviations: float = leaf(8.0, "Robust standard deviations above the window's median that are a spike.", above=0.0)
    skips: int = leaf(4, "Skipped updates within train.stability.within that lead back to a checkpoint.", minimum=1)
    within: int = leaf(32, "Steps over which skipped updates are counted.", minimum=1)
    rollbacks: int = leaf(2, "How often a run may go back before it stops (71).", minimum=0)
    rate_factor: float = leaf(0.5, "Factor of the learning rate each time the run goes back.", above=0.0, maximum=1.0)
    trends: bool = leaf(True, "Say when the loss stands still, diverges or swings; changes nothing that is trained.")
