"""Weights averaged after training: with those they came from (WiSE-FT), or with those of other runs (soups).

Weights are arrays by canonical name, one for each layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import jax
import numpy as np

from amharic_tl.models.naming import named_parameters
from amharic_tl.transfer.leafwise import is_variable, layer_axes

Weights = dict[str, np.ndarray]
Item = TypeVar("Item")


def weights_of(tree: Any) -> Weights:
    """The weights of a model or of a part of its state."""
    return {name: np.asarray(jax.device_get(view.value())) for name, view in named_parameters(tree).items()}


def with_weights(tree: Any, weights: Mapping[str, np.ndarray]) -> Any:
    """A state like ``tree`` that holds ``weights``; what these do not name stays as it is."""

    def filled(variable: Any) -> Any:
        name, layers = variable.get_metadata()["hf_name"], variable.get_metadata()["layers"]
        names = [name] if layers is None else [name.format(layer) for layer in layers]
        if not set(names) & set(weights):
            return variable
        value = np.stack([weights[each] for each in names]) if layer_axes(variable) else weights[names[0]]
        return variable.replace(value.astype(variable.get_value().dtype))

    return jax.tree.map(filled, tree, is_leaf=is_variable)


def interpolated(base: Mapping[str, np.ndarray], tuned: Mapping[str, np.ndarray], alpha: float) -> Weights:
    """``(1 - alpha) base + alpha tuned`` (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").

    What ``base`` lacks, such as a head drawn anew, stays as it was tuned. 0 and 1 give either bit for bit.
    """
    if alpha == 1.0:
        return dict(tuned)
    return {
        name: (np.float32(1 - alpha) * base[name] + np.float32(alpha) * value if alpha else base[name])
        if name in base
        else value
        for name, value in tuned.items()
    }


def mean_of(members: Sequence[Callable[[], Weights]]) -> Weights:
    """The mean of the members' weights, which are read one after the other and summed in float64."""
    total: Weights = {}
    for read in members:
        for name, value in read().items():
            total[name] = total[name] + value if name in total else value.astype(np.float64)
    return {name: (value / len(members)).astype(np.float32) for name, value in total.items()}


def greedy(items: Sequence[Item], alone: Sequence[float], score: Callable[[Sequence[Item]], float]) -> list[Item]:
    """The members of a greedy soup (Wortsman et al. 2022, "Model soups", recipe 1).

    From the best on, each item joins where the soup with it is not worse than the one without it.

    Args:
      items: the candidates.
      alone: the score of each, higher is better.
      score: of the soup of some of them.
    """
    order = sorted(range(len(items)), key=lambda index: -alone[index])
    soup, best = [items[order[0]]], alone[order[0]]
    for index in order[1:]:
        found = score([*soup, items[index]])
        if found >= best:
            soup, best = [*soup, items[index]], found
    return soup


def misfits(first: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> list[str]:
    """Why weights cannot be averaged: names that one of the two lacks, and shapes that differ."""
    absent = [f"{name} is in one alone" for name in first.keys() ^ other.keys()]
    return sorted(absent) + [
        f"{name} is {list(first[name].shape)} and {list(other[name].shape)}"
        for name in first.keys() & other.keys()
        if first[name].shape != other[name].shape
    ]
