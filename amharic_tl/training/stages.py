"""The steps of a run, stage by stage: at a thaw they are built anew, and what training has made so far goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import jax
import numpy as np
from flax import nnx

from amharic_tl.training.checkpoints import Checkpoints, Restored
from amharic_tl.training.features import Features
from amharic_tl.training.memory import stage_of
from amharic_tl.training.step import Steps, TrainState
from amharic_tl.transfer.plan import TrainablePlan
from amharic_tl.transfer.thaw import carried_over

HostBatch = Mapping[str, np.ndarray]


class Stages:
    """The plan and the steps of the stage that a run is in.

    Gradients, optimiser state and their cost exist only for what trains in that stage: the model's stacks are cut anew
    at each thaw, and each stage has a programme of its own, compiled once.
    """

    def __init__(
        self,
        model: nnx.Module,
        plan: TrainablePlan,
        build: Callable[[nnx.Module, TrainablePlan], Steps],
        features: Features | None = None,
    ) -> None:
        """Begins in the first stage.

        Args:
          model: with the parameters that training starts from.
          plan: of any stage.
          build: makes the steps of a model whose stacks are cut as a stage's plan says.
          features: what the body gives, kept for a first stage that trains on it; None: each step computes it.
        """
        self._build, self._features = build, features
        self.plan, self.steps = self._made(model, plan.at(0))

    def _made(self, model: nnx.Module, plan: TrainablePlan) -> tuple[TrainablePlan, Steps]:
        plan.regroup(model)
        return plan, self._build(model, plan)

    def listen(self, check: Callable[[str], None], say: Callable[[str], None]) -> None:
        """What asks whether to stop (and raises), and what tells the user, while a body's outputs are computed."""
        if self._features is not None:
            self._features.check = lambda: check("computing the body's outputs")
            self._features.say = say

    def enter(self, stage: int, state: TrainState) -> TrainState:
        """Takes ``state`` into another stage; the steps are that stage's from here on.

        Parameters, counters and moments are those of ``state``, bit for bit; what begins to train has new moments.
        """
        model = nnx.merge(self.steps.graphdef, state.trainable, state.frozen, copy=True)
        before = self.steps.train.initial
        self.plan, self.steps = self._made(model, self.plan.at(stage))
        if before is not None:
            # What thaws is as it was when training began; what trained is not, and its beginning is kept.
            initial = jax.device_put(carried_over(before, self.steps.train.initial), self.steps.shardings.trainable)
            self.steps = replace(self.steps, train=replace(self.steps.train, initial=initial))
        # Placed as the compiled step gives it back: another placement would be another programme.
        return jax.device_put(carried_over(state, self.steps.state), self.steps.shardings)

    def enter_last(self, state: TrainState) -> TrainState:
        """:meth:`enter` of the last stage, in which the most trains; ``state`` itself where the run is in it."""
        last = len(self.plan.stages) - 1
        return state if self.plan.stage == last else self.enter(last, state)

    def restore(self, checkpoints: Checkpoints, step: int, state: TrainState) -> Restored:
        """Reads a checkpoint, and goes to the stage in which it was saved.

        Args:
          checkpoints: of the run.
          step: the saved one.
          state: of the stage that the run is in; its values are not used.

        Raises:
          BadInputError: the checkpoint holds other leaves, shapes or dtypes.
        """
        stage = stage_of(checkpoints.memory(step))
        if stage != self.plan.stage:
            state = self.enter(stage, state)
        return checkpoints.restore(step, state, self.steps.shardings)

    def fed(self, state: TrainState, batch: HostBatch) -> HostBatch:
        """The batch as the stage's step takes it.

        Raises:
          Preempted: told to stop while the body's outputs were computed.
        """
        if self._features is None or not self.plan.on_features:
            return batch
        return self._features.attached(self.steps, state, batch)

    def fed_shapes(self, batch: Mapping[str, jax.ShapeDtypeStruct]) -> dict[str, jax.ShapeDtypeStruct]:
        """The shapes of a batch as the stage's step takes it, from those of a batch as it is made."""
        if self._features is None or not self.plan.on_features:
            return dict(batch)
        return self._features.attached_shapes(self.steps, batch)
