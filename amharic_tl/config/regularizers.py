"""What holds a fine-tuned model back: from its base, from its own noise, from certainty."""

from __future__ import annotations

from dataclasses import dataclass, field

from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class L2SPConfig:
    """L2-SP: a pull towards the pretrained parameters in place of weight decay."""

    weight: float = leaf(
        0.0,
        "Pull of pretrained parameters towards their start (alpha; 0.01 to 0.1); weight decay is off then. 0 is off.",
        minimum=0.0,
        maximum=1000.0,
    )
    new_weight: float = leaf(
        0.01, "Pull of newly drawn parameters towards 0 (beta), where weight is above 0.", minimum=0.0, maximum=1000.0
    )


@dataclass(frozen=True)
class RDropConfig:
    """R-Drop: two passes with different dropout are to agree."""

    weight: float = leaf(
        0.0,
        "R-Drop's alpha (0.1 to 1; translation 5): a second pass that must agree with the first. 0 is off.",
        minimum=0.0,
        maximum=1000.0,
    )


@dataclass(frozen=True)
class BaseKLConfig:
    """A penalty on leaving the distributions of the model that training began with."""

    weight: float = leaf(
        0.0,
        "Weight of the KL divergence from the frozen base's predictions on the same rows. 0 is off.",
        minimum=0.0,
        maximum=1000.0,
    )


@dataclass(frozen=True)
class RegularizersConfig:
    """What holds a fine-tuned model back. Each is off at weight 0 and costs nothing then."""

    l2_sp: L2SPConfig = field(default_factory=L2SPConfig)
    r_drop: RDropConfig = field(default_factory=RDropConfig)
    base_kl: BaseKLConfig = field(default_factory=BaseKLConfig)
