"""Where the rooms meet: a config becomes data, model, plan, step and monitor. Nothing is written."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from amharic_tl.config import Config
from amharic_tl.config.moments import parse_moment
from amharic_tl.data.audit import audit, fingerprint
from amharic_tl.data.batches import Joined
from amharic_tl.data.folds import load_fold
from amharic_tl.data.long_text import KEEP
from amharic_tl.data.sources import pinned
from amharic_tl.data.splits import Splits, load_splits
from amharic_tl.data.tags import entity_types
from amharic_tl.data.tokenizer import check_fits, load_tokenizer
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import ConfigError, name_some
from amharic_tl.models import from_config, from_pretrained
from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.finite import refuse_non_finite
from amharic_tl.models.interchange.adapter_folder import base_and_adapter, tokenizer_folder
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.run.adapting import adapted
from amharic_tl.run.language_watch import language_monitor
from amharic_tl.run.sequestered import banks_of
from amharic_tl.run.staging import make_stages
from amharic_tl.run.terms import TransferTerms, transfer_terms
from amharic_tl.safety.drafts import refuse_drafted_penalties
from amharic_tl.safety.monitoring.classifier import Monitor
from amharic_tl.safety.monitoring.language import LanguageMonitor
from amharic_tl.safety.monitoring.mention_gap import mention_texts
from amharic_tl.safety.operator import SwapOperator, check_positive_labels
from amharic_tl.safety.penalties import Given, Penalty, penalties
from amharic_tl.safety.twins import read_reference
from amharic_tl.tasks.prepared import process_share
from amharic_tl.tasks.registry import Prepared, prepare
from amharic_tl.training.loop import Schedule
from amharic_tl.training.stages import Stages
from amharic_tl.training.step import Steps
from amharic_tl.transfer.plan import Clock, TrainablePlan
from amharic_tl.transfer.vocabulary.gate import check_pretrained

# Tasks whose rows have labels, which are the model's classes.
LABELLED = ("sequence-classification", "token-classification")


@dataclass(frozen=True)
class Safety:
    """What watches a run, and what pushes back: the penalties that are on, by name."""

    monitor: Monitor | LanguageMonitor
    penalties: Mapping[str, Penalty]

    def training(self) -> dict[str, Any]:
        """What penalties work on, what they refused by axis and group, and how many passes they add."""
        about: dict[str, Any] = {"refused": {}, "passes": {name: one.passes for name, one in self.penalties.items()}}
        for penalty in self.penalties.values():
            about |= penalty.about
        return about


@dataclass
class Run:
    """The parts of a run, ready to train. ``safety`` is None where no axis is watched, ``adapter_folder`` where no
    adapter was loaded.
    """

    config: Config
    mesh: Mesh
    model_folder: Path
    tokenizer_folder: Path
    adapter_folder: Path | None
    splits: Splits
    prepared: Prepared
    audit: dict[str, Any]
    newly_initialised: tuple[str, ...]
    dropped: tuple[str, ...]
    stages: Stages
    schedule: Schedule
    hf_config: dict[str, Any]
    safety: Safety | None

    @property
    def monitor(self) -> Monitor | LanguageMonitor | None:
        """What watches it, if anything does."""
        return self.safety.monitor if self.safety is not None else None

    @property
    def plan(self) -> TrainablePlan:
        """Of the stage that the run is in."""
        return self.stages.plan

    @property
    def steps(self) -> Steps:
        """Of the stage that the run is in."""
        return self.stages.steps


def assemble(
    config: Config,
    mesh: Mesh | None = None,
    read_before: Mapping[str, str] | None = None,
    measured_before: Mapping[str, float] | None = None,
    splits: Splits | None = None,
) -> Run:
    """Reads the data and the model, resolves the plan and builds the step. Writes nothing.

    Args:
      config: the run.
      mesh: where it computes; None: over all devices, as ``config.mesh`` says.
      read_before: what the splits of a run that goes on were read from, by split: hub data is read at that commit.
      measured_before: what the plan of a run that goes on rests on.
      splits: the data, where they were read already.

    Raises:
      AmharicTLError: any input that is absent or wrong, see the exit codes.
    """
    mesh = mesh or make_mesh(config.mesh.data, config.mesh.fsdp, config.mesh.tensor)
    folder, adapter = base_and_adapter(config.model.path, config.model.adapter)
    hf_config = read_config(folder)
    if config.model.initialise != "random":
        check_pretrained(folder, config.task.kind, config.task.objective)
    paired = bool(kind_of_rows(config)["paired"])
    splits = splits or read_splits(config, read_before or {})
    _check_select_by(config.train.select_by, splits)
    spoken = tokenizer_folder(locate(config.model.path))
    tokenizer = load_tokenizer(spoken)
    check_fits(tokenizer, ConfigValues(hf_config).whole("vocab_size"), folder)
    model = load_model(config, hf_config, splits.labels, config.transfer.reinitialise_layers)
    for leaf in ("max_length", "max_target_length") if paired else ("max_length",):
        length = getattr(config.data, leaf)
        if length > model.max_positions:
            raise ConfigError(
                f"config.data.{leaf}: {length} is more than the {model.max_positions} positions of {config.model.path}"
            )
    prepared = prepare(config, splits, tokenizer)
    schedule = _schedule(config, len(prepared.train))
    safety = _safety(config, splits, prepared, tokenizer, schedule, mesh) if config.safety.axes else None
    transfer = transfer_terms(config, splits, prepared, tokenizer, model, mesh)
    pushing = tuple(safety.penalties.values()) if safety is not None else ()
    # Penalties on groups share one source.
    for beside in dict.fromkeys([*(one.batches for one in pushing), transfer.batches]):
        if beside is not None:
            prepared = dataclasses.replace(prepared, train=Joined(prepared.train, beside))
    stages = make_stages(
        config,
        model,
        prepared,
        Clock(schedule.total, len(prepared.train)),
        mesh,
        terms=(*(one.term for one in pushing), *transfer.terms),
        measured=measured_before,
    )
    if config.model.attention not in ("auto", "xla"):
        _check_attention(stages.steps, prepared)
    return Run(
        config=config,
        mesh=mesh,
        model_folder=folder,
        tokenizer_folder=spoken,
        adapter_folder=adapter,
        splits=splits,
        prepared=prepared,
        audit=_audit(config, splits, prepared, transfer, [note for one in pushing for note in one.notes]),
        newly_initialised=model.load_report.newly_initialised,
        dropped=model.load_report.dropped,
        stages=stages,
        schedule=schedule,
        hf_config=dict(model.hf_config),
        safety=safety,
    )


def _check_attention(steps: Steps, prepared: Prepared) -> None:
    """Traces a step, so that attention which cannot serve the model is refused before anything is written."""
    processes = jax.process_count()
    batch = {
        name: jax.ShapeDtypeStruct((len(array) * processes, *array.shape[1:]), array.dtype)
        for name, array in prepared.train[0].items()
    }
    jax.eval_shape(steps.untraced("train"), steps.state, batch)


def _check_select_by(select_by: str, splits: Splits) -> None:
    """Refuses the F1 of a class that the training rows do not have; other names were checked before."""
    label = select_by.removeprefix("validation/f1/")
    known = entity_types(splits.labels) if splits.problem == "tags" else splits.labels
    if label in (select_by, *known):
        return
    near = difflib.get_close_matches(label, known, n=1)
    classes = name_some(known) or "none"
    hint = f"did you mean 'validation/f1/{near[0]}'?" if near else f"the classes are {classes}"
    raise ConfigError(f"config.train.select_by: there is no {select_by!r}; {hint}")


def _audit(
    config: Config, splits: Splits, prepared: Prepared, transfer: TransferTerms, notes: Sequence[str]
) -> dict[str, Any]:
    found = audit(
        splits,
        prepared.encoded,
        config.task.kind,
        config.data.max_length,
        prepared.encoded_targets,
        long_text=config.data.long_text,
        windows=prepared.windows,
    )
    found["warnings"] += [*prepared.notes, *transfer.notes, *notes]
    if prepared.mixed is not None:
        found["mixture"] = prepared.mixed.describe()
    return found | ({"alignment": transfer.about} if transfer.about else {})


def read_splits(config: Config, read_before: Mapping[str, str]) -> Splits:
    """The rows of a run; ``read_before`` as for :func:`assemble`."""
    read = load_splits if config.data.folds is None else load_fold
    return read(pinned(config.data, read_before), seed=config.train.seed, **kind_of_rows(config))


def kind_of_rows(config: Config) -> dict[str, Any]:
    """What a task's rows are, as :func:`~amharic_tl.data.splits.load_splits` takes it."""
    return {
        "labelled": config.task.kind in LABELLED,
        "problem": "tags" if config.task.kind == "token-classification" else config.task.problem,
        "paired": config.task.kind == "seq2seq-lm" and config.task.objective == "text-to-text",
    }


