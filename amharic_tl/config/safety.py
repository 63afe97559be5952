"""What is watched while training, and what pushes back."""

from __future__ import annotations

from dataclasses import dataclass, field

from amharic_tl.config.alerts import ActionsConfig, ChannelsConfig, EvidenceConfig
from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class LogitPairingConfig:
    """Counterfactual logit pairing: the distance between a row's logits and those of its swapped copy."""

    weight: float = leaf(0.0, "Weight in the loss; 0 is off and costs nothing.", minimum=0.0, maximum=1000.0)
    pairs: int = leaf(
        8, "Pairs an update, over the whole mesh: an extra forward pass of twice as many rows.", minimum=1
    )


@dataclass(frozen=True)
class PenaltiesConfig:
    """What is added to the loss for safety's sake."""

    logit_pairing: LogitPairingConfig = field(default_factory=LogitPairingConfig)


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
