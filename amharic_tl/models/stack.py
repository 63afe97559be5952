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

from amharic_tl.distributed.mesh import split_by_rows
from amharic_tl.models.adapters.low_rank import drop_inputs
from amharic_tl.models.cache import Cache, LayerCache
from amharic_tl.models.remat import rematerialised


class Stack(nnx.Module):
    """``layers`` blocks whose parameters' names hold ``{}`` for the layer's index.

    A block is called as ``block(x, *arguments, dropout_key=key)`` and returns the next ``x``; in :meth:`cached` as
    ``block(x, *arguments, cache=its_cache)``, and returns the next ``x`` and the cache it wrote. Where the stack has
    ``variants``, both get ``variant=number`` too, an int32 scalar by which a block picks among tables that differ from
    layer to layer (windows, rotary bases) without being cut into runs of its own.
    """

    def __init__(
        self,
        make_block: Callable[..., nnx.Module],
        layers: int,
        key: jax.Array,
        *,
        kinds: Sequence[Hashable] | None = None,
        variants: Sequence[int] | None = None,
        below: int = 0,
    ) -> None:
        """Makes the blocks.

        Args:
          make_block: ``make_block(key)``, or ``make_block(key, kind)`` where ``kinds`` are given.
          layers: how many.
          key: of the initial values.
          kinds: one value a layer; blocks of different kinds have different parameters.
          variants: one number a layer.
          below: how many blocks of other stacks this one stands on (a decoder on its encoder).
        """
        keys = jax.random.split(key, max(layers, 1))[:layers]
        self.layers = layers
        self.kinds = tuple(kinds) if kinds is not None else (None,) * layers
        self.marks: tuple[Any, ...] | None = None
        self.remat = ("none",) * layers
        self.variants = None if variants is None else tuple(variants)
        runs = []
        for span in _spans(self.kinds):
            arguments = () if kinds is None else (self.kinds[span[0]],)
            runs.append(_initial_run(make_block, arguments, keys[span[0] : span[-1] + 1], span, below))
        self.runs = nnx.List(runs)

    @property
    def spans(self) -> list[tuple[int, ...]]:
        """The layer indices of each run."""
        return [_layers_of(run) for run in self.runs]

    def regroup(self, signature: Sequence[Hashable]) -> None:
        """Cuts and joins the runs in place so that neighbouring layers of one kind with equal signatures share a run.

        Args:
          signature: one value a layer.

        Raises:
          ValueError: not one value for each layer.
        """
        if len(signature) != self.layers:
            raise ValueError(f"expected {self.layers} signatures, one a layer, found {len(signature)}")
        alike = self.kinds if self.marks is None else tuple(zip(self.kinds, self.marks, strict=True))
        wanted = _spans(list(zip(alike, self.remat, signature, strict=True)))
        if wanted == self.spans:
            return
        runs = []
        for whole in _spans(alike):
            mine = [run for run in self.runs if _layers_of(run)[0] in whole]
            runs += _recut(mine, [span for span in wanted if span[0] in whole])
        self.runs = nnx.List(runs)

    def mark(self, marks: Sequence[Hashable] | None) -> None:
        """Says what tells blocks of one kind apart beside their kind, such as adapters that only some of them have.

        Call it with marks before the blocks are changed, and with None after the change is undone.

        Args:
          marks: one value a layer; runs are cut where it changes, here and in every later regrouping.
        """
        if marks is not None:
            self.regroup(marks)
        self.marks = None if marks is None else tuple(marks)
        if marks is None:
            self.regroup((None,) * self.layers)

    def block_names(self) -> list[str]:
        """The name of each block: what its parameters' names begin with, up to its number."""
        names = []
        for run in self.runs:
            templates = [variable.get_metadata()["hf_name"] for _, variable in nnx.to_flat_state(nnx.state(run))]
            names += [f"{templates[0].split('{}')[0]}{layer}" for layer in _layers_of(run)]
        return names

    def set_remat(self, policies: Sequence[str]) -> None:
        """Says what each block keeps for the backward pass, as :mod:`~amharic_tl.models.remat` names it."""
        if tuple(policies) != self.remat:
            self.remat = tuple(policies)
            self.regroup((None,) * self.layers)

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
                carry: jax.Array, inputs: tuple[Any, jax.Array, dict[str, jax.Array]], graphdef: Any = graphdef
            ) -> tuple[jax.Array, Any]:
                layer_state, layer, variant = inputs
                block = nnx.merge(graphdef, layer_state, copy=True)
                key = None if dropout_key is None else jax.random.fold_in(dropout_key, layer)
                drop_inputs(block, key)
                carry = split_by_rows(block(split_by_rows(carry), *arguments, dropout_key=key, **variant))
                return carry, carry if output_hidden_states else None

            kept = rematerialised(body, self.remat[span[0]])
            x, outputs = jax.lax.scan(kept, x, (state, jnp.asarray(span, jnp.int32), self._variants_of(span)))
            if output_hidden_states:
                collected.extend(outputs[index] for index in range(len(span)))
        return x, tuple(collected)

    def cached(self, x: jax.Array, cache: Cache, *arguments: Any, fixed: Any = None) -> tuple[jax.Array, Cache]:
        """Runs all layers with what they keep between calls, without dropout.

        Args:
          x: ``[B, S, H]``.
          cache: leaves have the layers as first dimension; a block gets it as ``cache=`` a :class:`LayerCache`.
          *arguments: passed on to every block.
          fixed: a pytree like ``cache`` that blocks read and do not change; they get their layer of it as ``fixed=``.

        Returns:
          The last output, and the new cache.
        """
        for run in self.runs:
            span = _layers_of(run)
            graphdef, state = nnx.split(run)

            def body(
                carry: tuple[jax.Array, Cache], inputs: tuple[Any, jax.Array, dict[str, Any]], graphdef: Any = graphdef
            ) -> tuple[tuple[jax.Array, Cache], None]:
                layer_state, layer, others = inputs
                block = nnx.merge(graphdef, layer_state, copy=True)
                x, written = block(carry[0], *arguments, cache=LayerCache(carry[1], layer), **others)
                return (x, written.whole), None

            others = self._variants_of(span) | ({} if fixed is None else {"fixed": _cut(fixed, span)})
            # The cache is carried, not scanned over: so it is written in place.
            (x, cache), _ = jax.lax.scan(body, (x, cache), (state, jnp.asarray(span, jnp.int32), others))
        return x, cache

    def each(self, function: Callable[[Any], Any]) -> Any:
        """What ``function`` makes of each block (a pytree of arrays), the layers as first dimension."""
        parts = []
        for run in self.runs:
            graphdef, state = nnx.split(run)

            def body(carry: None, layer_state: Any, graphdef: Any = graphdef) -> tuple[None, Any]:
                return None, function(nnx.merge(graphdef, layer_state, copy=True))

            parts.append(jax.lax.scan(body, None, state)[1])
        return jax.tree.map(lambda *of: jnp.concatenate(of), *parts) if parts else {}

    def _variants_of(self, span: tuple[int, ...]) -> dict[str, jax.Array]:
        if self.variants is None:
            return {}
        return {"variant": jnp.asarray([self.variants[layer] for layer in span], jnp.int32)}


