"""The stages of further pretraining before a task: each is a run of its own, with a config derived from the task's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from amharic_tl.config import Config, DataConfig, TrainConfig
from amharic_tl.config.checks import cross_checks
from amharic_tl.config.machine import OutputConfig
from amharic_tl.config.task import TaskConfig
from amharic_tl.data.adaptation import domain_data
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.models.registry import family_of
from amharic_tl.records.workdir import Workdir

# config.adapt.objective by the kind of task that learns it; where several fit, the first.
OBJECTIVES = {"masked-lm": "masked-lm", "seq2seq-lm": "span-corruption", "causal-lm": "causal-lm"}
TITLES = {"dapt": "domain-adaptive pretraining (DAPT)", "tapt": "task-adaptive pretraining (TAPT)"}


@dataclass(frozen=True)
class Stage:
    """One stage: its name, its number of ``of`` (the task is the last one), where it runs, and as what."""

    name: str
    number: int
    of: int
    place: Workdir
    config: Config

    @property
    def title(self) -> str:
        """As people are told."""
        return f"stage {self.number} of {self.of}, {TITLES[self.name]}"


def stages_of(config: Config, hf_config: Mapping[str, Any], place: Workdir) -> list[Stage]:
    """The stages of a run in their order; each begins from what the one before exports.

    Raises:
      BadInputError: the base cannot learn the objective.
      ConfigError: leaves that do not fit a stage.
    """
    kind = _kind_of(config, hf_config)
    base, found = config.model.path, []
    for number, name in enumerate(config.adapt.stages, 1):
        folder = Workdir(place.stages.resolve() / f"{number}-{name}")
        stage = _config_of(config, name, kind, base)
        problems = cross_checks(stage)
        if problems:
            raise ConfigError(f"config.adapt: the {name} stage is not valid:\n  " + "\n  ".join(problems[:10]))
        found.append(Stage(name, number, len(config.adapt.stages) + 1, folder, stage))
        base = str(folder.export)
    return found


def _kind_of(config: Config, hf_config: Mapping[str, Any]) -> Any:
    """The kind of task whose objective the base is further pretrained with."""
    where = config.model.path
    family, model_type = family_of(hf_config, where), str(hf_config["model_type"])
    known = {kind: family.architectures[kind].get(model_type) for kind in OBJECTIVES if kind in family.architectures}
    fitting = {kind: name for kind, name in known.items() if name is not None}
    wanted = config.adapt.objective
    if wanted == "auto":
        named = hf_config.get("architectures") or [None]
        chosen = next((kind for kind, name in fitting.items() if name == named[0]), next(iter(fitting), None))
    else:
        chosen = next((kind for kind, objective in OBJECTIVES.items() if objective == wanted and kind in fitting), None)
    if chosen is None:
        can = ", ".join(OBJECTIVES[kind] for kind in fitting) or "none of them"
        raise BadInputError(f"config.adapt.objective: {where} ({model_type}) cannot learn {wanted}; it can learn {can}")
    return chosen


def _config_of(config: Config, name: str, kind: Any, base: str) -> Config:
    """A stage as a run: language modelling on its text, with the whole model training."""
    adapt, train = config.adapt, config.train
    settings = adapt.dapt if name == "dapt" else adapt.tapt
    span = "span-corruption" if kind == "seq2seq-lm" else "text-to-text"
    return Config(
        model=replace(config.model, path=base, adapter=config.model.adapter if base == config.model.path else None),
        task=TaskConfig(
            kind=kind,
            objective=span,  # type: ignore[arg-type]
            noise_density=config.task.noise_density,
            mean_span=config.task.mean_span,
            mask_probability=config.task.mask_probability,
        ),
        data=domain_data(config) if name == "dapt" else _task_data(config),
        train=TrainConfig(
            epochs=settings.epochs or 1.0,
            steps=settings.steps,
            batch_size=adapt.batch_size or train.batch_size,
            microbatch=train.microbatch,
            seed=train.seed,
            evaluate_every=adapt.evaluate_every,
            save_every=train.save_every,
            log_every=train.log_every,
            stuck_after=train.stuck_after,
            select_by="validation/bits_per_character",
            max_non_finite=train.max_non_finite,
            stability=train.stability,
        ),
        optim=replace(config.optim, lr=settings.lr),
        mesh=config.mesh,
        output=OutputConfig(tensorboard=config.output.tensorboard, baselines=False),
    )


def _task_data(config: Config) -> DataConfig:
    """Where the task's texts lie. Test is left out: its text would be known before it is scored."""
    data = config.data
    return replace(
        DataConfig(),
        train=data.train,
        validation=data.validation,
        text=data.text,
        columns=data.columns,
        format=data.format,
        quoting=data.quoting,
        folds=data.folds,
        fold=data.fold,
        mixture=data.mixture,
        max_length=config.adapt.max_length or data.max_length,
        gates=None,
    )
