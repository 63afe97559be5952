"""Several sources of training rows in shares that are not their sizes: by weights, or by size^(1/T).

An epoch has as many rows as there are. Each source gives its share of them, going through its own rows in an order that
is drawn anew at each of its passes: a small source is seen several times before a large one once, no row of a source is
seen more than once oftener than another, and what an epoch holds is a pure function of seed and epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from amharic_tl.config import MixtureConfig
from amharic_tl.data.batches import MAX_BUCKETS, BatchPlan
from amharic_tl.errors import BadInputError, ConfigError


@dataclass(frozen=True)
class Mixture:
    """Which source each training row is of, and how sources are weighed.

    Attributes:
      names: of the sources, as they were named.
      of_row: int ``[rows]``, the number of each row's source.
      settings: the temperature or the weights.
    """

    names: tuple[str, ...]
    of_row: np.ndarray
    settings: MixtureConfig

    def of(self, row_source: Sequence[int]) -> Mixed:
        """The mixture of what was made of the rows: windows, or packed rows; ``row_source``: the row of each."""
        component = self.of_row[np.asarray(row_source, np.int64)]
        sizes = np.bincount(component, minlength=len(self.names))
        empty = [name for name, size in zip(self.names, sizes, strict=True) if not size]
        if empty:
            raise BadInputError(f"{', '.join(empty)}: no text of this source is left to be mixed in")
        return Mixed(self.names, component, shares(sizes, self.settings))


@dataclass(frozen=True)
class Mixed:
    """The sources of what batches are made of, int ``[N]``, and the share of each source."""

    names: tuple[str, ...]
    component: np.ndarray
    shares: np.ndarray

    @property
    def quotas(self) -> np.ndarray:
        """How many of an epoch's N are of each source: whole numbers that sum to N (largest remainders)."""
        exact = self.shares * len(self.component)
        quotas = np.floor(exact).astype(np.int64)
        largest = np.argsort(-(exact - quotas), kind="stable")[: len(self.component) - int(quotas.sum())]
        quotas[largest] += 1
        return quotas

    def describe(self) -> list[dict[str, Any]]:
        """By source: how much there is, its share by size and in the mixture, and its passes in an epoch."""
        sizes = np.bincount(self.component, minlength=len(self.names))
        return [
            {
                "source": name,
                "windows": int(size),
                "natural_share": float(size / len(self.component)),
                "share": float(quota / len(self.component)),
                "passes_an_epoch": float(quota / size),
            }
            for name, size, quota in zip(self.names, sizes, self.quotas, strict=True)
        ]


def shares(sizes: np.ndarray, settings: MixtureConfig) -> np.ndarray:
    """The share of each source, float ``[sources]``, summing to 1.

    By weights, or proportional to size^(1/T) (Devlin et al. 2019's multilingual BERT; Arivazhagan et al. 2019, section
    4): T = 1 leaves sizes as they are, T to infinity makes all equal.

    Raises:
      ConfigError: not a weight for each source.
    """
    if settings.weights is not None:
        if len(settings.weights) != len(sizes):
            raise ConfigError(
                f"config: a mixture has {len(sizes)} sources and {len(settings.weights)} weights; give one for each"
            )
        raw = np.asarray(settings.weights, float)
    else:
        raw = np.asarray(sizes, float) ** (1.0 / (settings.temperature or 1.0))
    return raw / raw.sum()


class MixedPlan(BatchPlan):
    """A plan whose epochs hold each source in its share."""

    def __init__(
        self,
        lengths: np.ndarray,
        batch_size: int,
        seed: int,
        mixed: Mixed,
        limit: int | None = None,
        max_buckets: int = MAX_BUCKETS,
        buckets: int | None = None,
    ) -> None:
        """Arguments as of :class:`BatchPlan`; ``mixed`` says which source each of ``lengths`` is of."""
        self._members = [np.flatnonzero(mixed.component == source) for source in range(len(mixed.names))]
        self._quotas = mixed.quotas
        super().__init__(lengths, batch_size, seed, limit, max_buckets, buckets)

    def rows_of(self, epoch: int, generator: np.random.Generator | None) -> np.ndarray:
        """Each source's part of the epoch, from where its last one ended, all in one order."""
        drawn = [
            members[self._places(source, epoch * quota, quota, len(members))]
            for source, (members, quota) in enumerate(zip(self._members, self._quotas.tolist(), strict=True))
        ]
        rows = np.concatenate(drawn)
        return rows if generator is None else generator.permutation(rows)

    def _places(self, source: int, start: int, count: int, size: int) -> np.ndarray:
        """``count`` places from ``start`` on in the endless row of a source's passes, each in an order of its own."""
        passes = range(start // size, (start + count - 1) // size + 1) if count else range(0)
        orders = [np.random.default_rng([self.seed or 0, source, one, 0x317]).permutation(size) for one in passes]
        first = start - passes.start * size
        return np.concatenate([*orders, np.zeros(0, np.int64)])[first : first + count]
