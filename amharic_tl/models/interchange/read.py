"""Filling a model's parameters from a directory's tensors: names matched, shapes checked, nothing lost silently."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.errors import MAX_OFFENDERS, BadInputError, ConfigError, name_some
from amharic_tl.models.family import Family
from amharic_tl.models.interchange.placing import InMemory, Source, Transposed, place, read_whole
from amharic_tl.models.interchange.stored import StoredTensor
from amharic_tl.models.interchange.weights import Weights
from amharic_tl.models.naming import ParameterView, named_tensors
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
    stored: StoredTensor
    transposed: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in torch's orientation."""
        return self.stored.shape[::-1] if self.transposed else self.stored.shape

    def source(self) -> Source:
        """What a parameter is filled from."""
        return Transposed(self.stored) if self.transposed else self.stored


# How the checkpoint's classes become the model's: "keep" them, draw the head "anew", or the stored row of each class.
ClassRows = Literal["keep", "anew"] | Sequence[int]


def fill(
    abstract: nnx.Module,
    initialise: Callable[[], nnx.Module],
    family: Family,
    weights: Weights,
    *,
    classes: ClassRows,
    dtype: Any,
    mesh: Mesh | None,
    where: str,
    reinitialise_layers: int = 0,
) -> tuple[nnx.Module, LoadReport]:
    """Makes the model with the checkpoint's values.

    Args:
      abstract: the model with shapes in place of arrays.
      initialise: makes the model with random values; called (traced) only if something must be initialised.
      family: what may be missing or left aside.
      weights: the checkpoint's tensors.
      classes: what becomes of the classification head.
      dtype: of all parameters; None keeps the stored one of each.
      mesh: where parameters go, by the family's rules; None: the default device.
      where: the directory, for messages.
      reinitialise_layers: how many of the top blocks are drawn anew, with the pooler.

    Raises:
      ConfigError: the model has fewer blocks.
      BadInputError: backbone weights are missing, shapes are wrong, or names are unknown; up to ten are named.
    """
    graphdef, state = nnx.split(abstract)
    views = named_tensors(state)
    tensors = _by_canonical_name(weights, views, family)
    head = {name for name in views if re.fullmatch(family.classifier, name)}
    # Half of a head is of no use to weights that are drawn for the other half.
    anew = head if classes == "anew" or not head <= tensors.keys() else set()
    redrawn = _top_of(views, reinitialise_layers) & tensors.keys()
    anew = anew | redrawn
    present = tensors.keys() & views.keys() - anew
    missing = [name for name in views if name not in present]
    lacking = [n for n in missing if n not in redrawn and not _matches(n, family.optional)]
    _refuse_missing(lacking, views, tensors, where)
    leftover = [name for name in tensors if name not in present]
    unknown = [name for name in leftover if name not in anew and not _matches(name, family.droppable)]
    _refuse_unknown(unknown, tensors, views, where)
    _refuse_misshapen([n for n in views if n in present and tensors[n].shape != views[n].shape], tensors, views, where)

    _refuse_whole_numbers([name for name in views if name in present], tensors, where)

    drawn = _draw(initialise, set(missing)) if missing else {}

    def source(name: str) -> Source:
        if name not in present:
            return InMemory(drawn.pop(name))
        stored = tensors[name].source()
        if not isinstance(classes, str) and re.fullmatch(family.class_rows, name):
            return InMemory(read_whole(stored)[np.asarray(classes)])
        return stored

    shardings = None if mesh is None else parameter_shardings(state, mesh, family.sharding_rules)
    placed = {} if shardings is None else dict(_variables(shardings))
    filled = {}
    # Parameters are read and placed one by one, each device its own part, so that no second copy of any is held.
    for path, variable in _variables(state):
        mine = list(named_tensors({"only": variable}).values())
        sources = [source(view.name) for view in mine]
        # Layers stored in different precisions share the wider one.
        wanted = dtype or reduce(np.promote_types, [each.dtype for each in sources])
        target = placed[path].get_value() if path in placed else None
        filled[path] = variable.replace(place(sources, mine[0].index is not None, wanted, target))
    state = jax.tree_util.tree_map_with_path(
        lambda path, variable: filled.pop(path), state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable)
    )
    model = nnx.merge(graphdef, state, copy=True)
    dropped = tuple(sorted(tensors[name].stored_name for name in leftover))
    return model, LoadReport(weights.source, tuple(missing), dropped)


def _variables(state: Any) -> list[tuple[Any, nnx.Variable[Any]]]:
    return jax.tree_util.tree_flatten_with_path(state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))[0]


