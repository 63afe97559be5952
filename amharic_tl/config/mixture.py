"""How several sources of training text are mixed."""

from __future__ import annotations

from dataclasses import dataclass

from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class MixtureConfig:
    """Shares of the sources in a batch; neither set: every row once an epoch, wherever it comes from."""

    temperature: float | None = leaf(
        None,
        "Sources are drawn by size^(1/this): 1 as they are, more evens them out; each name of the data is a source.",
        minimum=1.0,
    )
    weights: tuple[float, ...] | None = leaf(
        None, "Shares of the sources in the order in which they are named (3,1,1), in place of a temperature."
    )

    @property
    def is_set(self) -> bool:
        """Whether sources are mixed by anything but their size."""
        return self.temperature is not None or self.weights is not None
