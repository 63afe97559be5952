"""What an update minimises, and its gradient: the task's loss and what terms add to it, part by part.

The parts of an update are its microbatches. Divisors are the weights of the whole update, so that parts and devices may
hold unequal shares of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.distributed.mesh import batch_sharding
from amharic_tl.tasks.base import Batch, Task, forward
from amharic_tl.tasks.terms import CarriedTerm, ItemTerm, Need, ParameterTerm, Term, TermState, UpdateTerm

Summands = dict[str, jax.Array]


def needs(terms: Sequence[Term]) -> frozenset[Need]:
    """What the step must provide for any of ``terms``."""
    return frozenset().union(*(term.needs for term in terms))


class TracedPart:
    """A :class:`~amharic_tl.tasks.terms.Part` while the step is traced: what is not looked at is never traced."""

    def __init__(self, task: Task, model: Any, base: Any, batch: Batch, key: jax.Array) -> None:
        """``base``: the model with the parameters that training began with, None where no term needs it."""
        self._task, self._model, self._base, self.batch, self._key = task, model, base, batch, key

    @cached_property
    def outputs(self) -> Any:
        """See :class:`~amharic_tl.tasks.terms.Part`."""
        return forward(self._task, self._model, self.batch, self._key)

    @cached_property
    def again(self) -> Any:
        """See :class:`~amharic_tl.tasks.terms.Part`."""
        return forward(self._task, self._model, self.batch, self._named_key("again"))

    @cached_property
    def base(self) -> Any:
        """See :class:`~amharic_tl.tasks.terms.Part`."""
        return self.outputs_of(self.batch, initial=True)

    def outputs_of(self, rows: Batch, *, initial: bool = False) -> Any:
        """See :class:`~amharic_tl.tasks.terms.Part`."""
        if not initial:
            return forward(self._task, self._model, rows)
        if self._base is None:
            raise TypeError("a term looks at the initial model without naming it: needs = frozenset({'initial'})")
        return forward(self._task, self._base, rows)

    def run(self, inputs: Mapping[str, jax.Array], dropout: str | None = None) -> Any:
        """See :class:`~amharic_tl.tasks.terms.Part`."""
        return self._model(**inputs, dropout_key=None if dropout is None else self._named_key(dropout))

    def _named_key(self, name: str) -> jax.Array:
        # Small numbers are what the model's own layers fold in: a name is far from them.
        return jax.random.fold_in(self._key, zlib.crc32(name.encode()))


@dataclass(frozen=True)
class Objective:
    """The objective of an update over ``parts`` microbatches. ``driven`` names the terms whose weight moves."""

    graphdef: nnx.GraphDef[Any]
    task: Task
    terms: Sequence[Term]
    mesh: Mesh
    parts: int
    driven: frozenset[str] = frozenset()

    def beginning(self) -> TermState:
        """What the terms have in the training state before the first update, as NumPy arrays."""
        kept = {term.name: term.beginning() for term in self._of(CarriedTerm)}
        return TermState(kept, {term.name: np.float32(term.weight) for term in self.terms if term.name in self.driven})

    def gradients(
        self, trainable: Any, frozen: Any, initial: Any, batch: Batch, key: jax.Array, kept: TermState
    ) -> tuple[Summands, Any, TermState]:
        """The update's summands by name, the objective's gradient, and what the terms keep of the update.

        Args:
          trainable: parameters that gradients are taken of.
          frozen: the others.
          initial: ``trainable`` as training began; None unless a term needs it.
          batch: of the whole update.
          key: of dropout.
          kept: what the terms keep, and the weights that move.
        """
        totals = self._totals(batch)
        state = frozen, initial
        run = self._whole if self.parts == 1 else self._accumulated
        summands, grads, after = run(trainable, state, batch, key, totals, kept)
        for term in self._of(ParameterTerm):
            value, grad = jax.value_and_grad(term.of_parameters)(trainable, initial)
            summands[f"penalty/{term.name}"] = value
            weight = self._weight(term, kept)
            grads = jax.tree.map(lambda sum_, g, w=weight: sum_ + (w * g).astype(sum_.dtype), grads, grad)
        return summands, grads, replace(kept, kept=after)

    def _of(self, *kinds: type) -> list[Any]:
        return [term for term in self.terms if isinstance(term, kinds)]

    def _weight(self, term: Term, kept: TermState) -> Any:
        return kept.weights.get(term.name, term.weight)

    def _totals(self, batch: Batch) -> Summands:
        weights = {"loss": self.task.loss_weights(batch)}
        weights |= {term.name: term.item_weights(batch) for term in self._of(ItemTerm)}
        return {name: jnp.maximum(jnp.sum(of), 1e-6) for name, of in weights.items()}

    def _part(self, trainable: Any, state: tuple[Any, Any], batch: Batch, key: jax.Array) -> TracedPart:
        frozen, initial = state
        model = nnx.merge(self.graphdef, trainable, frozen, copy=True)
        base = None if initial is None else nnx.merge(self.graphdef, initial, frozen, copy=True)
        return TracedPart(self.task, model, base, batch, key)

    def _shares(self, part: TracedPart, totals: Summands, kept: TermState) -> tuple[jax.Array, Summands]:
        """A part's share of the objective as far as that is a sum over items, and its summands."""
        loss = self.task.loss(part.outputs, part.batch) / totals["loss"]
        if "again" in needs(self.terms):
            loss = 0.5 * (loss + self.task.loss(part.again, part.batch) / totals["loss"])
        objective, summands = loss, {"loss": loss}
        for term in self._of(ItemTerm):
            share = term.value(part) / totals[term.name]
            objective = objective + self._weight(term, kept) * share
            summands[f"penalty/{term.name}"] = share
        return objective, summands

    def _statistics(self, rows: Mapping[str, Any], kept: TermState) -> tuple[jax.Array, tuple[Summands, Any]]:
        """What the update's rows add to the objective; the values, and what is kept of them."""
        values = {term.name: term.statistic(rows[term.name]) for term in self._of(UpdateTerm)}
        after = {}
        for term in self._of(CarriedTerm):
            values[term.name], after[term.name] = term.advanced(rows[term.name], kept.kept[term.name])
        gathering = self._of(UpdateTerm, CarriedTerm)
        added = sum((self._weight(term, kept) * values[term.name] for term in gathering), jnp.zeros(()))
        return added, ({f"penalty/{name}": value for name, value in values.items()}, after)

    def _rows(self, part: TracedPart) -> dict[str, Any]:
        return {term.name: term.rows(part) for term in self._of(UpdateTerm, CarriedTerm)}

    def _whole(
        self, trainable: Any, state: tuple[Any, Any], batch: Batch, key: jax.Array, totals: Summands, kept: TermState
    ) -> tuple[Summands, Any, dict[str, Any]]:
        def objective(trainable: Any) -> tuple[jax.Array, tuple[Summands, dict[str, Any]]]:
            part = self._part(trainable, state, batch, key)
            share, summands = self._shares(part, totals, kept)
            if not self._of(UpdateTerm, CarriedTerm):
                return share, (summands, {})
            added, (values, after) = self._statistics(self._rows(part), kept)
            return share + added, (summands | values, after)

        (_, (summands, after)), grads = jax.value_and_grad(objective, has_aux=True)(trainable)
        return summands, grads, after

    def _accumulated(
        self, trainable: Any, state: tuple[Any, Any], batch: Batch, key: jax.Array, totals: Summands, kept: TermState
    ) -> tuple[Summands, Any, dict[str, Any]]:
        # Rows are dealt out in turn: neighbouring rows of a device stay on it when the batch becomes [parts, rows].
        parts = self.parts
        dealt = jax.tree.map(lambda a: a.reshape(a.shape[0] // parts, parts, *a.shape[1:]).swapaxes(0, 1), dict(batch))
        values, pulls, after = self._gathered(trainable, state, dealt, key, kept)

        def share(trainable: Any, rows: Batch, part_key: jax.Array, pull: Any) -> tuple[jax.Array, Summands]:
            part = self._part(trainable, state, rows, part_key)
            objective, summands = self._shares(part, totals, kept)
            for name, of_rows in self._rows(part).items():
                products = jax.tree.map(lambda row, p: jnp.sum(row * p), of_rows, pull[name])
                objective = objective + sum(jax.tree.leaves(products))
            return objective, summands

        def accumulate(carry: tuple[Any, Any], part: tuple[jax.Array, Any, Any]) -> tuple[tuple[Any, Any], None]:
            index, rows, pull = part
            rows = jax.lax.with_sharding_constraint(rows, batch_sharding(self.mesh))
            part_key = jax.random.fold_in(key, index)
            (_, summands), grads = jax.value_and_grad(share, has_aux=True)(trainable, rows, part_key, pull)
            return jax.tree.map(jnp.add, carry, (summands, grads)), None

        names = ["loss", *(f"penalty/{term.name}" for term in self._of(ItemTerm))]
        nothing = {name: jnp.zeros((), jnp.float32) for name in names}
        start = (nothing, jax.tree.map(jnp.zeros_like, trainable))
        (summands, grads), _ = jax.lax.scan(accumulate, start, (jnp.arange(parts), dealt, pulls))
        return summands | values, grads, after

    def _gathered(
        self, trainable: Any, state: tuple[Any, Any], dealt: Batch, key: jax.Array, kept: TermState
    ) -> tuple[Summands, dict[str, Any], dict[str, Any]]:
        """The statistics of a divided update, their gradients with respect to each part's rows, and what is kept."""
        if not self._of(UpdateTerm, CarriedTerm):
            return {}, {}, {}

        def look(_: None, part: tuple[jax.Array, Any]) -> tuple[None, dict[str, Any]]:
            index, rows = part
            rows = jax.lax.with_sharding_constraint(rows, batch_sharding(self.mesh))
            return None, self._rows(self._part(trainable, state, rows, jax.random.fold_in(key, index)))

        _, rows = jax.lax.scan(look, None, (jnp.arange(self.parts), dealt))

        def statistics(rows: Any) -> tuple[jax.Array, tuple[Summands, dict[str, Any]]]:
            return self._statistics(jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), rows), kept)

        (_, (values, after)), pulls = jax.value_and_grad(statistics, has_aux=True)(rows)
        return values, pulls, after
