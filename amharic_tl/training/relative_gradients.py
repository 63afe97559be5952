"""How large the gradient of each block is in relation to its parameters (Lee et al. 2023, section 4.2)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.data.batches import BatchSource
from amharic_tl.distributed.mesh import put_batch
from amharic_tl.models.naming import named_parameters
from amharic_tl.models.sharding import parameter_shardings
from amharic_tl.tasks.base import Batch, Task, forward
from amharic_tl.transfer.anatomy import EMBEDDING


def relative_gradient_norms(
    model: nnx.Module, task: Task, batches: BatchSource, count: int, mesh: Mesh
) -> dict[str, float]:
    """``||gradient|| / ||parameters||`` of each block and of the embeddings, averaged over batches, without dropout.

    Args:
      model: as training would start from.
      task: the objective.
      batches: of training.
      count: the first so many are measured.
      mesh: where to compute.

    Returns:
      By part: ``embeddings``, ``block 0`` (the lowest), ``block 1``, ...
    """
    split: Any = nnx.split(model, nnx.Param, ...)
    graphdef, parameters, rest = split
    parameters = jax.device_put(parameters, parameter_shardings(parameters, mesh))

    def loss(parameters: nnx.State, batch: Batch) -> jax.Array:
        merged = nnx.merge(graphdef, parameters, rest, copy=True)
        weights = jnp.maximum(jnp.sum(task.loss_weights(batch)), 1e-6)
        return task.loss(forward(task, merged, batch), batch) / weights

    @jax.jit
    def squares(parameters: nnx.State, batch: Batch) -> dict[str, jax.Array]:
        return _squares(jax.grad(loss)(parameters, batch))

    sizes = jax.device_get(jax.jit(_squares)(parameters))
    parts = _parts(parameters)
    total = dict.fromkeys(parts, 0.0)
    for index in range(count):
        found = jax.device_get(squares(parameters, put_batch(dict(batches[index]), mesh)))
        for part, names in parts.items():
            gradient, size = (math.fsum(float(of[name]) for name in names) for of in (found, sizes))
            total[part] += math.sqrt(gradient / size) / count if size > 0 else 0.0
    return total


def _squares(tree: nnx.State) -> dict[str, jax.Array]:
    """The sum of squares of each parameter, by name."""
    views = named_parameters(tree).items()
    return {name: jnp.sum(jnp.square(view.value().astype(jnp.float32))) for name, view in views}


def _parts(parameters: nnx.State) -> Mapping[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for name, view in named_parameters(parameters).items():
        if view.layer is not None:
            parts.setdefault(f"block {view.layer}", []).append(name)
        elif re.fullmatch(EMBEDDING, name):
            parts.setdefault("embeddings", []).append(name)
    return parts
