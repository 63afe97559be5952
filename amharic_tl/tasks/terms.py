"""What may be added to a task's loss: terms, told apart by what they are a function of, and what they may look at.

In every update the step minimises ``loss + sum of weight * value`` over its terms, and records each value as
``penalty/<name>``. A value is

- a mean over items (:class:`ItemTerm`): most terms. Sums are divided by the item weights of the whole update, so that
  devices and microbatches may hold unequal shares of them;
- a statistic of the whole update that is no sum over items (:class:`UpdateTerm`), such as a distance of covariances.
  Under accumulation it is that of the whole update all the same, at the price of one more forward pass;
- such a statistic that goes on from what it kept of the update before (:class:`CarriedTerm`), as group weights do;
- a function of the parameters alone (:class:`ParameterTerm`), computed once an update.

A term pays for what it looks at: a pass that no term asks for is not in the compiled step, and one that several ask for
is there once. Without terms the step is that of the task alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import jax

from amharic_tl.tasks.base import Batch

# What the step must provide for: a second pass that is trained on, the parameters that training began with.
Need = Literal["again", "initial"]


class Part(Protocol):
    """What a term may look at in one part of an update: a microbatch, or the whole batch without accumulation."""

    @property
    def batch(self) -> Batch:
        """The part's rows, and whatever else the batch carries."""
        ...

    @property
    def outputs(self) -> Any:
        """What the task judges, with dropout: the pass that the loss is computed from, at no further cost."""
        ...

    @property
    def again(self) -> Any:
        """The same of a second pass, with other dropout (``needs`` names ``again``).

        A pass with dropout that is paid for is learned from: the task's loss is then the mean over both.
        """
        ...

    @property
    def base(self) -> Any:
        """The same from the parameters that training began with, without dropout (``needs`` names ``initial``).

        No gradient flows into it.
        """
        ...

    def outputs_of(self, rows: Batch, *, initial: bool = False) -> Any:
        """The same of other rows, that the batch carries beside its own, without dropout: one more pass.

        Args:
          rows: as the task's own batches, or as much of one as its model reads.
          initial: from the parameters that training began with (``needs`` names ``initial``), without gradient.
        """
        ...

    def run(self, inputs: Mapping[str, jax.Array], dropout: str | None = None) -> Any:
        """The model's output for other inputs, that the batch carries beside its rows: one more pass.

        Args:
          inputs: keyword arguments of the model's call.
          dropout: None for a pass without; otherwise a name, from which the pass gets a dropout of its own.
        """
        ...


class _Term(Protocol):
    """What all terms have."""

    @property
    def name(self) -> str:
        """As in the config and in metrics.jsonl."""
        ...

    @property
    def weight(self) -> float:
        """Its factor in the objective."""
        ...

    @property
    def needs(self) -> frozenset[Need]:
        """What the step must provide for it."""
        ...


@runtime_checkable
class ItemTerm(_Term, Protocol):
    """A mean over items; without a valid item it is 0."""

    def item_weights(self, batch: Batch) -> jax.Array:
        """float32, one for each item; 0 for filler."""
        ...

    def value(self, part: Part) -> jax.Array:
        """The values of the part's items, weighted and summed: a float32 scalar."""
        ...


@runtime_checkable
class UpdateTerm(_Term, Protocol):
    """A statistic of all rows of an update together.

    Under accumulation the step first runs through all parts for their rows, then adds to each part's loss the product
    of its rows and the statistic's gradient with respect to them (Gao et al. 2021, section 3.2): value and gradient are
    those of the undivided batch, and no part needs another's activations.
    """

    def rows(self, part: Part) -> Any:
        """What the statistic needs of a part: a pytree of float32 arrays, items first, filler marked among them."""
        ...

    def statistic(self, rows: Any) -> jax.Array:
        """The value, a float32 scalar, from the rows of the whole update, in no particular order."""
        ...


@runtime_checkable
class CarriedTerm(_Term, Protocol):
    """A statistic as of :class:`UpdateTerm` that also depends on what it kept of the updates before.

    What is kept is part of the training state and of its checkpoints; an update that is left out does not change it.
    """

    def beginning(self) -> Any:
        """What is kept before the first update: a pytree of NumPy arrays."""
        ...

    def rows(self, part: Part) -> Any:
        """See :meth:`UpdateTerm.rows`."""
        ...

    def advanced(self, rows: Any, kept: Any) -> tuple[jax.Array, Any]:
        """The value, a float32 scalar, and what is kept of this update; no gradient flows through the latter."""
        ...


@runtime_checkable
class ParameterTerm(_Term, Protocol):
    """A function of the trainable parameters."""

    def of_parameters(self, trainable: Any, initial: Any) -> jax.Array:
        """The value, a float32 scalar.

        Args:
          trainable: the state of the trainable parameters.
          initial: the same as training began, None unless ``needs`` names ``initial``.
        """
        ...


Term = ItemTerm | UpdateTerm | CarriedTerm | ParameterTerm


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TermState:
    """What terms have in the training state; empty, and nothing in the compiled step, where none needs any.

    Attributes:
      kept: by name, of each :class:`CarriedTerm`.
      weights: by name, float32 scalars in the place of ``weight``, of terms whose weight moves while training: an
        input of the compiled step, which stays the same.
    """

    kept: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
