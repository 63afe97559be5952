"""What an optimiser keeps of the parameters: where it lies on the mesh, and how it is taken into the next stage."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from amharic_tl.distributed.mesh import replicated
from amharic_tl.models.naming import names_held
from amharic_tl.transfer.leafwise import is_variable


def state_shardings(state: Any, trainable: nnx.State, shardings: Any, mesh: Mesh) -> Any:
    """A tree like an optimiser's ``state`` with a sharding for each leaf.

    What is kept of a parameter lies as the parameter does, axis by axis; an axis of another length (the mean along it)
    is whole. Counters are everywhere.

    Args:
      state: arrays or shapes.
      trainable: the parameters.
      shardings: theirs.
      mesh: that they lie on.
    """
    parameters = {
        _identity(variable): (variable.get_value().shape, place.get_value().spec)
        for variable, place in zip(_variables(trainable), _variables(shardings), strict=True)
    }

    def place(leaf: Any) -> Any:
        if not is_variable(leaf):
            return replicated(mesh)
        value = leaf.get_value()
        if isinstance(value, optax.MaskedNode):
            return leaf
        shape, spec = parameters[_identity(leaf)]
        axes = [*spec, *[None] * (len(shape) - len(spec))]
        kept = (axis if extent == whole else None for axis, extent, whole in zip(axes, value.shape, shape, strict=True))
        return leaf.replace(NamedSharding(mesh, PartitionSpec(*kept)))

    return jax.tree.map(place, state, is_leaf=is_variable)


def carried_over(old: Any, new: Any) -> Any:
    """``new`` with all that ``old`` has of it, bit for bit: what is kept of a parameter, by name and layer however
    the layers are stacked, and counters.

    What thaws between the two keeps what ``new`` has for it. Serves optimiser states, parameters and averages.

    Args:
      old: of the stage that ends.
      new: of the stage that begins; the labels that ``old`` has too must hold the same parameters.
    """
    parameters: dict[tuple[str, str], Any] = {}
    others: dict[str, Any] = {}
    for place, leaf in _places(old):
        if not is_variable(leaf):
            others[place] = leaf
        elif not isinstance(leaf.get_value(), optax.MaskedNode):
            value, layers = leaf.get_value(), leaf.get_metadata().get("layers")
            for index, name in enumerate(names_held(leaf)):
                parameters[place, name] = value if layers is None else value[index]

    def carry(place: str, leaf: Any) -> Any:
        if not is_variable(leaf):
            return others.get(place, leaf)
        if isinstance(leaf.get_value(), optax.MaskedNode):
            return leaf
        fresh, stacked = leaf.get_value(), leaf.get_metadata().get("layers") is not None
        found = [
            parameters.get((place, name), fresh[index] if stacked else fresh)
            for index, name in enumerate(names_held(leaf))
        ]
        return leaf.replace(jnp.stack(found) if stacked else found[0])

    structure = jax.tree.structure(new, is_leaf=is_variable)
    return jax.tree.unflatten(structure, [carry(place, leaf) for place, leaf in _places(new)])


def _variables(tree: Any) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(tree, is_leaf=is_variable) if is_variable(leaf)]


def _identity(variable: Any) -> tuple[str, Any]:
    metadata = variable.get_metadata()
    return metadata["hf_name"], metadata.get("layers")


def _places(tree: Any) -> list[tuple[str, Any]]:
    """Each leaf with the path of the tree of parameters that it stands in, or its own where it stands in none."""
    found = []
    for path, inner in jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda leaf: isinstance(leaf, nnx.State))[0]:
        place = jax.tree_util.keystr(path)
        found += [(place, leaf) for leaf in jax.tree.leaves(inner, is_leaf=is_variable)]
    return found
