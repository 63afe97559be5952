"""The training step of a config, of shapes: built of the same parts as that of a run, with no data and no weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flax import nnx
from jax.sharding import Mesh

from amharic_tl.config import Config
from amharic_tl.config.remat import remat_rules
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import ConfigError
from amharic_tl.models import outline
from amharic_tl.models.config_values import label_names
from amharic_tl.models.interchange.adapter_folder import base_and_adapter
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.models.naming import named_parameters
from amharic_tl.run.adapting import adapted
from amharic_tl.run.assembly import LABELLED
from amharic_tl.run.staging import generations_of, make_spikes
from amharic_tl.run.terms import decays_towards_zero
from amharic_tl.studies.plan.batch_shapes import batch_shapes, class_names, task_of
from amharic_tl.training.features import OnFeatures
from amharic_tl.training.outline import OutlinedStep, outline_step
from amharic_tl.training.remat import set_remat
from amharic_tl.transfer.optimizers import make_optimizer
from amharic_tl.transfer.plan import Clock, TrainablePlan, make_plan
from amharic_tl.transfer.regularizers import regularizers


@dataclass(frozen=True)
class Outlined:
    """A run's step of shapes, the plan of what it trains, and what of the config is not in it."""

    config: Config
    step: OutlinedStep
    plan: TrainablePlan
    mesh: Mesh
    notes: tuple[str, ...]


def hf_config_of(config: Config) -> dict[str, Any]:
    """The config.json of ``model.path``. No weights are read; of a hub id, none are fetched.

    Raises:
      MissingInputError: there is none.
    """
    if config.model.adapter is None:
        folder = locate(config.model.path, weights=False)
        if (folder / "config.json").is_file():
            return dict(read_config(folder))
    return dict(read_config(base_and_adapter(config.model.path, config.model.adapter)[0]))


def outline_run(config: Config, devices: list[Any], labels: int | None = None) -> Outlined:
    """The step of the last stage of a run, in which the most trains.

    Args:
      config: of the run.
      devices: to compile for.
      labels: how many classes; None: those of the model's config.json.

    Raises:
      ConfigError: what is asked for does not fit the model or the devices.
      AmharicTLError: there is no such model, or it is of an unknown kind.
    """
    mesh = make_mesh(config.mesh.data, config.mesh.fsdp, config.mesh.tensor, devices)
    hf_config = hf_config_of(config)
    names = class_names(config, labels or len(label_names(hf_config)) or 2)
    if config.task.problem == "regression":
        names = names[:1]
    model = _model(config, hf_config, names)
    if config.data.max_length > model.max_positions:
        raise ConfigError(
            f"config.data.max_length: {config.data.max_length} is more than the {model.max_positions} positions of "
            f"{config.model.path}"
        )
    set_remat(model, remat_rules(config.train.remat))
    # Where nothing of the data is known, a pass is one step: moments in epochs are as late as they may be.
    clock = Clock(10**9, 1)
    measured = _any_measure(model) if config.transfer.blocks == "auto" else None
    plan = make_plan(model, config.transfer, decays_towards_zero(config), clock, measured)
    plan.regroup(model)
    task = task_of(config, names, int(hf_config["vocab_size"]))
    step = outline_step(
        model,
        OnFeatures(task) if plan.on_features else task,
        plan,
        lambda trainable: make_optimizer(config.optim, plan, trainable, generations_of(plan, trainable, 1)),
        batch_shapes(config, len(names)),
        mesh,
        microbatch=config.train.microbatch,
        terms=regularizers(config.transfer.regularizers, task, frozenset()),
        ema=config.optim.ema,
        spikes=make_spikes(config),
    )
    return Outlined(config, step, plan, mesh, _left_out(config))


def _model(config: Config, hf_config: dict[str, Any], names: list[str]) -> Any:
    """The model that the run trains, of shapes, with its adapters."""
    made = outline(
        hf_config,
        config.task.kind,
        labels=names if config.task.kind in LABELLED else None,
        problem=config.task.problem,
        compute_dtype=config.model.compute_dtype,
        dropout=config.model.dropout,
        attention=config.model.attention,
    )
    if config.transfer.method != "lora" or config.model.initialise == "random":
        return made
    graphdef, state = nnx.split(made)
    bare = replace(config, model=replace(config.model, adapter=None))
    return nnx.eval_shape(lambda: adapted(bare, nnx.merge(graphdef, state, copy=True)))


def _any_measure(model: Any) -> dict[str, float]:
    """Relative gradients that stand for those of a run: which blocks they choose changes little of the cost."""
    depth = max((view.layer for view in named_parameters(model).values() if view.layer is not None), default=-1) + 1
    return {"embeddings": 0.0, **{f"block {layer}": 1.0 + layer for layer in range(depth)}}


def _left_out(config: Config) -> tuple[str, ...]:
    """What a run of this config does in its step, or beside it, and the plan leaves out."""
    notes = []
    if config.safety.axes:
        notes += [
            f"the penalty safety.penalties.{name} is not in the planned step: it needs the data"
            for name in config.safety.pushing()
        ]
    if config.transfer.alignment.data is not None:
        notes.append("the target rows of transfer.alignment are not in the planned step: they need the data")
    if config.adapt.stages:
        notes.append("the stages of adapt are runs of their own: plan each with its own task")
    return tuple(notes)
