"""What is simpler than gradients: rows found by name and label, and rows that lie next to the figure's texts."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx

from amharic_tl.data.batches import pad_rows
from amharic_tl.data.rows import Row
from amharic_tl.safety.differentiable import FigureName, named_groups
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.signals import ALL
from amharic_tl.transfer.alignment.features import mean_hidden_state

BATCH = 64


def keyword_and_label(
    rows: Sequence[Row], operator: SwapOperator, figure: FigureName, positive: Sequence[str]
) -> np.ndarray:
    """int ``[N]``: 2 for a row that names the group and whose label says harm, 1 if it only names it, 0 otherwise."""
    found = []
    for row, groups in zip(rows, named_groups(rows, operator, figure.axis), strict=True):
        named = bool(groups) if figure.group == ALL else figure.group in groups
        found.append(int(named) + int(named and row.label in positive))
    return np.asarray(found, int)


def embeddings(
    graphdef: Any, parameters: tuple[Any, Any], ids: Sequence[np.ndarray], pad: int, length: int
) -> np.ndarray:
    """The mean hidden state of each text's last layer, of length 1: float32 ``[N, H]``.

    Args:
      graphdef: of the model.
      parameters: trainable and frozen ones.
      ids: the tokens of each text.
      pad: the padding token.
      length: to which all are padded.
    """
    found = []
    for start in range(0, len(ids), BATCH):
        some: list[np.ndarray | None] = list(ids[start : start + BATCH])
        tokens, mask = pad_rows([*some, *[None] * (BATCH - len(some))], length, pad)
        found.append(np.asarray(_states(graphdef, parameters, tokens, mask))[: len(some)])
    all_of_them = np.concatenate(found)
    return np.asarray(all_of_them / np.maximum(np.linalg.norm(all_of_them, axis=1, keepdims=True), 1e-12))


@functools.partial(jax.jit, static_argnums=0)
def _states(graphdef: Any, parameters: tuple[Any, Any], tokens: Any, mask: Any) -> jax.Array:
    model: Any = nnx.merge(graphdef, *parameters, copy=True)
    out = model(tokens, attention_mask=mask, output_hidden_states=True)
    return mean_hidden_state(out.hidden_states[-1], mask)


def nearest(rows_NH: np.ndarray, texts_MH: np.ndarray) -> np.ndarray:
    """float32 ``[N]``: cosine of each row with the figure's text that is nearest to it."""
    best = np.full(len(rows_NH), -1.0, np.float32)
    for start in range(0, len(texts_MH), 1024):
        best = np.maximum(best, (rows_NH @ texts_MH[start : start + 1024].T).max(axis=1))
    return best
