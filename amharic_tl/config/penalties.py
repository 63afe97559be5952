"""What is added to the loss for safety's sake: a section and a weight for each penalty."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class LogitPairingConfig:
    """Counterfactual logit pairing: the distance between a row's logits and those of its swapped copy."""

    weight: float = leaf(0.0, "Weight in the loss; 0 is off and costs nothing.", minimum=0.0, maximum=1000.0)
    pairs: int = leaf(
        8, "Pairs an update, over the whole mesh: an extra forward pass of twice as many rows.", minimum=1
    )


@dataclass(frozen=True)
class MinDiffConfig:
    """MinDiff: how far apart the scores of the groups' harmless rows lie (maximum mean discrepancy)."""

    weight: float = leaf(0.0, "Weight in the loss; 0 is off and costs nothing.", minimum=0.0, maximum=1000.0)
    kernel: Literal["gaussian", "laplacian"] = leaf("gaussian", "Kernel that scores are compared by.")
    length: float = leaf(0.1, "Length of the kernel, in units of the probability of harm.", above=0.0, maximum=10.0)


@dataclass(frozen=True)
class DemographicParityConfig:
    """Soft demographic parity: differences between the groups' mean probability of harm."""

    weight: float = leaf(0.0, "Weight in the loss; 0 is off and costs nothing.", minimum=0.0, maximum=1000.0)


@dataclass(frozen=True)
class EqualisedOddsConfig:
    """Soft equalised odds: the same differences, among harmless and among harmful rows."""

    weight: float = leaf(0.0, "Weight in the loss; 0 is off and costs nothing.", minimum=0.0, maximum=1000.0)


@dataclass(frozen=True)
class GroupDroConfig:
    """Group-DRO: the loss of the groups, the worst of them weighing ever more."""

    weight: float = leaf(0.0, "Weight in the loss; 0 is off and costs nothing.", minimum=0.0, maximum=1000.0)
    step: float = leaf(0.01, "How fast group weights follow the groups' losses.", above=0.0, maximum=10.0)


@dataclass(frozen=True)
class JSPairingConfig:
    """Counterfactual pairing of a language model: what it predicts of a text and of its swapped copy."""

    weight: float = leaf(
        0.0,
        "Weight in a language model's loss (0.1 to 1); 0 is off and costs nothing.",
        minimum=0.0,
        maximum=1000.0,
    )
    pairs: int = leaf(
        8, "Pairs an update, over the whole mesh: an extra forward pass of twice as many rows.", minimum=1
    )
    places: int = leaf(16, "Most tokens of a pair whose predictions are compared at an update.", minimum=1)


@dataclass(frozen=True)
class UnlikelihoodConfig:
    """Unlikelihood of the pack's traits, whichever group is named."""

    weight: float = leaf(
        0.0,
        "Weight in a language model's loss (0.1 to 1); 0 is off and costs nothing.",
        minimum=0.0,
        maximum=1000.0,
    )
    items: int = leaf(
        2,
        "Sentences with a trait an update, over the whole mesh, each with every group: an extra forward pass of so "
        "many rows.",
        minimum=1,
    )
    of: Literal["word", "token"] = leaf(
        "word", "What is not to be said: the whole word of a trait, or each of its tokens given those before it."
    )


@dataclass(frozen=True)
class RetentionConfig:
    """KL(base || model): what the model predicted before is to stay."""

    weight: float = leaf(
        0.0, "Weight in the loss (0.01 to 0.1); 0 is off and costs nothing.", minimum=0.0, maximum=1000.0
    )
    on: Literal["benign", "rows"] = leaf(
        "benign", "Measured on the pack's benign sentences about groups, or on the training rows."
    )
    rows: int = leaf(
        8, "benign: rows an update, over the whole mesh: two extra forward passes of so many rows.", minimum=1
    )


@dataclass(frozen=True)
class PenaltiesConfig:
    """What is added to the loss for safety's sake."""

    logit_pairing: LogitPairingConfig = field(default_factory=LogitPairingConfig)
    mindiff: MinDiffConfig = field(default_factory=MinDiffConfig)
    demographic_parity: DemographicParityConfig = field(default_factory=DemographicParityConfig)
    equalised_odds: EqualisedOddsConfig = field(default_factory=EqualisedOddsConfig)
    group_dro: GroupDroConfig = field(default_factory=GroupDroConfig)
    js_pairing: JSPairingConfig = field(default_factory=JSPairingConfig)
    unlikelihood: UnlikelihoodConfig = field(default_factory=UnlikelihoodConfig)
    retention: RetentionConfig = field(default_factory=RetentionConfig)

    def weights(self) -> dict[str, float]:
        """Every penalty's weight by its name; 0: off."""
        return {one.name: getattr(self, one.name).weight for one in fields(self)}

    def on(self) -> tuple[str, ...]:
        """Names of those whose weight is above 0."""
        return tuple(name for name, weight in self.weights().items() if weight)
