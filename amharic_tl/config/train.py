"""How long, on how much, and what is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from amharic_tl.config.leaf import leaf
from amharic_tl.config.stability import StabilityConfig


@dataclass(frozen=True)
class TrainConfig:
    """How long, on how much, and what is kept."""

    epochs: float | None = leaf(5.0, "Passes over the training data; ignored when train.steps is set.", above=0.0)
    steps: int | None = leaf(None, "Updates; overrides train.epochs.", minimum=1)
    batch_size: int = leaf(32, "Examples per update over the whole mesh.", minimum=1)
    microbatch: int | None = leaf(None, "Examples per forward pass; divides train.batch_size.", minimum=1)
    remat: str | tuple[str, ...] = leaf(
        "none",
        "What each block keeps for the backward pass: none (it computes nothing again), dots (products with weights), "
        "full (its input alone), or rules PATTERN=POLICY for blocks by name (.*layer.[0-5]=full); first match holds.",
    )
    seed: int = leaf(0, "Seeds the head, dropout, the order of the data and masking.", minimum=0, maximum=2**32 - 1)
    evaluate_every: int | None = leaf(None, "Steps between evaluations; none: once an epoch.", minimum=1)
    save_every: int | None = leaf(None, "Steps between checkpoints; none: at each evaluation.", minimum=1)
    log_every: int = leaf(10, "Steps between lines of metrics.jsonl and of the progress.", minimum=1)
    select_by: str = leaf(
        "validation/macro_f1", "Which figure picks the best checkpoint (loss and bits_per_character: lower is better)."
    )
    patience: int | None = leaf(
        None, "Evaluations without a better train.select_by before stopping; none: never.", minimum=1
    )
    class_weights: Literal["none", "balanced"] = leaf(
        "none", "balanced: weight n / (classes x count of the class), as scikit-learn."
    )
    label_smoothing: float = leaf(0.0, "Share of the target spread over all classes.", minimum=0.0, maximum=0.9)
    max_non_finite: int = leaf(
        5, "Updates in a row with a non-finite loss or gradient that are skipped before the run stops (71).", minimum=0
    )
    stuck_after: int | None = leaf(
        3600,
        "Seconds without a step, evaluation batch or line of progress after which `amharic-tl train` says where "
        "it stands and ends (75); compiling and reading data count too; none: never.",
        minimum=1,
    )
    stability: StabilityConfig = field(default_factory=StabilityConfig)
