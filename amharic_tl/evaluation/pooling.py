"""From the results of the windows of long texts to results of the texts themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Gathered = Mapping[str, np.ndarray]


def in_order(gathered: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows in the order of their split, without filler."""
    real = gathered["weights"] > 0
    order = np.argsort(gathered["row_index"][real], kind="stable")
    return {name: values[real][order] for name, values in gathered.items()}


def pool_scores(gathered: Gathered, source: np.ndarray, averaged: Sequence[str]) -> dict[str, np.ndarray]:
    """One row a text: the arrays named ``averaged`` as means over its windows, of others its first window's value.

    Args:
      gathered: arrays ``[windows, ...]``, the windows of a text one after the other, no filler among them.
      source: int ``[windows]``, ascending from 0: the text of each window.
      averaged: names of scores; those that are absent are left out.
    """
    begins = _begins(source)
    counts = np.diff([*begins, len(source)])
    pooled = {name: values[begins] for name, values in gathered.items()}
    for name in averaged:
        if name in gathered:
            sums = np.add.reduceat(gathered[name].astype(np.float64), begins, axis=0)
            shape = (-1, *[1] * (sums.ndim - 1))
            pooled[name] = (sums / counts.reshape(shape)).astype(gathered[name].dtype)
    return _numbered(pooled)


def pool_words(gathered: Gathered, source: np.ndarray) -> dict[str, np.ndarray]:
    """One row a sentence from windows that each hold some of its words, in order, none in two of them.

    Args:
      gathered: ``gold predicted [windows, W]`` (-1 beyond a window's words), ``nats words [windows]``, and more.
      source: as in :func:`pool_scores`.
    """
    begins = _begins(source)
    pooled = {name: values[begins] for name, values in gathered.items()}
    for name in ("nats", "words"):
        pooled[name] = np.add.reduceat(gathered[name], begins)
    real = gathered["gold"] >= 0
    counts = np.add.reduceat(real.sum(axis=1), begins)
    place = np.arange(counts.max(initial=0))[None, :] < counts[:, None]
    for name in ("gold", "predicted"):
        pooled[name] = np.full(place.shape, -1, gathered[name].dtype)
        # Both masks run through the words sentence by sentence, in order.
        pooled[name][place] = gathered[name][real]
    return _numbered(pooled)


def _begins(source: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.flatnonzero(np.diff(source)) + 1])


def _numbered(pooled: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    rows = len(pooled["row_index"])
    return {**pooled, "row_index": np.arange(rows, dtype=np.int32), "weights": np.ones(rows, np.float32)}
