"""The training step of a model of shapes: what would be compiled, with nothing read, placed or run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.distributed.mesh import batch_sharding, replicated
from amharic_tl.tasks.base import Task
from amharic_tl.tasks.terms import Term
from amharic_tl.training.objective import Objective, needs
from amharic_tl.training.stability.spikes import Spikes
from amharic_tl.training.step import TrainState, jitted_train, lay_out, parts_of
from amharic_tl.transfer.plan import TrainablePlan

Shapes = Mapping[str, jax.ShapeDtypeStruct]


@dataclass(frozen=True)
class OutlinedStep:
    """The step of :func:`~amharic_tl.training.step.make_steps` with shapes in the place of its arguments.

    Attributes:
      compiled: the jitted update.
      arguments: state, batch, key data, rate and initial parameters, each leaf with its sharding.
    """

    compiled: Any
    arguments: tuple[Any, ...]

    @property
    def state(self) -> TrainState:
        """Shapes of the state."""
        return self.arguments[0]

    def lower(self) -> Any:
        """As ``jax.jit(...).lower``."""
        return self.compiled.lower(*self.arguments)

    def untraced(self) -> Callable[..., Any]:
        """The update without compilation, for looking at."""
        function = self.compiled.__wrapped__
        return lambda *arguments: function(*arguments)


def outline_step(
    model: nnx.Module,
    task: Task,
    plan: TrainablePlan,
    make_optimizer: Callable[[nnx.State], optax.GradientTransformation],
    batch: Shapes,
    mesh: Mesh,
    *,
    microbatch: int | None,
    terms: Sequence[Term] = (),
    ema: float | None = None,
    spikes: Spikes | None = None,
) -> OutlinedStep:
    """The step of a model of shapes; arguments as for :func:`~amharic_tl.training.step.make_steps`.

    Args:
      batch: shapes of the whole update's batch, rows first.

    Raises:
      ConfigError: the (micro)batch cannot be split over the mesh.
    """
    rows = next(iter(batch.values())).shape[0]
    parts = parts_of(rows, microbatch, mesh)
    layout = lay_out(model, plan, make_optimizer, mesh, averaged=ema is not None, watched=spikes is not None)
    shardings, scalar = layout.shardings, replicated(mesh)
    count: Any = jax.ShapeDtypeStruct((), jnp.int32)
    state = TrainState(
        step=count,
        trainable=layout.trainable,
        frozen=layout.frozen,
        optimizer=jax.eval_shape(layout.optimizer.init, layout.trainable),
        in_a_row=count,
        skipped=count,
        average=None if ema is None else layout.trainable,
        watch=None if spikes is None else jax.eval_shape(spikes.beginning),
    )
    state = jax.tree.map(_placed, state, shardings)
    key = jax.eval_shape(lambda: jax.random.key_data(jax.random.key(0)))
    arguments = (
        state,
        {name: _placed(shape, batch_sharding(mesh)) for name, shape in batch.items()},
        _placed(key, scalar),
        _placed(jax.ShapeDtypeStruct((), jnp.float32), scalar),
        state.trainable if "initial" in needs(terms) else None,
    )
    objective = Objective(layout.graphdef, task, terms, mesh, parts)
    return OutlinedStep(jitted_train(layout, objective, mesh, ema, spikes), arguments)


def _placed(leaf: Any, place: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)
