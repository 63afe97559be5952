"""Filling a model's parameters from a directory's tensors: names matched, shapes checked, nothing lost silently."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.errors import BadInputError, name_some
from amharic_tl.models.family import Family
from amharic_tl.models.interchange.weights import Weights
from amharic_tl.models.naming import ParameterView, named_parameters
from amharic_tl.models.sharding import parameter_shardings


@dataclass(frozen=True)
class LoadReport:
    """What loading did: where from, what was initialised because the checkpoint lacks it, what was left aside."""

    source: str
    newly_initialised: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class _Tensor:
    """A tensor of the checkpoint under the name the model would use."""

    stored_name: str
    read: Callable[[], np.ndarray]
    transposed: bool


def fill(
    abstract: nnx.Module,
    initialise: Callable[[], nnx.Module],
    family: Family,
    weights: Weights,
    *,
    reinitialise: Callable[[str], bool],
    dtype: Any,
    mesh: Mesh | None,
    where: str,
) -> tuple[nnx.Module, LoadReport]:
    """Makes the model with the checkpoint's values.

    Args:
      abstract: the model with shapes in place of arrays.
      initialise: makes the model with random values; called (traced) only if something must be initialised.
      family: what may be missing or left aside.
      weights: the checkpoint's tensors.
      reinitialise: which parameters shall be drawn anew although the checkpoint has them (a head with other labels).
      dtype: of all parameters; None keeps the stored one of each.
      mesh: where parameters go, by the family's rules; None: the default device.
      where: the directory, for messages.

    Raises:
      BadInputError: a backbone weight is missing, a shape is wrong, or a name is unknown; up to ten are named.
    """
    graphdef, state = nnx.split(abstract)
    views = named_parameters(state)
    tensors = _by_canonical_name(weights, views, family)
    present = {name for name in views if name in tensors and not reinitialise(name)}
    missing = [name for name in views if name not in present]
    _refuse_missing([n for n in missing if not _matches(n, family.optional)], views, tensors, where)
    leftover = [name for name in tensors if name not in views]
    _refuse_unknown([n for n in leftover if not _matches(n, family.droppable)], tensors, views, where)

    drawn = _draw(initialise, set(missing)) if missing else {}
    shardings = None if mesh is None else parameter_shardings(state, mesh, family.sharding_rules)
    placed = {} if shardings is None else dict(_variables(shardings))
    filled = {}
    for path, variable in _variables(state):
        array = _assemble(variable, tensors, present, drawn, dtype, where)
        target = placed[path].get_value() if path in placed else None
        filled[path] = variable.replace(jax.device_put(array, target) if target is not None else jnp.asarray(array))
    # Variables are replaced one by one, so that at no time two copies of the whole model are held.
    state = jax.tree_util.tree_map_with_path(
        lambda path, variable: filled.pop(path), state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable)
    )
    model = nnx.merge(graphdef, state, copy=True)
    dropped = tuple(sorted(tensors[name].stored_name for name in leftover))
    return model, LoadReport(weights.source, tuple(missing), dropped)


def _variables(state: Any) -> list[tuple[Any, nnx.Variable[Any]]]:
    return jax.tree_util.tree_flatten_with_path(state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))[0]


def _assemble(
    variable: nnx.Variable[Any],
    tensors: Mapping[str, _Tensor],
    present: set[str],
    drawn: Mapping[str, np.ndarray],
    dtype: Any,
    where: str,
) -> np.ndarray:
    """One stored array: a parameter, or the layers of a stacked one read into their places."""
    parts = named_parameters({"only": variable})
    first: np.ndarray | None = None
    stacked: np.ndarray | None = None
    for view in parts.values():
        value = _read(tensors[view.name], view, where) if view.name in present else drawn[view.name]
        value = value if dtype is None else value.astype(dtype)
        if view.index is None:
            first = value
        else:
            if stacked is None:
                stacked = np.empty((len(parts), *view.shape), value.dtype)
            stacked[view.index] = value
    result = stacked if stacked is not None else first
    assert result is not None
    return result


def _read(tensor: _Tensor, view: ParameterView, where: str) -> np.ndarray:
    array = tensor.read()
    array = array.T if tensor.transposed else array
    if array.shape != view.shape:
        raise BadInputError(
            f"{where}: {tensor.stored_name} has shape {array.shape}, but the model made from config.json expects {view.shape} "
            f"for {view.name}"
        )
    if not np.issubdtype(array.dtype, np.floating) and array.dtype != jnp.bfloat16:
        raise BadInputError(f"{where}: {tensor.stored_name} holds {array.dtype}, expected floating-point numbers")
    return array


def _by_canonical_name(weights: Weights, views: Mapping[str, ParameterView], family: Family) -> dict[str, _Tensor]:
    """The checkpoint's tensors under the names the model uses: Flax names translated, old names and the prefix mended."""
    with_prefix = any(name.startswith(family.prefix) for name in views)
    by_flax = {view.flax_name: view for view in views.values()}
    found: dict[str, _Tensor] = {}
    for stored, read in weights.tensors.items():
        name, transposed = stored, False
        if weights.style == "flax":
            view = by_flax.get(_mend_prefix(stored, family.prefix.replace(".", "/"), with_prefix, by_flax))
            if view is not None:
                name, transposed = view.name, view.flax_leaf == "kernel"
            else:
                name = re.sub(r"\.(kernel|scale|embedding)$", ".weight", stored.replace("/", "."))
        for pattern, replacement in family.renames:
            name = re.sub(pattern, replacement, name)
        found[_mend_prefix(name, family.prefix, with_prefix, views)] = _Tensor(stored, read, transposed)
    return found


def _mend_prefix(name: str, prefix: str, with_prefix: bool, known: Mapping[str, Any]) -> str:
    """``name`` with the backbone's prefix added or taken off, where that makes it a name of the model."""
    if name in known:
        return name
    other = prefix + name if with_prefix else name.removeprefix(prefix)
    return other if other in known else name


def _draw(initialise: Callable[[], nnx.Module], names: set[str]) -> dict[str, np.ndarray]:
    """Initial values of the named parameters alone; the rest of the model is never materialised."""

    def wanted() -> dict[str, jax.Array]:
        views = named_parameters(initialise())
        return {name: view.value() for name, view in views.items() if name in names}

    return {name: np.asarray(value) for name, value in jax.jit(wanted)().items()}


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def _refuse_missing(
    missing: list[str], views: Mapping[str, ParameterView], tensors: Mapping[str, _Tensor], where: str
) -> None:
    if missing:
        shown = [f"{name} {views[name].shape}" for name in missing]
        raise BadInputError(
            f"{where} lacks {len(missing)} weights of the backbone that its config.json asks for: {name_some(shown)}. "
            f"The checkpoint holds {len(tensors)} tensors, such as {name_some(list(tensors)[:3])}."
        )


def _refuse_unknown(unknown: list[str], tensors: Mapping[str, _Tensor], views: Mapping[str, Any], where: str) -> None:
    if unknown:
        shown = []
        for name in unknown[:10]:
            near = difflib.get_close_matches(name, list(views), n=1)
            shown.append(tensors[name].stored_name + (f" (near {near[0]})" if near else ""))
        raise BadInputError(
            f"{where} holds {len(unknown)} tensors that this family does not know, so the model would not be the one that was "
            f"saved: {name_some(shown + [''] * (len(unknown) - len(shown))) if len(unknown) > 10 else ', '.join(shown)}"
        )
