"""The optimiser and its schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class OptimConfig:
    """AdamW and its schedule."""

    lr: float = leaf(5e-5, "Peak learning rate of the top of the model.", above=0.0, maximum=10.0)
    schedule: Literal["linear", "cosine", "constant"] = leaf("linear", "Decay after the warm-up.")
    warmup: float = leaf(0.1, "Warm-up: a share of the steps below 1, otherwise a number of steps.", minimum=0.0)
    weight_decay: float = leaf(0.01, "Decoupled decay; biases and norms have none.", minimum=0.0, maximum=1.0)
    beta1: float = leaf(0.9, "Decay of the first moment.", minimum=0.0, maximum=0.9999)
    beta2: float = leaf(0.999, "Decay of the second moment.", minimum=0.0, maximum=0.999999)
    epsilon: float = leaf(1e-8, "Added to the root of the second moment.", above=0.0, maximum=1.0)
    clip_norm: float | None = leaf(1.0, "Largest global norm of the trainable gradients; none: no clipping.", above=0.0)
