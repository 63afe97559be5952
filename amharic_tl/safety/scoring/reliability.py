"""Whether the wordings of a probe family say the same: reliability over paraphrases, of families and of figures.

A family says one thing in five wordings. If the wordings rank the groups alike, what they show is of the groups; if
not, it is of the wordings, and the family says nothing of that model. Reliability is a property of a family *and* a
model: where groups do not differ there is nothing to be reliable about, and every coefficient is near 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from amharic_tl.safety.scoring.family_figures import Contrasts
from amharic_tl.safety.statistics import LEVEL

# What is trusted (Nunnally 1978), and fewest units that a coefficient is computed over.
TRUSTED = 0.7
FEWEST_UNITS = 4


@dataclass(frozen=True)
class Reliability:
    """Cronbach's alpha and its 95% interval; ``units``: what the wordings rank, ``of``: what these are."""

    alpha: float
    low: float
    high: float
    wordings: int
    units: int
    of: str

    @property
    def trusted(self) -> bool:
        """Whether the mean of the wordings may stand for the family."""
        return self.alpha >= TRUSTED


def cronbach_alpha(table: np.ndarray) -> tuple[float, float, float]:
    """Alpha of wordings as items and units as subjects, and Feldt's interval.

    alpha = 1 - MS(residual) / MS(units) of the two-way analysis of variance without replication, which is k/(k-1) (1 -
    sum of the items' variances / variance of their sum) (Cronbach 1951; Hoyt 1941). (1 - alpha) / (1 - estimate)
    follows F with (units - 1) and (units - 1)(wordings - 1) degrees of freedom (Feldt 1965). It can be negative.

    Args:
      table: float ``[wordings, units]``, at least two of each.

    Raises:
      ValueError: fewer, or a value that is not a number.
    """
    from scipy.stats import f

    wordings, units = table.shape
    if min(table.shape) < 2 or np.isnan(table).any():
        raise ValueError(f"expected numbers for two wordings and two units or more, found {table.shape}")
    of_units = wordings * table.mean(axis=0).var(ddof=1)
    residual = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    freedom = (units - 1) * (wordings - 1)
    noise = float((residual**2).sum()) / freedom
    if of_units == 0:
        return (0.0, -np.inf, 0.0) if noise == 0 else (-np.inf, -np.inf, 0.0)
    share = noise / float(of_units)
    tail = (1 - LEVEL) / 2
    low = 1 - share * float(f.ppf(1 - tail, units - 1, freedom))
    high = 1 - share * float(f.ppf(tail, units - 1, freedom))
    return 1 - share, low, high


def family_reliability(of: Contrasts) -> Reliability | None:
    """Of one family: over the groups that it names, or over its nouns where it names none; None for too few units.

    Wordings that lack a score of any unit are left out.
    """
    named = of.groups != (None,)
    table = of.table() if named else of.trait[:, :, 0]
    known = table[~np.isnan(table).any(axis=1)]
    if len(known) < 2 or known.shape[1] < FEWEST_UNITS:
        return None
    alpha, low, high = cronbach_alpha(known)
    return Reliability(alpha, low, high, len(known), known.shape[1], "groups" if named else "nouns")


def split_half(tables: Mapping[str, np.ndarray], seed: int, draws: int = 200) -> tuple[float, float, float, int] | None:
    """Reliability of a figure over families: the mean over halvings of the wordings, stepped up.

    Each family's wordings are halved at random and each half gives the figure of every group; the correlation r of the
    two over groups is stepped up to the full number of wordings, 2r / (1 + r) (Spearman 1910; Brown 1910). The interval
    is Fisher's for the mean correlation over groups, stepped up too.

    Args:
      tables: by family ``[wordings, groups]``, the same groups in each, without NaN.
      seed: of the halvings.
      draws: how many.

    Returns:
      The reliability, its interval, and the number of groups; None for fewer than :data:`FEWEST_UNITS` groups.
    """
    groups = next(iter(tables.values())).shape[1] if tables else 0
    if groups < FEWEST_UNITS:
        return None
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        halves = np.zeros((2, groups))
        for table in tables.values():
            order = generator.permutation(len(table))
            middle = len(order) // 2
            for half, chosen in enumerate((order[:middle], order[middle:])):
                means = table[chosen].mean(axis=0)
                halves[half] += means - means.mean()
        found.append(float(np.asarray(np.corrcoef(halves))[0, 1]))
    r = float(np.mean(found))
    centre, reach = float(np.arctanh(np.clip(r, -0.9999, 0.9999))), 1.96 / (groups - 3) ** 0.5
    low, high = (_stepped_up(float(np.tanh(end))) for end in (centre - reach, centre + reach))
    return _stepped_up(r), low, high, groups


def _stepped_up(r: float) -> float:
    return 2 * r / (1 + r)
