"""Further pretraining of the base on other text, or on the task's own, before the task is learned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from amharic_tl.config.data import Sources
from amharic_tl.config.leaf import leaf
from amharic_tl.config.mixture import MixtureConfig


@dataclass(frozen=True)
class DomainStageConfig:
    """Domain-adaptive pretraining (DAPT): on running text of the task's domain."""

    data: Sources = leaf(None, "Running text, as data.train; none: no such stage.")
    text: str = leaf("text", "The column that holds the text.")
    validation: Sources = leaf(None, "As adapt.dapt.data; none: a tenth of the texts is set aside.")
    steps: int | None = leaf(None, "Updates; overrides adapt.dapt.epochs.", minimum=1)
    epochs: float | None = leaf(None, "Passes over the text; none: one.", above=0.0)
    lr: float = leaf(1e-4, "Peak learning rate; what else optim says holds too.", above=0.0, maximum=10.0)
    mixture: MixtureConfig = field(default_factory=MixtureConfig)


@dataclass(frozen=True)
class TaskStageConfig:
    """Task-adaptive pretraining (TAPT): on the task's own training texts, without their labels."""

    steps: int | None = leaf(None, "Updates; overrides adapt.tapt.epochs.", minimum=1)
    epochs: float | None = leaf(
        None, "Passes over the task's training texts; none, and no steps: no such stage.", above=0.0
    )
    lr: float = leaf(1e-4, "Peak learning rate; what else optim says holds too.", above=0.0, maximum=10.0)


@dataclass(frozen=True)
class AdaptConfig:
    """Stages of further pretraining before the task: DAPT, then TAPT (Gururangan et al. 2020)."""

    dapt: DomainStageConfig = field(default_factory=DomainStageConfig)
    tapt: TaskStageConfig = field(default_factory=TaskStageConfig)
    objective: Literal["auto", "masked-lm", "causal-lm", "span-corruption"] = leaf(
        "auto", "What is learned from the text; auto: what the base's kind of model is pretrained with."
    )
    max_length: int | None = leaf(None, "Tokens of a window of text; none: data.max_length.", minimum=8)
    batch_size: int | None = leaf(None, "Windows an update; none: train.batch_size.", minimum=1)
    evaluate_every: int | None = leaf(None, "Steps between evaluations of a stage; none: once an epoch.", minimum=1)
    leave_out_test: bool = leaf(
        False, "Leave out those texts of adapt.dapt.data that hold rows of the task's validation or test data."
    )
    report: bool = leaf(
        True, "Measure distances of the texts, and the model on the task's validation texts before and after."
    )

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in order."""
        named = {"dapt": self.dapt.data is not None, "tapt": self.tapt.steps or self.tapt.epochs}
        return tuple(name for name, wanted in named.items() if wanted)
