"""What can be told of a run that stops: where gradients and parameters are large, and what is not finite first."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from amharic_tl.models.naming import named_parameters
from amharic_tl.tasks.terms import TermState
from amharic_tl.training.step import Steps, TrainState
from amharic_tl.transfer.anatomy import EMBEDDING

OTHERS = "head and others"


def diagnose(steps: Steps, state: TrainState, batch: Mapping[str, jax.Array], step: int) -> dict[str, Any]:
    """Norms by part of the model, and what is not finite, on one batch. Compiles a programme of its own.

    Args:
      steps: of the stage that the run is in.
      state: its parameters are those that are looked at.
      batch: on the devices.
      step: of the update that saw the batch (from 0), for its dropout.

    Returns:
      ``parts``, by part of what trains ``{"gradient", "parameters"}`` (Euclidean norms; None where not finite);
      ``first_non_finite``, the first parameter by name and place, from the input on, whose value (``of`` is
      ``parameters``) or else gradient (``gradient``) is not finite, None where all are; ``non_finite_losses``, the
      summands of the objective that are not finite.
    """
    train = steps.train

    def measure(
        trainable: nnx.State, frozen: nnx.State, initial: Any, batch: Any, run_key: jax.Array, kept: TermState
    ) -> Any:
        key = jax.random.fold_in(jax.random.wrap_key_data(run_key), step)
        summands, gradient, _ = train.objective.gradients(trainable, frozen, initial, batch, key, kept)
        return summands, _norms(gradient), _norms(trainable), _norms(frozen)

    arguments = state.trainable, state.frozen, train.initial, batch, train.key, state.terms
    summands, gradient, parameters, frozen = jax.device_get(jax.jit(measure)(*arguments))
    parts = _parts(state.trainable)
    found = {
        part: {"gradient": _joined(gradient, names), "parameters": _joined(parameters, names)}
        for part, names in parts.items()
    }
    layers = _layers(state)
    order = sorted([*parameters, *frozen], key=lambda name: _place(name, layers))
    return {
        "step": step + 1,
        "parts": found,
        "first_non_finite": _first({**parameters, **frozen}, order, "parameters")
        or _first(gradient, order, "gradient"),
        "non_finite_losses": sorted(name for name, value in summands.items() if not np.isfinite(value)),
    }


def sentences(diagnosis: Mapping[str, Any]) -> str:
    """The diagnosis for the terminal, the largest gradients first."""
    said = []
    first = diagnosis["first_non_finite"]
    if first is not None:
        said.append(f"The first {'value' if first['of'] == 'parameters' else 'gradient'} not finite: {first['name']}.")
    if diagnosis["non_finite_losses"]:
        said.append(f"Not finite in the objective: {', '.join(diagnosis['non_finite_losses'])}.")
    parts = sorted(diagnosis["parts"].items(), key=lambda item: -_large(item[1]["gradient"]))
    norms = [f"{name} {_shown(of['gradient'])} / {_shown(of['parameters'])}" for name, of in parts[:5]]
    return " ".join([*said, f"Norms of gradient / parameters: {'; '.join(norms)}."])


def _large(norm: float | None) -> float:
    return math.inf if norm is None else norm


def _shown(norm: float | None) -> str:
    return "not finite" if norm is None else f"{norm:.3g}"


def _norms(tree: nnx.State) -> dict[str, jax.Array]:
    """The norm of each parameter, by name; scaled by the largest entry, whose square may be beyond float32."""
    norms = {}
    for name, view in named_parameters(tree).items():
        value = jnp.abs(view.value().astype(jnp.float32))
        largest = jnp.maximum(jnp.max(value, initial=0.0), jnp.finfo(jnp.float32).tiny)
        norms[name] = largest * jnp.sqrt(jnp.sum(jnp.square(value / largest)))
    return norms


def _layers(state: TrainState) -> dict[str, int | None]:
    both = (state.trainable, state.frozen)
    return {name: view.layer for tree in both for name, view in named_parameters(tree).items()}


def _place(name: str, layers: Mapping[str, int | None]) -> tuple[int, int, str]:
    """Embeddings, then blocks from the lowest, then the rest."""
    layer = layers[name]
    if layer is not None:
        return 1, layer, name
    return (0 if re.fullmatch(EMBEDDING, name) else 2), 0, name


def _parts(tree: nnx.State) -> dict[str, list[str]]:
    views = named_parameters(tree)
    layers = {name: view.layer for name, view in views.items()}
    parts: dict[str, list[str]] = {}
    for name in sorted(views, key=lambda name: _place(name, layers)):
        kind, layer, _ = _place(name, layers)
        parts.setdefault(("embeddings", f"block {layer}", OTHERS)[kind], []).append(name)
    return parts


def _joined(norms: Mapping[str, Any], names: list[str]) -> float | None:
    together = math.hypot(*(float(norms[name]) for name in names))
    return together if math.isfinite(together) else None


def _first(norms: Mapping[str, Any], order: list[str], of: str) -> dict[str, str] | None:
    name = next((name for name in order if name in norms and not np.isfinite(norms[name])), None)
    return None if name is None else {"name": name, "of": of}
