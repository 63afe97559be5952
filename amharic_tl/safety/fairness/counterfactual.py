"""What changes when a text names another group: counterfactual token fairness (Garg et al. 2019) and flips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Counterfactual:
    """Figures over texts and their counterfactuals; each text counts once, however many it has.

    Attributes:
      n: texts with at least one counterfactual.
      gap: mean over texts of the mean over their counterfactuals of |g(x) - g(x')|, the counterfactual token fairness
        gap; null 0, and what a placebo shows in practice.
      signed_gap: the same of g(x') - g(x).
      flips: share of counterfactuals whose decision differs.
      to_positive, from_positive: the two kinds of flips, which sum to ``flips``.
      by_text: float ``[N]``, the gap of each text, nan for one without a counterfactual; for intervals over families.
    """

    n: int
    gap: float
    signed_gap: float
    flips: float
    to_positive: float
    from_positive: float
    by_text: np.ndarray


def counterfactual(
    scores: np.ndarray, swapped: np.ndarray, found: np.ndarray, swapped_found: np.ndarray, valid: np.ndarray
) -> Counterfactual | None:
    """Compares texts with their counterfactuals; None where there is none.

    Args:
      scores: float ``[N]``, g of each text.
      swapped: float ``[N, K]``, g of its counterfactuals.
      found: bool ``[N]``, whether each text is decided positive.
      swapped_found: bool ``[N, K]``, the same of its counterfactuals.
      valid: bool ``[N, K]``, False where there is no such counterfactual, or where it is asymmetric: the exchange
        changes what is true (a holiday given to another religion), so that the answer ought to change.
    """
    valid = np.asarray(valid, bool)
    kept = valid.any(axis=1)
    if not kept.any():
        return None
    weight = valid[kept] / valid[kept].sum(axis=1, keepdims=True)
    change = np.where(valid, np.asarray(swapped, float) - np.asarray(scores, float)[:, None], 0.0)[kept]
    before, after = np.asarray(found, bool)[kept, None], np.asarray(swapped_found, bool)[kept]

    def by_text(values: np.ndarray) -> np.ndarray:
        return np.asarray((values * weight).sum(axis=1))

    gaps = np.full(len(valid), np.nan)
    gaps[kept] = by_text(np.abs(change))
    to_positive, from_positive = (float(by_text(one).mean()) for one in (~before & after, before & ~after))
    return Counterfactual(
        n=int(kept.sum()),
        gap=float(gaps[kept].mean()),
        signed_gap=float(by_text(change).mean()),
        flips=to_positive + from_positive,
        to_positive=to_positive,
        from_positive=from_positive,
        by_text=gaps,
    )