def load_model(config: Config, hf_config: Mapping[str, Any], labels: list[str], reinitialise_layers: int = 0) -> Any:
    """The model of a run, in float32, with an output for each label; its top layers perhaps drawn anew."""
    if config.task.problem == "regression":
        labels = [str(config.data.label)]  # the name of the one output
    settings: dict[str, Any] = {
        "labels": labels if config.task.kind in LABELLED else None,
        "problem": config.task.problem,
        "seed": config.train.seed,
        "compute_dtype": config.model.compute_dtype,
        "dropout": config.model.dropout,
        "attention": config.model.attention,
    }
    if config.model.initialise == "random":
        return from_config(hf_config, config.task.kind, **settings)
    settings |= {"reinitialise_layers": reinitialise_layers, "adapter": config.model.adapter}
    model = from_pretrained(config.model.path, config.task.kind, dtype="float32", **settings)
    refuse_non_finite(model, config.model.path)
    return adapted(config, model)


def _schedule(config: Config, steps_per_epoch: int) -> Schedule:
    train = config.train
    total = train.steps if train.steps is not None else max(1, round((train.epochs or 1.0) * steps_per_epoch))
    evaluate_every = train.evaluate_every or min(steps_per_epoch, total)
    return Schedule(
        total=total,
        evaluate_every=evaluate_every,
        save_every=train.save_every or evaluate_every,
        log_every=train.log_every,
        patience=train.patience,
        max_non_finite=train.max_non_finite,
        look_every=_look_every(config, total, steps_per_epoch),
    )


