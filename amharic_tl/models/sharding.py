"""Where each parameter lies on the mesh: the family's rules, applied to canonical names."""

from __future__ import annotations

import re
from typing import Any

import jax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from amharic_tl.models.family import ShardingRules
from amharic_tl.models.registry import FAMILIES


def parameter_shardings(tree: Any, mesh: Mesh, rules: ShardingRules | None = None) -> Any:
    """A tree like ``tree`` (a state or a part of one) with a ``NamedSharding`` for each leaf.

    A dimension that its axis does not divide evenly is replicated, and so is a parameter that no rule names.
    """
    rules = _all_rules() if rules is None else rules

    def place(variable: nnx.Variable[Any]) -> nnx.Variable[Any]:
        return variable.replace(NamedSharding(mesh, partition_spec(variable, mesh, rules)))

    return jax.tree.map(place, tree, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))


def partition_spec(variable: nnx.Variable[Any], mesh: Mesh, rules: ShardingRules) -> PartitionSpec:
    """The spec of one parameter; the layer axis of a stacked one stays whole."""
    metadata = variable.get_metadata()
    shape = variable.get_value().shape
    stacked = metadata["layers"] is not None
    for pattern, axes in rules:
        if re.fullmatch(pattern, metadata["hf_name"]):
            extents = shape[1:] if stacked else shape
            placed = [
                axis if axis is not None and extent % mesh.shape[axis] == 0 and mesh.shape[axis] > 1 else None
                for axis, extent in zip(axes, extents, strict=True)
            ]
            return PartitionSpec(None, *placed) if stacked else PartitionSpec(*placed)
    return PartitionSpec()


def _all_rules() -> ShardingRules:
    seen: list[tuple[str, tuple[str | None, ...]]] = []
    for family in FAMILIES.values():
        seen.extend(rule for rule in family.sharding_rules if rule not in seen)
    return seen
