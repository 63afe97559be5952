"""Which linear layers a model has, and which of them a user's patterns mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flax import nnx

from amharic_tl.errors import ConfigError, name_some
from amharic_tl.models.adapters.low_rank import LowRank
from amharic_tl.models.layers import Conv1D, Linear
from amharic_tl.models.naming import named_parameters
from amharic_tl.models.stack import Stack

ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class LinearPlace:
    """One linear layer of one block, or one outside the blocks.

    ``stack`` is the number of the stack it is in, in the model's order, and ``layer`` its index there; None outside.
    ``transposed`` says that its weight is ``[in, out]``.
    """

    name: str
    stack: int | None
    layer: int | None
    transposed: bool


def stacks_of(model: nnx.Module) -> list[Stack]:
    """The stacks of a model, in its order."""
    return [module for _, module in nnx.iter_modules(model) if isinstance(module, Stack)]


def linears_of(module: nnx.Module) -> list[Linear | Conv1D]:
    """The linear layers inside ``module``."""
    return [inner for _, inner in nnx.iter_modules(module) if isinstance(inner, Linear | Conv1D)]


def outside(model: nnx.Module) -> list[Linear | Conv1D]:
    """The linear layers outside the blocks: of embeddings, poolers and heads."""
    inside = {id(linear) for stack in stacks_of(model) for linear in linears_of(stack)}
    return [linear for linear in linears_of(model) if id(linear) not in inside]


def linear_places(model: nnx.Module) -> dict[str, LinearPlace]:
    """Every linear layer by the canonical name of its module (that of its weight without ``.weight``)."""
    return {place.name: place for place in _places(model)}


def _places(model: nnx.Module) -> Iterator[LinearPlace]:
    for number, stack in enumerate(stacks_of(model)):
        for linear in linears_of(stack):
            about = linear.weight.get_metadata()
            for layer in about["layers"]:
                name = about["hf_name"].format(layer).removesuffix(".weight")
                yield LinearPlace(name, number, layer, isinstance(linear, Conv1D))
    for linear in outside(model):
        name = linear.weight.get_metadata()["hf_name"].removesuffix(".weight")
        yield LinearPlace(name, None, None, isinstance(linear, Conv1D))


def adapters_of(model: nnx.Module) -> dict[str, LowRank]:
    """The adapter of each linear layer that has one, by the canonical name of that layer; blocks of a run share one."""
    found = {}
    for linear in linears_of(model):
        if isinstance(linear.adapter, LowRank):
            about = linear.weight.get_metadata()
            for layer in about["layers"] or (None,):
                found[about["hf_name"].format(layer).removesuffix(".weight")] = linear.adapter
    return found


def match_linear(model: nnx.Module, patterns: Sequence[str], leaf: str) -> list[str]:
    """The linear layers that ``patterns`` mean.

    A pattern is a regular expression of the last parts of a name (``query``, ``self\\.(query|value)``), or of all of
    it; ``all-linear`` means every linear layer of the blocks.

    Args:
      model: any model of this package.
      patterns: at least one.
      leaf: where they come from, for messages.

    Raises:
      ConfigError: a pattern is no regular expression, or matches no linear layer.
    """
    places = linear_places(model)
    chosen: dict[str, None] = {}
    for pattern in patterns:
        if pattern == ALL_LINEAR:
            matched = [place.name for place in places.values() if place.layer is not None]
        else:
            matched = by_last_parts(list(places), pattern, leaf)
        if not matched:
            raise ConfigError(f"{leaf}: {no_module(pattern, list(places), 'linear layer')}")
        chosen |= dict.fromkeys(matched)
    return [name for name in places if name in chosen]


def match_modules(model: nnx.Module, patterns: Sequence[str], leaf: str) -> list[str]:
    """The modules with parameters that ``patterns`` mean, as :func:`match_linear`; the widest where one holds another.

    Raises:
      ConfigError: a pattern is no regular expression, or matches no module.
    """
    modules = modules_of(list(named_parameters(model)))
    chosen: list[str] = []
    for pattern in patterns:
        matched = by_last_parts(modules, pattern, leaf)
        if not matched:
            raise ConfigError(f"{leaf}: {no_module(pattern, modules, 'module')}")
        chosen += matched
    return widest(chosen)


def modules_of(names: Sequence[str]) -> list[str]:
    """The modules that hold the named parameters, and those that hold these."""
    parts = (name.split(".")[:-1] for name in names)
    return list(dict.fromkeys(".".join(part[: end + 1]) for part in parts for end in range(len(part))))


def widest(modules: Sequence[str]) -> list[str]:
    """Without those that lie inside another one."""
    kept = dict.fromkeys(modules)
    return [name for name in kept if not any(name.startswith(f"{other}.") for other in kept)]


def whole_modules(wanted: Sequence[str], names: Sequence[str]) -> list[str]:
    """The widest modules that hold wanted parameters and no others; the parent of one that no such module holds.

    Args:
      wanted: some of ``names``.
      names: all parameters of the model.
    """
    others = modules_of([name for name in names if name not in set(wanted)])
    found: dict[str, None] = {}
    for name in wanted:
        inside = [module for module in modules_of([name]) if module not in others]
        found[inside[0] if inside else name.rpartition(".")[0]] = None
    return widest(list(found))


def by_last_parts(names: Sequence[str], pattern: str, leaf: str) -> list[str]:
    """The names that ``pattern`` matches, alone or behind a dot.

    Raises:
      ConfigError: it is no regular expression.
    """
    try:
        compiled = re.compile(rf"(?:.*\.)?(?:{pattern})")
    except re.error as error:
        raise ConfigError(f"{leaf}: {pattern!r} is not a regular expression: {error}") from None
    return [name for name in names if compiled.fullmatch(name)]


def no_module(pattern: str, names: Sequence[str], what: str) -> str:
    """A sentence about a pattern that matches nothing, with the nearest names."""
    last: dict[str, Any] = dict.fromkeys(name.rsplit(".", 1)[-1] for name in names if not name[-1].isdigit())
    near = difflib.get_close_matches(pattern.rsplit(".", 1)[-1], list(last), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{pattern!r} matches no {what} of the model{hint} Their last parts are {name_some(last)}"