def _by_canonical_name(weights: Weights, views: Mapping[str, ParameterView], family: Family) -> dict[str, _Tensor]:
    """The checkpoint's tensors under the names the model uses: Flax names translated, old names and the prefix
    mended.
    """
    with_prefix = any(name.startswith(family.prefix) for name in views)
    by_flax = {view.flax_name: view for view in views.values()}
    found: dict[str, _Tensor] = {}
    for stored, tensor in weights.tensors.items():
        name, transposed = stored, False
        if weights.style == "flax":
            view = by_flax.get(_mend_prefix(stored, family.prefix.replace(".", "/"), with_prefix, by_flax))
            if view is not None:
                name, transposed = view.name, view.flax_leaf == "kernel"
            else:
                name = re.sub(r"\.(kernel|scale|embedding)$", ".weight", stored.replace("/", "."))
        name = _mend_prefix(name, family.prefix, with_prefix, views)
        if name not in views:
            name = _mend_prefix(_renamed(name, weights, family), family.prefix, with_prefix, views)
        found[name] = _Tensor(stored, tensor, transposed)
    if family.word_aliases is not None:
        _stand_in(found, views, family)
    alias, name = family.bias_alias or ("", "")
    if alias in found:
        preferred = found.pop(alias)
        if name in found:
            found[alias] = found[name]  # left aside, and said so
        found[name] = preferred
    return found


def _stand_in(found: dict[str, _Tensor], views: Mapping[str, ParameterView], family: Family) -> None:
    """Lets an alias of the word table stand in where that itself was not saved."""
    words = family.word_table if family.word_table in views else family.prefix + family.word_table
    aliases = (name for name in found if re.fullmatch(family.word_aliases or "", name) and name not in views)
    alias = None if words in found else next(aliases, None)
    if alias is not None:
        found[words] = found.pop(alias)


def _renamed(name: str, weights: Weights, family: Family) -> str:
    """What an older name is called today; a name that the checkpoint has too is left to its owner."""
    today = name
    for pattern, replacement in family.renames:
        today = re.sub(pattern, replacement, today)
    return name if today in weights.tensors else today


def _mend_prefix(name: str, prefix: str, with_prefix: bool, known: Mapping[str, Any]) -> str:
    """``name`` with the backbone's prefix added or taken off, where that makes it a name of the model."""
    if name in known:
        return name
    other = prefix + name if with_prefix else name.removeprefix(prefix)
    return other if other in known else name


def _draw(initialise: Callable[[], nnx.Module], names: set[str]) -> dict[str, np.ndarray]:
    """Initial values of the named parameters alone; the rest of the model is never materialised."""

    def wanted() -> dict[str, jax.Array]:
        views = named_tensors(initialise())
        return {name: view.value() for name, view in views.items() if name in names}

    return {name: np.asarray(value) for name, value in jax.jit(wanted)().items()}


def _top_of(views: Mapping[str, ParameterView], count: int) -> set[str]:
    """Names of the parameters of the top ``count`` blocks and, where there are any, of the pooler on them."""
    if not count:
        return set()
    depth = max((view.layer + 1 for view in views.values() if view.layer is not None), default=0)
    if count > depth:
        raise ConfigError(f"config.transfer.reinitialise_layers: {count} asked for, but the model has {depth} layers")
    top = {name for name, view in views.items() if view.layer is not None and view.layer >= depth - count}
    return top | {name for name in views if re.fullmatch(r"(.*\.)?pooler\..*", name)}


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def _refuse_missing(
    missing: list[str], views: Mapping[str, ParameterView], tensors: Mapping[str, _Tensor], where: str
) -> None:
    if missing:
        shown = name_some([f"{name} {views[name].shape}" for name in missing])
        raise BadInputError(
            f"{where} lacks {len(missing)} weights of the backbone that its config.json asks for: {shown}. "
            f"The checkpoint holds {len(tensors)} tensors, such as {name_some(list(tensors)[:3])}."
        )


def _refuse_unknown(unknown: list[str], tensors: Mapping[str, _Tensor], views: Mapping[str, Any], where: str) -> None:
    if unknown:
        shown: list[str] = []
        for name in unknown:
            near = difflib.get_close_matches(name, list(views), n=1) if len(shown) < MAX_OFFENDERS else []
            shown.append(tensors[name].stored_name + (f" (near {near[0]})" if near else ""))
        raise BadInputError(
            f"{where} holds {len(unknown)} tensors that this family does not know, so the model would not be "
            f"the one that was saved: {name_some(shown)}"
        )


def _refuse_whole_numbers(names: list[str], tensors: Mapping[str, _Tensor], where: str) -> None:
    for name in names:
        dtype = tensors[name].stored.dtype
        if not jnp.issubdtype(dtype, jnp.floating):
            raise BadInputError(f"{where}: {tensors[name].stored_name} holds {dtype}, expected floating-point numbers")


def _refuse_misshapen(
    misshapen: list[str], tensors: Mapping[str, _Tensor], views: Mapping[str, ParameterView], where: str
) -> None:
    if misshapen:
        shown = [f"{tensors[n].stored_name}: expected {views[n].shape}, found {tensors[n].shape}" for n in misshapen]
        raise BadInputError(
            f"{where}: {len(misshapen)} tensors have other shapes than the model that config.json describes: "
            f"{name_some(shown)}"
        )
