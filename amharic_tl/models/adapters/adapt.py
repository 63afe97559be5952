"""Adapters are added to a model, and merged into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from amharic_tl.models.adapters.low_rank import LoraSettings, LowRank
from amharic_tl.models.adapters.places import linears_of, outside, stacks_of
from amharic_tl.models.layers import Linear


@dataclass(frozen=True)
class Adaptation:
    """What a model with adapters remembers of them.

    Attributes:
      base: what its base is called: a path, a bundled base or a hub id.
      revision: of the base, where it is a hub id and one was asked for.
      modules_to_save: canonical names of the modules that train, and are saved, whole.
    """

    base: str | None = None
    revision: str | None = None
    modules_to_save: tuple[str, ...] = ()


def add_adapters(model: Any, chosen: Mapping[str, LoraSettings], key: jax.Array, about: Adaptation) -> None:
    """Gives the chosen linear layers of ``model``, in place, an adapter that at first adds nothing.

    Blocks that differ in their adapters become runs of their own.

    Args:
      model: of this package, without adapters.
      chosen: settings by canonical name of the linear layer.
      key: A is drawn from.
      about: kept as ``model.adaptation``.
    """
    for stack in stacks_of(model):
        marks: list[tuple[tuple[str, LoraSettings], ...]] = [() for _ in range(stack.layers)]
        for linear in linears_of(stack):
            about_weight = linear.weight.get_metadata()
            template = about_weight["hf_name"].removesuffix(".weight")
            for layer in about_weight["layers"]:
                if template.format(layer) in chosen:
                    marks[layer] = (*marks[layer], (template, chosen[template.format(layer)]))
        if any(marks):
            stack.mark(marks)
        for linear in linears_of(stack):
            about_weight = linear.weight.get_metadata()
            _adapt(linear, about_weight["hf_name"].format(about_weight["layers"][0]), chosen, key)
    for linear in outside(model):
        _adapt(linear, linear.weight.get_metadata()["hf_name"], chosen, key)
    model.adaptation = about


def _adapt(linear: Any, name: str, chosen: Mapping[str, LoraSettings], key: jax.Array) -> None:
    settings = chosen.get(name.removesuffix(".weight"))
    if settings is not None:
        linear.adapter = nnx.data(LowRank(linear, settings, key))


def merged(model: Any) -> Any:
    """A copy of ``model`` without adapters that computes the same: ``W + factor * B A`` in place of ``W``.

    A model that has none is only copied. Each weight keeps its dtype; what is added is computed in float32.
    """
    graphdef, state = nnx.split(model)
    model = nnx.merge(graphdef, state, copy=True)
    for linear in linears_of(model):
        if isinstance(linear.adapter, LowRank):
            weight, delta = linear.weight.get_value(), linear.adapter.delta()
            delta = delta if isinstance(linear, Linear) else jnp.swapaxes(delta, -1, -2)
            linear.weight.set_value((weight.astype(jnp.float32) + delta).astype(weight.dtype))
            linear.adapter = None
    for stack in stacks_of(model):
        if stack.marks is not None:
            stack.mark(None)
    model.adaptation = None
    return model


def with_dropout(model: Any, rate: float) -> Any:
    """``model`` with another dropout of its adapters' inputs."""
    for stack in stacks_of(model):
        if stack.marks is not None:
            stack.marks = tuple(
                tuple((name, replace(settings, dropout=rate)) for name, settings in mark) for mark in stack.marks
            )
    for linear in linears_of(model):
        if isinstance(linear.adapter, LowRank):
            linear.adapter.settings = replace(linear.adapter.settings, dropout=rate)
    return model


def saved_whole(model: Any) -> tuple[str, ...]:
    """The modules of a model that train whole beside its adapters; none where it has no adapters."""
    adaptation = getattr(model, "adaptation", None)
    return () if adaptation is None else adaptation.modules_to_save


def is_saved_whole(name: str, modules: Sequence[str]) -> bool:
    """Whether a parameter lies in one of the modules."""
    return any(name.startswith(f"{module}.") for module in modules)
