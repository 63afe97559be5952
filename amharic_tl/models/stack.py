"""A stack of layers as a list of runs: neighbouring layers alike in structure and trainability, stacked and scanned.

One scan compiles once however many layers it has. Cutting the stack where trainability changes keeps the backward
pass out of the frozen layers below. This is the only file that knows about runs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx


class Stack(nnx.Module):
    """``layers`` blocks made by ``make_block(key)``, whose parameters' names hold ``{}`` for the layer's index.

    A block is called as ``block(x, *arguments, dropout_key=key)`` and returns the next ``x``.
    """

    def __init__(self, make_block: Callable[[jax.Array], nnx.Module], layers: int, key: jax.Array) -> None:
        keys = jax.random.split(key, max(layers, 1))[:layers]

        template = nnx.eval_shape(lambda: make_block(jax.random.key(0)))
        graphdef, _ = nnx.split(template)

        def initial(one: jax.Array) -> Any:
            return nnx.to_pure_dict(nnx.state(make_block(one)))

        arrays = jax.vmap(initial)(keys) if layers else None
        state = nnx.state(template)
        if arrays is not None:
            nnx.replace_by_pure_dict(state, arrays)
        self.layers = layers
        self.runs = nnx.List([_merge(graphdef, state, tuple(range(layers)))] if layers else [])

    @property
    def spans(self) -> list[tuple[int, ...]]:
        """The layer indices of each run."""
        return [_layers_of(run) for run in self.runs]

    def regroup(self, signature: Sequence[Hashable]) -> None:
        """Cuts and joins the runs in place so that neighbouring layers with equal signatures share a run.

        Args:
          signature: one value a layer.

        Raises:
          ValueError: not one value for each layer.
        """
        if len(signature) != self.layers:
            raise ValueError(f"expected {self.layers} signatures, one a layer, found {len(signature)}")
        if not self.layers:
            return
        bounds = [0, *(i for i in range(1, self.layers) if signature[i] != signature[i - 1]), self.layers]
        wanted = [tuple(range(start, stop)) for start, stop in zip(bounds, bounds[1:], strict=False)]
        if wanted == self.spans:
            return
        graphdef, _ = nnx.split(self.runs[0])
        states = [nnx.state(run) for run in self.runs]

        @jax.jit
        def cut(pieces: list[Any]) -> list[Any]:
            whole = jax.tree.map(lambda *parts: jnp.concatenate(parts), *pieces)
            return [jax.tree.map(lambda leaf, span=span: leaf[span[0] : span[-1] + 1], whole) for span in wanted]

        runs = []
        for span, part in zip(wanted, cut([nnx.to_pure_dict(state) for state in states]), strict=True):
            state = nnx.state(self.runs[0])
            nnx.replace_by_pure_dict(state, part)
            runs.append(_merge(graphdef, state, span))
        self.runs = nnx.List(runs)

    def __call__(
        self,
        x: jax.Array,
        *arguments: Any,
        dropout_key: jax.Array | None = None,
        output_hidden_states: bool = False,
    ) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        """Runs all layers.

        Args:
          x: ``[B, S, H]``.
          *arguments: passed on to every block (attention bias, ...).
          dropout_key: None for no dropout; layer l uses ``fold_in(dropout_key, l)``, so a regrouped stack drops alike.
          output_hidden_states: whether to return each layer's output.

        Returns:
          The last output, and a tuple of the outputs of all layers (empty unless asked for).
        """
        collected: list[jax.Array] = []
        for run in self.runs:
            span = _layers_of(run)
            graphdef, state = nnx.split(run)

            def body(
                carry: jax.Array, inputs: tuple[Any, jax.Array], graphdef: Any = graphdef
            ) -> tuple[jax.Array, Any]:
                layer_state, layer = inputs
                block = nnx.merge(graphdef, layer_state, copy=True)
                key = None if dropout_key is None else jax.random.fold_in(dropout_key, layer)
                carry = block(carry, *arguments, dropout_key=key)
                return carry, carry if output_hidden_states else None

            x, outputs = jax.lax.scan(body, x, (state, jnp.asarray(span, jnp.int32)))
            if output_hidden_states:
                collected.extend(outputs[index] for index in range(len(span)))
        return x, tuple(collected)


def _merge(graphdef: Any, state: nnx.State, span: tuple[int, ...]) -> nnx.Module:
    """A stacked block whose parameters say which layers they hold."""
    state = jax.tree.map(
        lambda variable: _with_layers(variable, span), state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable)
    )
    return nnx.merge(graphdef, state, copy=True)


def _with_layers(variable: nnx.Variable[Any], span: tuple[int, ...]) -> nnx.Variable[Any]:
    metadata = {**variable.get_metadata(), "layers": span}
    return type(variable)(variable.get_value(), **metadata)


def _layers_of(run: nnx.Module) -> tuple[int, ...]:
    for _, variable in nnx.to_flat_state(nnx.state(run)):
        return variable.get_metadata()["layers"]
    return ()
