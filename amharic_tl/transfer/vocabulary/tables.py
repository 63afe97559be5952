"""The tables of a model that have a row for each token, whatever its family: words, output, output bias."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx

from amharic_tl.errors import BadInputError
from amharic_tl.models.interchange.tying import with_tying
from amharic_tl.models.interchange.weights import Weights
from amharic_tl.models.naming import named_tensors
from amharic_tl.models.registry import family_of


def vocabulary_axes(config: Mapping[str, Any], task: str | None, weights: Weights) -> dict[str, int]:
    """Names of the tensors that have a place for each token, and the axis of it.

    They are found by what grows when ``vocab_size`` does, so no family needs to list them.

    Args:
      config: of the model.
      task: whose head it has.
      weights: the checkpoint, which says whether its tables are tied.
    """
    family = family_of(config, "config.json")
    built = with_tying(config, family, weights)

    def shapes(rows: int) -> dict[str, tuple[int, ...]]:
        changed = {**built, "vocab_size": rows}
        abstract = nnx.eval_shape(lambda: family.build(changed, task, jax.random.key(0)))
        return {name: view.shape for name, view in named_tensors(abstract).items()}

    now, larger = shapes(int(config["vocab_size"])), shapes(int(config["vocab_size"]) + 1)
    axes = {}
    for name, shape in now.items():
        grown = [axis for axis, (one, other) in enumerate(zip(shape, larger[name], strict=True)) if one != other]
        if len(grown) > 1:
            raise BadInputError(f"{name} has more than one place for each token; its vocabulary cannot be changed")
        if grown:
            axes[name] = grown[0]
    return axes


def with_tables(model: Any, axes: Mapping[str, int], change: Callable[[str, np.ndarray], np.ndarray]) -> Any:
    """The model with other tables.

    Args:
      model: of this package.
      axes: of :func:`vocabulary_axes`.
      change: from a name and the table with tokens first (``[tokens, ...]``) to the new one, of the same dtype.

    Returns:
      A model to be saved: its tables have other shapes than its modules were built for.
    """
    graphdef, state = nnx.split(model)
    names = {view.path: name for name, view in named_tensors(state).items() if name in axes}

    def changed(path: Any, variable: Any) -> Any:
        name = names.get(path)
        if name is None:
            return variable
        table = np.moveaxis(np.asarray(variable.get_value()), axes[name], 0)
        new = change(name, table)
        return variable.replace(jax.numpy.asarray(np.moveaxis(new, 0, axes[name])))

    state = jax.tree_util.tree_map_with_path(changed, state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
    return nnx.merge(graphdef, state, copy=True)
