"""What of the pretrained model trains, and from when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from amharic_tl.config.adapters import AdaptersConfig
from amharic_tl.config.alignment import AlignmentConfig
from amharic_tl.config.leaf import leaf
from amharic_tl.config.regularizers import RegularizersConfig
from amharic_tl.config.rule_texts import RuleText


@dataclass(frozen=True)
class TransferConfig:
    """What of the pretrained model trains, and from when."""

    method: Literal[
        "full",
        "head",
        "top-layers",
        "lp-ft",
        "gradual",
        "plateau",
        "surgical",
        "bias-only",
        "embeddings-first",
        "lora",
        "rules",
    ] = leaf("full", "Which parameters train, and from when; docs/transfer.md says when which.")
    trainable_layers: int | None = leaf(
        None, "top-layers: how many of the top blocks train with head and pooler.", minimum=0
    )
    layer_decay: float = leaf(
        1.0, "Learning rate of a block = that of the block above x this; 1 is off.", above=0.0, maximum=1.0
    )
    rules: tuple[RuleText, ...] | None = leaf(
        None,
        "rules: 'PATTERN [frozen] [rate=0.5] [decay=0] [from=2epochs]; ...' over parameter names; the first match "
        "holds.",
    )
    stage_length: str = leaf(
        "1epoch",
        "lp-ft, gradual, embeddings-first: how long a stage lasts before the next thaw: 1epoch, 200steps, 25%.",
    )
    thaw_warmup: float = leaf(
        0.02, "Warm-up of what thaws later: a share of all steps below 1, otherwise a number of steps.", minimum=0.0
    )
    groups: int = leaf(3, "gradual, plateau: groups of blocks that thaw one after the other, from the top.", minimum=1)
    group_decay: float | None = leaf(
        None,
        "gradual, plateau: rate of a group = that of the one above / this; none: 2.6 (gradual), 1 (plateau).",
        minimum=1.0,
        maximum=100.0,
    )
    thaw_patience: int = leaf(
        2, "plateau: evaluations without a lower smoothed loss on validation before the next group thaws.", minimum=1
    )
    thaw_smoothing: float = leaf(
        0.7, "plateau: share of the earlier smoothed loss in the next; 0: no smoothing.", minimum=0.0, maximum=0.99
    )
    thaw_delta: float = leaf(0.0, "plateau: by how much the smoothed loss must fall to count as lower.", minimum=0.0)
    blocks: str = leaf(
        "auto",
        "surgical: which blocks train with the head: 3, 0-2 (from the lowest), embeddings, or auto: those with the "
        "largest gradient in relation to their weights.",
    )
    auto_blocks: int = leaf(1, "surgical with blocks=auto: how many neighbouring blocks.", minimum=1)
    auto_batches: int = leaf(8, "surgical with blocks=auto: on how many batches gradients are measured.", minimum=1)
    feature_bytes: int = leaf(
        2_000_000_000,
        "lp-ft: most bytes of main memory for the frozen body's outputs; where they need more, each step makes them "
        "anew.",
        minimum=0,
    )
    reinitialise_layers: int = leaf(
        0, "How many of the top blocks, with the pooler, are drawn anew before training; 0: none.", minimum=0
    )
    regularizers: RegularizersConfig = field(default_factory=RegularizersConfig)
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    adapters: AdaptersConfig = field(default_factory=AdaptersConfig)
