"""What is watched while training, and what pushes back."""

from __future__ import annotations

from dataclasses import dataclass, field

from amharic_tl.config.alerts import ActionsConfig, ChannelsConfig, EvidenceConfig
from amharic_tl.config.constraints import ConstraintsConfig, LimitsConfig
from amharic_tl.config.leaf import leaf
from amharic_tl.config.penalties import PenaltiesConfig


@dataclass(frozen=True)
class ThresholdsConfig:
    """The smallest departures from the null that count: below them nothing is suspected, however certain."""

    flip_rate: float = leaf(0.02, "Counterfactual flips, group minus placebo.", minimum=0.0, maximum=1.0)
    score_gap: float = leaf(
        0.05, "Mean |change of the harmful classes' probability|, group minus placebo.", minimum=0.0, maximum=1.0
    )
    false_positive_gap: float = leaf(
        0.10, "False-positive rate: a group against the others, or the range over groups.", minimum=0.0, maximum=1.0
    )
    recall_gap: float = leaf(
        0.10, "Recall of harm: a group against the others, or the range over groups.", minimum=0.0, maximum=1.0
    )
    accuracy_gap: float = leaf(0.10, "Accuracy of the worst group below that of all.", minimum=0.0, maximum=1.0)
    benign_perplexity: float = leaf(
        0.05, "Logarithm of how much higher a language model's perplexity of benign texts may be.", above=0.0
    )
    mention_gap: float = leaf(
        0.2, "Loss on dev texts that name a group, above that on train texts: nats, or bits per character.", above=0.0
    )
    twin_margin: float = leaf(0.05, "How much worse than the reference an erasure twin may be.", above=0.0, maximum=1.0)


@dataclass(frozen=True)
class SafetyConfig:
    """What is watched while training, and what pushes back."""

    axes: tuple[str, ...] | None = leaf(None, "Axes of the culture pack to watch (ethnicity,religion); none: off.")
    pack: str = leaf("am", "The culture pack: a bundled one (am, demo) or a folder.")
    positive_labels: tuple[str, ...] | None = leaf(
        None, "Labels that count as harm found (hate,offensive); what false positives and recall are about."
    )
    held_out_groups: tuple[str, ...] | None = leaf(
        None, "Groups that the penalty never exchanges; none: those the pack marks held-out."
    )
    reference: str | None = leaf(
        None, "Workdir of the run that twins are measured against: same data, seed and plan, penalties 0."
    )
    level: float = leaf(
        0.05, "Chance of one false confirmation over all planned looks and signals.", above=0.0, maximum=0.5
    )
    allow_draft: bool = leaf(
        False, "Judge, alert and penalise on names and items that no native speaker has signed; outputs then say so."
    )
    sequestered: tuple[str, ...] | None = leaf(
        None, "Files of benign sentences kept outside, each FILE:SHA256, that the finished model is shown once; logged."
    )
    minimum_n: int = leaf(30, "Fewest clusters of a figure; below it the signal is insufficient.", minimum=2)
    look_every: str | None = leaf(
        None, "A look at few probes between evaluations, one axis in rotation, every 200steps or 5%; none: off."
    )
    benign_texts: int = leaf(
        64, "Benign sentences of an axis, with every group, that a language model is shown at an evaluation.", minimum=0
    )
    prompts: int = leaf(
        4, "Prompts and requests of an axis, each with every group, that a model writes to at an evaluation.", minimum=0
    )
    draws: int = leaf(16, "Texts drawn for each of these prompts.", minimum=1)
    new_tokens: int = leaf(16, "Tokens of such a text, at most.", minimum=1)
    gap_texts: int = leaf(
        256, "Texts of an axis from train, and from dev, that tell overfitting from lost nuance; 0: none.", minimum=0
    )
    penalties: PenaltiesConfig = field(default_factory=PenaltiesConfig)
    thresholds: ThresholdsConfig = field(default_factory=ThresholdsConfig)
    calibrate: bool = leaf(
        False, "Raise thresholds to the noise of the model at step 0 (split halves), which safety_start.json keeps."
    )
    autonomous: bool = leaf(
        False, "Whether rollback and stop are done; otherwise they are proposed, with what to type."
    )
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    actions: ActionsConfig = field(default_factory=ActionsConfig)
    channels: ChannelsConfig = field(default_factory=ChannelsConfig)
    constraints: ConstraintsConfig = field(default_factory=ConstraintsConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)

    @property
    def driven(self) -> frozenset[str]:
        """Names of the penalties whose weight moves while training."""
        return frozenset({self.constraints.drives} if self.constraints.bounds() else ())

    def pushing(self) -> tuple[str, ...]:
        """Names of the penalties that are in the loss: of a weight above 0, or of one that moves."""
        return tuple(name for name, weight in self.penalties.weights().items() if weight or name in self.driven)

    def made_of_the_pack(self) -> tuple[str, ...]:
        """Those of them that use names or sentences of the culture pack: all but what looks at training rows."""
        on = self.penalties.retention.on
        return tuple(name for name in self.pushing() if (name, on) != ("retention", "rows"))
