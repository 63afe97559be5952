"""What is added to the loss for safety's sake: a section and a weight for each penalty."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

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

    def weights(self) -> dict[str, float]:
        """Every penalty's weight by its name; 0: off."""
        return {one.name: getattr(self, one.name).weight for one in fields(self)}

    def on(self) -> tuple[str, ...]:
        """Names of those whose weight is above 0."""
        return tuple(name for name, weight in self.weights().items() if weight)
