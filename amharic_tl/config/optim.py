"""The optimiser and the schedule of its learning rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class SlantedTriangularConfig:
    """What is the slanted triangular schedule's own."""

    ratio: float = leaf(32.0, "slanted-triangular: how many times the lowest rate the peak is.", minimum=1.0)


@dataclass(frozen=True)
class WarmupStableDecayConfig:
    """What is the own of a schedule with a stable stretch between warm-up and cooldown."""

    cooldown: float = leaf(
        0.2, "warmup-stable-decay: cooldown, a share of the steps below 1, otherwise steps.", above=0.0
    )
    shape: Literal["1-sqrt", "linear"] = leaf("1-sqrt", "warmup-stable-decay: how the rate falls in the cooldown.")


@dataclass(frozen=True)
class AdafactorConfig:
    """What is Adafactor's own."""

    decay_power: float = leaf(
        0.8, "adafactor: the second moment's decay at update t is 1 - t^-this.", above=0.0, maximum=1.0
    )
    clip_rms: float | None = leaf(
        1.0, "adafactor: largest root mean square of a parameter's update; none: no clipping.", above=0.0
    )
    relative: bool = leaf(
        False, "adafactor: multiply each update by the root mean square of its parameter (rates near 1e-3 or 1e-2)."
    )
    smallest_side: int = leaf(
        128, "adafactor: matrices with a shorter side keep a whole second moment instead of two vectors.", minimum=2
    )


@dataclass(frozen=True)
class LionConfig:
    """What is Lion's own."""

    beta1: float = leaf(0.9, "lion: share of the momentum in the update.", minimum=0.0, maximum=0.9999)
    beta2: float = leaf(0.99, "lion: decay of the momentum.", minimum=0.0, maximum=0.999999)


@dataclass(frozen=True)
class MuonConfig:
    """What is Muon's own."""

    momentum: float = leaf(0.95, "muon: decay of the momentum of matrices in blocks.", minimum=0.0, maximum=0.9999)
    iterations: int = leaf(5, "muon: Newton-Schulz iterations that make the momentum orthogonal.", minimum=1)


@dataclass(frozen=True)
class OptimConfig:
    """The optimiser and the schedule of its learning rate (docs/optimisers.md)."""

    name: Literal["adamw", "adafactor", "lion", "muon"] = leaf("adamw", "The optimiser.")
    lr: float = leaf(5e-5, "Peak learning rate of the top of the model.", above=0.0, maximum=10.0)
    schedule: Literal["linear", "cosine", "constant", "slanted-triangular", "warmup-stable-decay"] = leaf(
        "linear", "What the rate does after the warm-up."
    )
    warmup: float = leaf(0.1, "Warm-up: a share of the steps below 1, otherwise a number of steps.", minimum=0.0)
    floor: float = leaf(
        0.0, "linear, cosine, warmup-stable-decay: the last rate, as a share of optim.lr.", minimum=0.0, maximum=1.0
    )
    weight_decay: float = leaf(0.01, "Decoupled decay; biases and norms have none.", minimum=0.0, maximum=1.0)
    beta1: float = leaf(0.9, "adamw, muon's other parameters: decay of the first moment.", minimum=0.0, maximum=0.9999)
    beta2: float = leaf(
        0.999, "adamw, muon's other parameters: decay of the second moment.", minimum=0.0, maximum=0.999999
    )
    epsilon: float = leaf(
        1e-8, "adamw, muon's other parameters: added to the root of the second moment.", above=0.0, maximum=1.0
    )
    momentum_dtype: Literal["float32", "bfloat16"] = leaf(
        "float32", "adamw, lion, muon: precision in which the first moment is kept."
    )
    clip_norm: float | None = leaf(1.0, "Largest global norm of the trainable gradients; none: no clipping.", above=0.0)
    ema: float | None = leaf(
        None,
        "Decay of a running average of the weights, which is then evaluated, selected by and exported; none: off.",
        above=0.0,
        maximum=0.999999,
    )
    slanted_triangular: SlantedTriangularConfig = field(default_factory=SlantedTriangularConfig)
    warmup_stable_decay: WarmupStableDecayConfig = field(default_factory=WarmupStableDecayConfig)
    adafactor: AdafactorConfig = field(default_factory=AdafactorConfig)
    lion: LionConfig = field(default_factory=LionConfig)
    muon: MuonConfig = field(default_factory=MuonConfig)
