"""How features of training rows and of unlabelled target rows are brought together."""

from __future__ import annotations

from dataclasses import dataclass, field

from amharic_tl.config.data import Sources
from amharic_tl.config.leaf import leaf


@dataclass(frozen=True)
class CoralConfig:
    """CORAL: equal covariances."""

    weight: float = leaf(0.0, "Weight of the distance of covariances of features. 0 is off.", minimum=0.0, maximum=1e9)


@dataclass(frozen=True)
class MMDConfig:
    """Maximum mean discrepancy: equal distributions, as a family of kernels sees them."""

    weight: float = leaf(
        0.0, "Weight of the squared maximum mean discrepancy of features. 0 is off.", minimum=0.0, maximum=1e9
    )


@dataclass(frozen=True)
class AlignmentConfig:
    """Features of training rows and of unlabelled target rows are brought together. Wrong where labels shift."""

    data: Sources = leaf(None, "Target rows, as data.train; only their texts (data.text) are read.")
    rows: int | None = leaf(
        None, "Target rows an update, over the whole mesh; none: as many as train.batch_size.", minimum=2
    )
    coral: CoralConfig = field(default_factory=CoralConfig)
    mmd: MMDConfig = field(default_factory=MMDConfig)
    despite_label_shift: bool = leaf(
        False, "Align although the labels of the target are estimated to be shifted; otherwise such a run is refused."
    )
