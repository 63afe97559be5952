"""What of the pretrained model trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from amharic_tl.config.alignment import AlignmentConfig
from amharic_tl.config.leaf import leaf
from amharic_tl.config.regularizers import RegularizersConfig


@dataclass(frozen=True)
class TransferConfig:
    """What of the pretrained model trains."""

    method: Literal["full", "head", "top-layers"] = leaf("full", "Which parameters train.")
    trainable_layers: int | None = leaf(
        None, "top-layers: how many of the top blocks train with head and pooler.", minimum=0
    )
    layer_decay: float = leaf(
        1.0, "Learning rate of a block = that of the block above x this; 1 is off.", above=0.0, maximum=1.0
    )
    reinitialise_layers: int = leaf(
        0, "How many of the top blocks, with the pooler, are drawn anew before training; 0: none.", minimum=0
    )
    regularizers: RegularizersConfig = field(default_factory=RegularizersConfig)
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