def _cut(tree: Any, span: tuple[int, ...]) -> Any:
    """The layers of a span."""
    return jax.tree.map(lambda leaf: leaf[span[0] : span[-1] + 1], tree)


def _spans(values: Sequence[Hashable]) -> list[tuple[int, ...]]:
    """The indices of neighbours that are equal."""
    bounds = [0, *(i for i in range(1, len(values)) if values[i] != values[i - 1]), len(values)]
    return [tuple(range(start, stop)) for start, stop in zip(bounds, bounds[1:], strict=False) if stop > start]


def _initial_run(
    make_block: Callable[..., nnx.Module],
    arguments: tuple[Hashable, ...],
    keys: jax.Array,
    span: tuple[int, ...],
    below: int,
) -> nnx.Module:
    template = nnx.eval_shape(lambda: make_block(jax.random.key(0), *arguments))
    graphdef, state = nnx.split(template)

    def initial(one: jax.Array) -> Any:
        return nnx.to_pure_dict(nnx.state(make_block(one, *arguments)))

    nnx.replace_by_pure_dict(state, jax.vmap(initial)(keys))
    return _merge(graphdef, state, span, below)


def _recut(runs: Sequence[nnx.Module], wanted: Sequence[tuple[int, ...]]) -> list[nnx.Module]:
    """The layers of neighbouring runs of one kind, as other runs."""
    graphdef, _ = nnx.split(runs[0])
    start = _layers_of(runs[0])[0]

    @jax.jit
    def cut(pieces: list[Any]) -> list[Any]:
        whole = jax.tree.map(lambda *parts: jnp.concatenate(parts), *pieces)
        return [
            jax.tree.map(lambda leaf, span=span: leaf[span[0] - start : span[-1] + 1 - start], whole) for span in wanted
        ]

    pieces = [nnx.to_pure_dict(nnx.state(run)) for run in runs]
    of_shapes = any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves(pieces))
    made = []
    for span, part in zip(wanted, jax.eval_shape(cut, pieces) if of_shapes else cut(pieces), strict=True):
        state = nnx.state(runs[0])
        nnx.replace_by_pure_dict(state, part)
        made.append(_merge(graphdef, state, span))
    return made


def _merge(graphdef: Any, state: nnx.State, span: tuple[int, ...], below: int | None = None) -> nnx.Module:
    """A stacked block whose parameters say which layers they hold, and on how many they stand (None: as before)."""

    def placed(variable: nnx.Variable[Any]) -> nnx.Variable[Any]:
        metadata = {**variable.get_metadata(), "layers": span}
        if below is not None:
            metadata["below"] = below
        return type(variable)(variable.get_value(), **metadata)

    state = jax.tree.map(placed, state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
    return nnx.merge(graphdef, state, copy=True)


def _layers_of(run: nnx.Module) -> tuple[int, ...]:
    for _, variable in nnx.to_flat_state(nnx.state(run)):
        return variable.get_metadata()["layers"]
    return ()
