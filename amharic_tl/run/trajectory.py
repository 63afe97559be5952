"""The parameters that a run went through: what it keeps of them while it trains, and how they are read back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from amharic_tl.config import Config
from amharic_tl.data.splits import Splits
from amharic_tl.distributed.mesh import whole
from amharic_tl.errors import BadInputError, MissingInputError
from amharic_tl.models.interchange.adapter_folder import model_config
from amharic_tl.models.interchange.locate import locate
from amharic_tl.models.interchange.safetensors_writer import write_safetensors
from amharic_tl.models.naming import named_parameters
from amharic_tl.records.files import read_object, replacing, writing
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.assembly import Run, load_model
from amharic_tl.run.staging import make_stages
from amharic_tl.tasks.prepared import Prepared
from amharic_tl.training.checkpoints import Checkpoints, check_manifest
from amharic_tl.training.stages import Stages
from amharic_tl.training.step import TrainState
from amharic_tl.transfer.averaging import Weights, weights_of, with_weights
from amharic_tl.transfer.plan import Clock


def keep_parameters(run: Run, workdir: Workdir, state: TrainState, step: int, first: bool) -> None:
    """Writes the trained parameters of an evaluation that ``config.output.keep_for_attribution`` asks for.

    Args:
      run: its parts.
      workdir: of the run.
      state: at the evaluation.
      step: of it.
      first: whether this process writes; all bring the parameters together.
    """
    every = run.config.output.keep_for_attribution
    if every is None:
        return
    number = -(-step // run.schedule.evaluate_every)
    if number % every and step != run.schedule.total:
        return
    trainable = whole(state.trainable, run.mesh)
    if not first:
        return
    path = workdir.kept_parameters / f"{step}.safetensors"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        write_safetensors(file, list(named_parameters(trainable).values()), None)


@dataclass(frozen=True)
class Snapshot:
    """Parameters that can be read back.

    Attributes:
      step: after which they stood.
      rate: the sum of the learning rates of the steps since the snapshot before, which this one stands for.
    """

    step: int
    rate: float


class Trajectory:
    """The snapshots of a finished run, on one device."""

    def __init__(
        self, place: Workdir, config: Config, prepared: Prepared, splits: Splits, mesh: Mesh, record: Mapping[str, Any]
    ) -> None:
        """Finds what can be read.

        Args:
          place: of the run.
          config: of the run.
          prepared: its task and batches.
          splits: its data.
          mesh: where to compute.
          record: its run.json.

        Raises:
          MissingInputError: nothing was kept.
        """
        self._place, self._checkpoints = place, Checkpoints(place.checkpoints)
        self._kept = {
            int(path.stem): path for path in place.kept_parameters.glob("*.safetensors") if path.stem.isdigit()
        }
        saved = self._checkpoints.steps() if place.checkpoints.exists() else []
        self._saved = {step for step in saved if check_manifest(place.checkpoints / str(step)) is None}
        found = sorted((self._saved | set(self._kept)) - {0})
        if not found:
            raise MissingInputError(
                f"{place.root}: no parameters were kept: expected checkpoints in {place.checkpoints} or files in "
                f"{place.kept_parameters} (config.output.keep_for_attribution)"
            )
        config = of_last_stage(config, place, record)
        # Forward mode has no rule for fused kernels.
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, attention="xla"))
        model = load_model(
            config,
            model_config(locate(config.model.path)),
            splits.labels,
            config.transfer.reinitialise_layers,
        )
        stored = read_object(place.plan)
        clock = Clock(**stored["clock"]) if stored.get("clock") else None
        self._stages: Stages = make_stages(config, model, prepared, clock, mesh, measured=stored.get("measured"))
        state = self._stages.steps.state
        self._initial = weights_of((state.trainable, state.frozen))
        if self._saved:  # the frame is the stage in which the most trained
            self._stages.restore(self._checkpoints, max(self._saved), state)
        steps = self._stages.steps
        self.graphdef = steps.graphdef
        self._frame = (steps.state.trainable, steps.state.frozen)
        rates = [float(steps.train.rate(jnp.asarray(step))) for step in range(found[-1])]
        edges = [0, *found]
        self.snapshots = tuple(
            Snapshot(step, float(sum(rates[before:step]))) for before, step in zip(edges, found, strict=False)
        )

    @cached_property
    def trainable_size(self) -> int:
        """How many numbers train."""
        return sum(view.size for view in named_parameters(self._frame[0]).values())

    def parameters(self, step: int) -> tuple[Any, Any]:
        """Trainable and frozen parameters after ``step``, split as those of the last stage are.

        Raises:
          BadInputError: a kept file cannot be read.
        """
        weights = self._weights(step)
        trainable, frozen = self._frame
        # On the device once, not anew at every call.
        placed = jax.device_put((with_weights(trainable, weights), with_weights(frozen, weights)))
        return placed[0], placed[1]

    def _weights(self, step: int) -> Weights:
        if step in self._kept:
            return {**self._initial, **_read(self._kept[step])}
        restored = self._stages.restore(self._checkpoints, step, self._stages.steps.state)
        return weights_of((restored.state.trainable, restored.state.frozen))


def of_last_stage(config: Config, place: Workdir, record: Mapping[str, Any]) -> Config:
    """The config with the model that the task began from: what the last stage of further pretraining exported."""
    if not record.get("stages"):
        return config
    began = place.root / record["stages"][-1]["folder"] / "export"
    return dataclasses.replace(config, model=dataclasses.replace(config.model, path=str(began), adapter=None))


def _read(path: Path) -> Weights:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise BadInputError(f"{path} cannot be read as kept parameters: {error}; move it away") from None
