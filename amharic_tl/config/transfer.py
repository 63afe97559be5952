"""What of the pretrained model trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from amharic_tl.config.adapters import AdaptersConfig
from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class TransferConfig:
    """What of the pretrained model trains."""

    method: Literal["full", "head", "top-layers", "lora"] = leaf("full", "Which parameters train.")
    trainable_layers: int | None = leaf(
        None, "top-layers: how many of the top blocks train with head and pooler.", minimum=0
    )
    layer_decay: float = leaf(
        1.0, "Learning rate of a block = that of the block above x this; 1 is off.", above=0.0, maximum=1.0
    )
    adapters: AdaptersConfig = field(default_factory=AdaptersConfig)
