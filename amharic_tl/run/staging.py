"""The stages of a run, from its config: what each trains, and what its step is built of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.config import Config
from amharic_tl.config.remat import remat_rules
from amharic_tl.run.terms import decays_towards_zero
from amharic_tl.tasks.prepared import Prepared
from amharic_tl.tasks.terms import Term
from amharic_tl.training.features import Features, OnFeatures
from amharic_tl.training.relative_gradients import relative_gradient_norms
from amharic_tl.training.remat import set_remat
from amharic_tl.training.stability.spikes import Spikes
from amharic_tl.training.stages import Stages
from amharic_tl.training.step import Steps, make_steps
from amharic_tl.training.thaws import Thaws
from amharic_tl.transfer.optimizers import Generations, make_optimizer
from amharic_tl.transfer.plan import Clock, TrainablePlan, make_plan
from amharic_tl.transfer.schedules import make_schedule


def make_stages(
    config: Config,
    model: nnx.Module,
    prepared: Prepared,
    clock: Clock | None,
    mesh: Mesh,
    *,
    terms: Sequence[Term] = (),
    measured: Mapping[str, float] | None = None,
) -> Stages:
    """The stages of ``config.transfer``, in the first of them.

    Args:
      config: of the run.
      model: that training starts from; its stacks are cut in place.
      prepared: the task and its batches.
      clock: the run's length; None where nothing is trained and nothing thaws by the clock.
      mesh: where to compute.
      terms: what is added to the task's loss.
      measured: what the plan rests on, where it is known from before.

    Raises:
      ConfigError: what is asked for does not fit the model or the run's length, or a batch not the mesh.
    """
    transfer = config.transfer
    set_remat(model, remat_rules(config.train.remat))
    if measured is None and transfer.method == "surgical" and transfer.blocks == "auto":
        measured = relative_gradient_norms(model, prepared.task, prepared.train, transfer.auto_batches, mesh)
    plan = make_plan(model, transfer, decays_towards_zero(config), clock, measured)
    total = clock.total if clock is not None else 1
    warmup = int(transfer.thaw_warmup) if transfer.thaw_warmup >= 1 else round(transfer.thaw_warmup * total)

    def build(model: nnx.Module, plan: TrainablePlan) -> Steps:
        def optimizer(trainable: nnx.State) -> Any:
            return make_optimizer(config.optim, plan, trainable, generations_of(plan, trainable, warmup))

        return make_steps(
            model,
            OnFeatures(prepared.task) if plan.on_features else prepared.task,
            plan,
            optimizer,
            make_schedule(config.optim, total),
            mesh,
            batch_size=config.train.batch_size,
            microbatch=config.train.microbatch,
            seed=config.train.seed,
            terms=terms,
            ema=config.optim.ema,
            spikes=make_spikes(config),
            driven=config.safety.driven if terms else frozenset(),
        )

    features = None
    if plan.features_first and len(plan.stages) > 1 and transfer.feature_bytes:
        steps = plan.stages[1].begins or total
        features = Features(prepared.task, prepared.train, steps, transfer.feature_bytes, mesh)
    return Stages(model, plan, build, features)


def make_spikes(config: Config) -> Spikes | None:
    """How updates are judged by those before them; None where the config has that off."""
    stability = config.train.stability
    if stability.spikes == "off":
        return None
    return Spikes(stability.window, stability.least, stability.deviations, skip=stability.spikes == "skip")


def make_thaws(config: Config, plan: TrainablePlan) -> Thaws:
    """When the stages of a plan begin."""
    transfer = config.transfer
    return Thaws(
        begins=[stage.begins for stage in plan.stages],
        patience=transfer.thaw_patience,
        smoothing=transfer.thaw_smoothing,
        delta=transfer.thaw_delta,
    )


def generations_of(plan: TrainablePlan, trainable: nnx.State, warmup: int) -> Generations | None:
    """A count and a warm-up for what each stage thaws; None where there is one stage."""
    if len(plan.stages) == 1:
        return None
    labels = plan.generations(trainable)
    there = sorted(set(jax.tree.leaves(labels)))
    return Generations(labels, {label: 0 if label == "0" else warmup for label in there})