def _look_every(config: Config, total: int, steps_per_epoch: int) -> int | None:
    """In steps; None for never."""
    typed = config.safety.look_every
    return None if typed is None else max(1, parse_moment(typed).step(total, steps_per_epoch))


def _safety(
    config: Config, splits: Splits, prepared: Prepared, tokenizer: Any, schedule: Schedule, mesh: Mesh
) -> Safety:
    """The monitor, and the penalties whose weight is above 0."""
    settings = config.safety
    operator = SwapOperator(settings.pack, settings.axes or (), settings.held_out_groups)
    refuse_drafted_penalties(operator, settings)
    pushing = penalties(Given(config, operator, splits, prepared, tokenizer, mesh))
    if config.task.kind == "sequence-classification":
        return Safety(_monitor(config, splits, tokenizer, schedule, operator), pushing)
    return Safety(language_monitor(config, splits, tokenizer, schedule.evaluations() + 1, mesh), pushing)


def _monitor(config: Config, splits: Splits, tokenizer: Any, schedule: Schedule, operator: SwapOperator) -> Monitor:
    settings = config.safety
    check_positive_labels(settings.positive_labels or (), splits.labels)
    judged = {name: source.rows for name, source in splits.items() if name != "train"}
    reference = None
    if settings.reference:
        sums = fingerprint(splits), operator.pack.fingerprint
        reference = read_reference(settings.reference, config, list(judged), *sums)
    monitor = Monitor(
        operator,
        judged,
        tokenizer,
        splits.labels,
        settings,
        reference,
        looks=schedule.evaluations() + len(judged) - 1,
        max_length=config.data.max_length,
        batch_rows=config.train.microbatch or config.train.batch_size,
        share=process_share(),
        keep=KEEP[config.data.long_text],
        gap=mention_texts(operator, splits.train.rows, splits.validation.rows, settings.gap_texts, config.train.seed),
    )
    banks_of(monitor)
    return monitor
