"""Collapsed seeds: runs that learned nothing. Fine-tuning fails all at once or not at all (Mosbach et al. 2021).

A run has collapsed where everything it predicts of the judged split is the same, or where its score is not better than
that of a constant prediction on the same split (the ``constant`` line of baselines.json). Collapsed runs are counted
and named; they stay in every mean and every test, since leaving them out would make an unstable method look good.
"""

from __future__ import annotations

import math


def collapsed(score: float | None, constant_line: float | None, higher_is_better: bool, same_predictions: bool) -> bool:
    """Whether a run has collapsed.

    Args:
      score: its score; None or NaN (a correlation of constant predictions) is a collapse too.
      constant_line: the score of the constant; None where there is none.
      higher_is_better: of the score.
      same_predictions: whether all its predictions are the same.
    """
    if score is None or not math.isfinite(score) or same_predictions:
        return True
    if constant_line is None or not math.isfinite(constant_line):
        return False
    return score <= constant_line if higher_is_better else score >= constant_line
