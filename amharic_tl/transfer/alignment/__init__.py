"""Features of two domains: brought together (CORAL, MMD), or compared layer by layer (CKA)."""

from __future__ import annotations

from amharic_tl.config.alignment import AlignmentConfig
from amharic_tl.transfer.alignment.coral import coral
from amharic_tl.transfer.alignment.features import Alignment
from amharic_tl.transfer.alignment.mmd import squared_mmd

__all__ = ["Alignment", "alignment_terms", "coral", "squared_mmd"]


def alignment_terms(config: AlignmentConfig) -> tuple[Alignment, ...]:
    """Those whose weight is above 0."""
    known = (("coral", config.coral.weight, coral), ("mmd", config.mmd.weight, squared_mmd))
    return tuple(Alignment(name, weight, distance) for name, weight, distance in known if weight)
