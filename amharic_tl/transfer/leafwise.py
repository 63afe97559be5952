"""The leaves of a state of parameters, and of an optimiser's state: variables that know their names and layers."""

from __future__ import annotations

from typing import Any

from flax import nnx


def is_variable(leaf: Any) -> bool:
    """Whether ``leaf`` is a parameter, or what an optimiser keeps of one."""
    return isinstance(leaf, nnx.Variable)


def layer_axes(variable: Any) -> int:
    """How many leading axes of a leaf are layers: 1 for those of a stack, otherwise 0."""
    return int(is_variable(variable) and variable.get_metadata().get("layers") is not None)
