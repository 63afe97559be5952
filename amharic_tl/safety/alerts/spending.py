"""How the level is shared over planned looks, whatever the looks have to do with each other.

An error-spending function (Lan & DeMets, Biometrika 1983) rises from 0 to the level while the share of looks goes from
0 to 1; each look may err with what it rises by. Group-sequential boundaries would use that looks are correlated normals
with known correlations; checkpoints of one run are not, so the increments are taken as they are (a union bound).
"""

from __future__ import annotations

import math
from typing import Literal

Spending = Literal["equal", "pocock", "obrien-fleming"]
# No look is without any: a level of exactly 0 would make a p-value of 0 count for nothing.
_LEAST = 1e-300


def spent(level: float, share: float, kind: Spending) -> float:
    """What of ``level`` may have been spent after ``share`` of the looks.

    Args:
      level: over all looks.
      share: looks so far through planned looks, 0 to 1.
      kind: ``equal``: ``level share``; ``pocock``: ``level ln(1 + (e - 1) share)``; ``obrien-fleming``:
        ``2 - 2 Phi(z / sqrt(share))`` with z the upper ``level / 2`` quantile (Lan & DeMets 1983, alpha 1 and 2).
    """
    from scipy.stats import norm

    if share <= 0:
        return 0.0
    if kind == "equal":
        return level * share
    if kind == "pocock":
        return level * math.log(1 + (math.e - 1) * share)
    return float(2 * norm.sf(norm.isf(level / 2) / math.sqrt(share)))


def share_of_look(level: float, look: int, looks: int, kind: Spending) -> float:
    """What look ``look`` (from 1) of ``looks`` planned ones may spend; later ones than planned what the last may."""
    if kind == "equal":
        return level / looks
    look = min(look, looks)
    return max(spent(level, look / looks, kind) - spent(level, (look - 1) / looks, kind), _LEAST)
