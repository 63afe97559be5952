"""Evidence that adds up over looks and may be looked at any time: an e-process by betting.

One bets that figures are above what is allowed. Where they are not, the wealth is a nonnegative supermartingale that
begins at 1, so that it ever reaches 1 / level with a chance of at most the level (Ville 1939). Chugg et al., *Auditing
Fairness by Betting* (NeurIPS 2023) is the template, and the figures may drift: what is rejected is that the mean was
never above the margin, so that large wealth says **unfair at some look since the last reset**. It holds only where each
look brings items that nothing before it has seen.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# Shares of the wealth that are bet; the wealth is the mean over them, each with a purse of its own.
BETS = (0.05, 0.1, 0.2, 0.4, 0.8)


def multiplied(log_wealth: np.ndarray, values: np.ndarray, margin: float) -> np.ndarray:
    """The log wealth of each bet after more items.

    Each item multiplies a purse by ``1 + bet (x - margin) / (1 + margin)``, which is above 0 for every x from -1 and
    has a mean of at most 1 where that of x is at most ``margin``.

    Args:
      log_wealth: ``[..., bets]``, before.
      values: ``[..., items]``, from -1 to 1.
      margin: the largest mean that does not count, 0 to 1.
    """
    gains = (values - margin) / (1 + margin)
    return np.stack(
        [log_wealth[..., place] + np.log1p(bet * gains).sum(axis=-1) for place, bet in enumerate(BETS)], axis=-1
    )


def log_e_value(log_wealth: np.ndarray) -> np.ndarray:
    """Log of the mean wealth over the bets: ``[..., bets]`` to ``[...]``."""
    top = log_wealth.max(axis=-1, keepdims=True)
    return np.asarray(top[..., 0] + np.log(np.exp(log_wealth - top).mean(axis=-1)))


def stored(log_wealth: np.ndarray) -> dict[str, float]:
    """The purses by name, as a signal's detail carries them from one look to the next."""
    return {_name(bet): float(value) for bet, value in zip(BETS, log_wealth, strict=True)}


def restored(detail: Mapping[str, float | int | None]) -> np.ndarray:
    """The purses of a signal's detail, ``[bets]``; all 1 where there are none yet."""
    return np.asarray([detail.get(_name(bet)) or 0.0 for bet in BETS])


def _name(bet: float) -> str:
    return f"log_wealth/{bet:g}"
