"""The training step: a pure function of state and batch under ``jax.jit``, and the evaluation step beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.distributed.mesh import batch_shards, replicated
from amharic_tl.errors import ConfigError
from amharic_tl.models.sharding import parameter_shardings
from amharic_tl.tasks.base import Task, forward
from amharic_tl.tasks.terms import Term, TermState
from amharic_tl.training.objective import Objective, needs
from amharic_tl.training.stability.spikes import Spikes, Watch, entered
from amharic_tl.transfer.ema import moved_average
from amharic_tl.transfer.plan import TrainablePlan
from amharic_tl.transfer.schedules import Schedule
from amharic_tl.transfer.thaw import state_shardings


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class TrainState:
    """All that training changes, and nothing else.

    ``step`` counts batches seen (int32), ``in_a_row`` and ``skipped`` the non-finite updates that were skipped (int32).
    Frozen parameters have no gradient and no optimiser state; they are never written. ``average`` is that of the
    trainable ones; None where none is kept. ``watch`` is what spikes are judged by; None where none are looked for.
    ``terms`` is what terms of the objective keep, and those of their weights that move.
    """

    step: jax.Array
    trainable: nnx.State
    frozen: nnx.State
    optimizer: Any
    in_a_row: jax.Array
    skipped: jax.Array
    average: nnx.State | None = None
    watch: Watch | None = None
    terms: TermState = dataclasses.field(default_factory=TermState)  # last: see Checkpoints.restore

    @property
    def evaluated(self) -> nnx.State:
        """What of the trainable parameters is evaluated and exported: their average where there is one."""
        return self.trainable if self.average is None else self.average


@dataclasses.dataclass(frozen=True)
class TrainStep:
    """One update, called with state and batch, whose buffers it takes.

    Seed and learning rate are arguments of the compiled programme and no constants in it, so that runs which differ in
    them alone find it in the compilation cache.

    Attributes:
      compiled: called with state, batch, key data and rate.
      key: uint32 data of the dropout's key.
      rate: the learning rate by step.
      initial: the trainable parameters as training began, where a term needs them; otherwise None. No checkpoint holds
        them: a resumed run reads its base again.
      objective: what is minimised.
    """

    compiled: Any
    key: jax.Array
    rate: Schedule
    objective: Objective
    initial: Any = None

    def __call__(self, state: TrainState, batch: Mapping[str, jax.Array]) -> tuple[TrainState, dict[str, jax.Array]]:
        """The next state, and metrics of the update (float32 scalars)."""
        return self.compiled(state, batch, self.key, self.rate(state.step), self.initial)

    def lower(self, state: TrainState, batch: Mapping[str, jax.Array]) -> Any:
        """As ``jax.jit(...).lower``."""
        return self.compiled.lower(state, batch, self.key, self.rate(state.step), self.initial)


@dataclasses.dataclass(frozen=True)
class Steps:
    """The compiled functions of a run and the state they start from."""

    train: TrainStep
    evaluate: Callable[[TrainState, Mapping[str, jax.Array]], dict[str, jax.Array]]
    state: TrainState
    graphdef: nnx.GraphDef[Any]
    shardings: TrainState

    def untraced(self, name: Literal["train", "evaluate"]) -> Callable[..., Any]:
        """A step without compilation, for looking at: what is traced of it is not what the compiled one will run."""
        if name == "evaluate":
            function = self.evaluate.__wrapped__  # type: ignore[attr-defined]
            return lambda state, batch: function(state, batch)
        step = self.train
        return lambda state, batch: step.compiled.__wrapped__(
            state, batch, step.key, step.rate(state.step), step.initial
        )

    def model(self, state: TrainState) -> nnx.Module:
        """The model with the parameters of ``state``, their average where it has one."""
        return nnx.merge(self.graphdef, state.evaluated, state.frozen, copy=True)


def make_steps(
    model: nnx.Module,
    task: Task,
    plan: TrainablePlan,
    make_optimizer: Callable[[nnx.State], optax.GradientTransformation],
    schedule: Schedule,
    mesh: Mesh,
    *,
    batch_size: int,
    microbatch: int | None,
    seed: int,
    terms: Sequence[Term] = (),
    ema: float | None = None,
    spikes: Spikes | None = None,
    driven: frozenset[str] = frozenset(),
) -> Steps:
    """Partitions ``model`` by ``plan``, places everything on ``mesh`` and compiles (lazily) the two steps.

    Args:
      model: regrouped by ``plan``.
      task: the objective.
      plan: what trains; gradients exist for that alone.
      make_optimizer: from the trainable state; its updates still lack the factor ``-learning rate``.
      schedule: the learning rate by step.
      mesh: axes data, fsdp, tensor.
      batch_size: rows of an update over the whole mesh.
      microbatch: rows of one forward pass over the whole mesh, None for all.
      seed: of dropout.
      terms: what is added to the task's loss. Without one the step is that of the task alone.
      ema: decay of the running average of the trainable parameters; None for none.
      spikes: how updates are judged by those before; None: only by whether they are finite, in the same programme as
        ever.
      driven: names of the terms whose weight is an input of the step; it starts at theirs.

    Raises:
      ConfigError: the (micro)batch cannot be split over the mesh.
    """
    parts = parts_of(batch_size, microbatch, mesh)
    layout = lay_out(model, plan, make_optimizer, mesh, averaged=ema is not None, watched=spikes is not None)
    objective = Objective(layout.graphdef, task, terms, mesh, parts, driven)
    kept = objective.beginning()
    shardings = dataclasses.replace(layout.shardings, terms=jax.tree.map(lambda leaf: replicated(mesh), kept))
    layout = dataclasses.replace(layout, shardings=shardings)
    trainable = jax.device_put(layout.trainable, shardings.trainable)
    frozen = jax.device_put(layout.frozen, shardings.frozen)
    scalar: Any = replicated(mesh)
    # One array each: donated buffers may not be shared.
    zero, in_a_row, skipped = (jax.device_put(np.zeros((), np.int32), scalar) for _ in range(3))
    state = TrainState(
        step=zero,
        trainable=trainable,
        frozen=frozen,
        optimizer=jax.jit(layout.optimizer.init, out_shardings=shardings.optimizer)(trainable),
        in_a_row=in_a_row,
        skipped=skipped,
        average=None if ema is None else _copy(trainable, shardings.trainable),
        watch=None if spikes is None else jax.device_put(spikes.beginning(), scalar),
        terms=jax.device_put(kept, scalar),
    )
    evaluate = _evaluation_step(layout.graphdef, task)
    return Steps(
        train=TrainStep(
            jitted_train(layout, objective, mesh, ema, spikes),
            jax.device_put(np.asarray(jax.random.key_data(jax.random.key(seed))), scalar),
            jax.jit(schedule, out_shardings=scalar),
            objective,
            # A copy: the state's own buffers are given away by the first update.
            jax.tree.map(jnp.copy, trainable) if "initial" in needs(terms) else None,
        ),
        evaluate=jax.jit(evaluate, out_shardings=scalar),
        state=state,
        graphdef=layout.graphdef,
        shardings=shardings,
    )


@dataclasses.dataclass(frozen=True)
class Layout:
    """A model parted by its plan, and where each part of the state lies. Parameters are arrays or shapes, as the
    model's are.
    """

    graphdef: nnx.GraphDef[Any]
    trainable: nnx.State
    frozen: nnx.State
    optimizer: optax.GradientTransformation
    shardings: TrainState


def lay_out(
    model: nnx.Module,
    plan: TrainablePlan,
    make_optimizer: Callable[[nnx.State], optax.GradientTransformation],
    mesh: Mesh,
    *,
    averaged: bool,
    watched: bool,
) -> Layout:
    """Parts ``model`` by ``plan`` and says where each part lies on ``mesh``; nothing is placed or computed.

    Args:
      model: of arrays or of shapes, regrouped by ``plan``.
      plan: what trains.
      make_optimizer: as for :func:`make_steps`.
      mesh: axes data, fsdp, tensor.
      averaged: whether an average of the trainable parameters is kept.
      watched: whether updates are judged by those before.
    """
    split: Any = nnx.split(model, plan.is_trainable, ...)
    graphdef, trainable, frozen = split
    trainable_shardings = parameter_shardings(trainable, mesh)
    optimizer = make_optimizer(trainable)
    kept = jax.eval_shape(optimizer.init, trainable)
    scalar: Any = replicated(mesh)
    shardings = TrainState(
        step=scalar,
        trainable=trainable_shardings,
        frozen=parameter_shardings(frozen, mesh),
        optimizer=state_shardings(kept, trainable, trainable_shardings, mesh),
        in_a_row=scalar,
        skipped=scalar,
        average=trainable_shardings if averaged else None,
        watch=Watch(scalar, scalar) if watched else None,
    )
    return Layout(graphdef, trainable, frozen, optimizer, shardings)


def parts_of(batch_size: int, microbatch: int | None, mesh: Mesh) -> int:
    """How many microbatches an update has.

    Raises:
      ConfigError: one of them cannot be split over the mesh.
    """
    _check_batch(microbatch or batch_size, mesh, "microbatch" if microbatch else "batch_size")
    return batch_size // (microbatch or batch_size)


def jitted_train(layout: Layout, objective: Objective, mesh: Mesh, ema: float | None, spikes: Spikes | None) -> Any:
    """The update under ``jax.jit``, to be called or lowered with state, batch, key data, rate and initial parameters;
    it takes the state's buffers.
    """
    train = _train_step(objective, layout.optimizer, ema, spikes)
    return jax.jit(train, donate_argnums=0, out_shardings=(layout.shardings, replicated(mesh)))


def _train_step(
    objective: Objective, optimizer: optax.GradientTransformation, ema: float | None, spikes: Spikes | None
) -> Callable[..., tuple[TrainState, dict[str, jax.Array]]]:
    def step(
        state: TrainState, batch: Mapping[str, jax.Array], run_key: jax.Array, rate: jax.Array, initial: Any
    ) -> tuple[TrainState, dict[str, jax.Array]]:
        key = jax.random.fold_in(jax.random.wrap_key_data(run_key), state.step)
        summands, grads, kept = objective.gradients(state.trainable, state.frozen, initial, batch, key, state.terms)
        norm = optax.global_norm(grads)
        finite = jnp.isfinite(norm) & jnp.isfinite(sum(summands.values(), jnp.zeros(())))
        taken, watch, judged = finite, state.watch, {}
        if spikes is not None and watch is not None:
            rate = rate * watch.rate_scale
            limits, observed = spikes.limits(watch.recent), jnp.stack([summands["loss"], norm])
            spiked = finite & jnp.any(observed > limits)
            taken = finite & ~spiked if spikes.skip else finite
            watch = Watch(entered(watch.recent, observed, finite), watch.rate_scale)
            judged = {"spiked": spiked.astype(jnp.int32), "loss_limit": limits[0], "grad_norm_limit": limits[1]}
        updates, moved = optimizer.update(grads, state.optimizer, state.trainable)
        updated = jax.tree.map(lambda p, u: p - (rate * u).astype(p.dtype), state.trainable, updates)

        def keep(new: Any, old: Any) -> Any:  # a select, not a product: 0 x NaN is NaN
            return jax.tree.map(lambda n, o: jnp.where(taken, n, o), new, old)

        bad = 1 - taken.astype(jnp.int32)
        new_state = TrainState(
            step=state.step + 1,
            trainable=keep(updated, state.trainable),
            frozen=state.frozen,
            optimizer=keep(moved, state.optimizer),
            in_a_row=(state.in_a_row + 1) * bad,
            skipped=state.skipped + bad,
            watch=watch,
            terms=keep(kept, state.terms),
        )
        if ema is not None:
            updates_made = state.step + 1 - state.skipped
            new_state.average = keep(moved_average(state.average, updated, updates_made, ema), state.average)
        metrics = {
            **summands,
            "grad_norm": norm,
            "learning_rate": rate,
            "skipped": bad,
            "in_a_row": new_state.in_a_row,
            **judged,
            **{f"weight/{name}": weight for name, weight in state.terms.weights.items()},
        }
        return new_state, metrics

    return step


def _evaluation_step(
    graphdef: nnx.GraphDef[Any], task: Task
) -> Callable[[TrainState, Mapping[str, jax.Array]], dict[str, jax.Array]]:
    def evaluate(state: TrainState, batch: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        model = nnx.merge(graphdef, state.evaluated, state.frozen, copy=True)
        return task.evaluate(forward(task, model, batch), batch)

    return evaluate


def _copy(tree: Any, shardings: Any) -> Any:
    """Arrays of their own: what is donated may not be shared."""
    return jax.jit(lambda leaves: jax.tree.map(jnp.copy, leaves), out_shardings=shardings)(tree)


def _check_batch(rows: int, mesh: Mesh, leaf: str) -> None:
    shards = batch_shards(mesh)
    if rows % shards:
        raise ConfigError(
            f"config.train.{leaf}: {rows} rows cannot be split over {shards} devices (mesh data x fsdp); "
            f"choose a multiple of {shards}, such as {-(-rows // shards) * shards}"
        )
