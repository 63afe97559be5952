"""What a body that stays gives for each row, computed once and kept, for a head that trains on it alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh

from amharic_tl.data.batches import BatchSource
from amharic_tl.distributed.mesh import put_batch, whole
from amharic_tl.tasks.base import Batch, Task, forward
from amharic_tl.training.step import Steps, TrainState

FEATURES = "features"


class OnFeatures:
    """A task whose model runs without dropout: from the batch's ``features [B, S, H]`` (the last hidden states) where
    it has them, as a whole otherwise. Both give the same.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.kind = task, task.kind

    def forward(self, model: Any, batch: Batch, dropout_key: jax.Array | None = None) -> Any:
        """The model's outputs."""
        del dropout_key
        if FEATURES not in batch:
            return forward(self.task, model, batch)
        return model.from_hidden(batch[FEATURES], batch["input_ids"], batch["attention_mask"])

    def model_inputs(self, batch: Batch) -> dict[str, jax.Array]:
        """The task's."""
        return self.task.model_inputs(batch)

    def loss_weights(self, batch: Batch) -> jax.Array:
        """The task's."""
        return self.task.loss_weights(batch)

    def loss(self, outputs: Any, batch: Batch) -> jax.Array:
        """The task's."""
        return self.task.loss(outputs, batch)

    def evaluate(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """The task's."""
        return self.task.evaluate(outputs, batch)

    def score(self, gathered: Mapping[str, np.ndarray]) -> dict[str, float]:
        """The task's."""
        return self.task.score(gathered)

    def lower_is_better(self, metric: str) -> bool:
        """The task's."""
        return self.task.lower_is_better(metric)


class Features:
    """The last hidden states of the training rows, in main memory.

    They are computed in one pass over the batches of the first epoch, whenever a process begins: the same batches give
    the same bits, so that a run that was stopped goes on as if it had not been.
    """

    def __init__(
        self,
        task: Task,
        batches: BatchSource,
        steps: int,
        limit: int,
        mesh: Mesh,
        *,
        check: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Computes nothing yet.

        Args:
          task: the objective, which knows the model's inputs.
          batches: of training; each epoch has every row once.
          steps: how many the stage lasts; rows that it does not reach are left out.
          limit: most bytes to keep. Where that is too little nothing is kept.
          mesh: where the model is.
          check: raises where the run is told to stop.
          say: tells the user.
        """
        self._task, self._batches, self._steps, self._limit, self._mesh = task, batches, steps, limit, mesh
        self.check, self.say = check, say
        self._rows: dict[int, np.ndarray] | None = None

    def attached(self, steps: Steps, state: TrainState, batch: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """The batch with its rows' ``features``, float32 ``[b, S, H]``, 0 at padding; without, where none are kept.

        Raises:
          Preempted: told to stop.
        """
        if self._rows is None:
            self._rows = self._computed(steps, state)
        if not self._rows:
            return batch
        width = next(iter(self._rows.values())).shape[1]
        features = np.zeros((*batch["input_ids"].shape, width), np.float32)
        for place, row in enumerate(batch["row_index"]):
            if row >= 0:
                kept = self._rows[int(row)]
                features[place, : len(kept)] = kept
        return {**batch, FEATURES: features}

    def attached_shapes(
        self, steps: Steps, batch: Mapping[str, jax.ShapeDtypeStruct]
    ) -> dict[str, jax.ShapeDtypeStruct]:
        """The shapes of a batch with its features."""
        found = jax.eval_shape(self._hidden(steps), steps.state.trainable, steps.state.frozen, batch)
        return {**batch, FEATURES: found}

    def _hidden(self, steps: Steps) -> Callable[[nnx.State, nnx.State, Batch], jax.Array]:
        def hidden(trainable: nnx.State, frozen: nnx.State, batch: Batch) -> jax.Array:
            model = nnx.merge(steps.graphdef, trainable, frozen, copy=True)
            return forward(self._task, model, batch).last_hidden_state.astype(jnp.float32)

        return hidden

    def _computed(self, steps: Steps, state: TrainState) -> dict[int, np.ndarray]:
        """By row ``[tokens, H]``; empty where it needs more than the limit."""
        if jax.process_count() > 1:
            self.say("note: the body's outputs are not kept where a job has several processes: each step makes them")
            return {}

        hidden = jax.jit(self._hidden(steps))
        rows: dict[int, np.ndarray] = {}
        held = 0
        for index in range(min(len(self._batches), self._steps)):
            self.check()
            host = self._batches[index]
            found = hidden(state.trainable, state.frozen, put_batch(dict(host), self._mesh))
            outputs = np.asarray(whole(found, self._mesh))
            for row, output, mask in zip(host["row_index"], outputs, host["attention_mask"], strict=True):
                if row >= 0:
                    rows[int(row)] = output[: int(np.flatnonzero(mask).max(initial=-1)) + 1].copy()
                    held += rows[int(row)].nbytes
            if held > self._limit:
                self.say(
                    f"note: the outputs of the body need more than {self._limit:,} bytes "
                    "(config.transfer.feature_bytes), so that each step of the first stage makes them anew"
                )
                return {}
        self.say(f"the body's outputs for {len(rows):,} rows are kept ({held:,} bytes): the head trains on them")
        return rows
