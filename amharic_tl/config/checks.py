"""Leaves that do not fit together, as sentences."""

from __future__ import annotations

import re

from amharic_tl.config.adapt_checks import adapt_checks
from amharic_tl.config.adapter_checks import adapter_checks
from amharic_tl.config.alert_checks import alert_checks
from amharic_tl.config.figures import called, is_metric, no_metric
from amharic_tl.config.moments import parse_moment
from amharic_tl.config.optim_checks import optim_checks
from amharic_tl.config.penalty_checks import penalty_checks
from amharic_tl.config.remat import remat_rules
from amharic_tl.config.schema import Config
from amharic_tl.config.term_checks import term_checks
from amharic_tl.config.transfer_checks import transfer_checks


def cross_checks(config: Config) -> list[str]:
    """Leaves that do not fit together, as sentences."""
    return [
        *_train_checks(config),
        *_mesh_checks(config),
        *optim_checks(config.optim),
        *transfer_checks(config),
        *adapter_checks(config),
        *_data_checks(config),
        *_task_checks(config),
        *_safety_checks(config),
        *alert_checks(config.safety, config.task.kind),
        *term_checks(config),
        *adapt_checks(config),
    ]


def _mesh_checks(config: Config) -> list[str]:
    mesh = config.mesh
    if mesh.processes is not None and mesh.process_id is not None and mesh.process_id >= mesh.processes:
        return [
            f"config.mesh.process_id: {mesh.process_id} is not below config.mesh.processes ({mesh.processes}); they "
            "count from 0"
        ]
    return []


def _train_checks(config: Config) -> list[str]:
    train, problems = config.train, []
    if train.steps is None and train.epochs is None:
        problems.append("config.train.steps and config.train.epochs are both none; set one of them")
    if train.microbatch is not None and train.batch_size % train.microbatch:
        problems.append(
            f"config.train.microbatch: {train.microbatch} does not divide config.train.batch_size ({train.batch_size})"
        )
    stability = train.stability
    for few, many in (("least", "window"), ("skips", "within")):
        if getattr(stability, few) > getattr(stability, many):
            problems.append(
                f"config.train.stability.{few}: {getattr(stability, few)} is more than config.train.stability.{many} "
                f"({getattr(stability, many)})"
            )
    try:
        remat_rules(train.remat)
    except ValueError as error:
        problems.append(f"config.train.remat: {error}")
    split, _, metric = train.select_by.partition("/")
    if split != "validation" or not metric:
        problems.append(f"config.train.select_by: expected validation/<metric>, found {train.select_by!r}")
    elif not is_metric(config.task, metric):
        problems.append(f"config.train.select_by: {no_metric(config.task, metric)}")
    return problems


def _data_checks(config: Config) -> list[str]:
    if (config.data.folds is None) is not (config.data.fold is None):
        return ["config.data.folds and config.data.fold belong together: set both, or neither"]
    return []


def _task_checks(config: Config) -> list[str]:
    """Leaves that the task has no use for."""
    task, train, problems = config.task, config.train, []
    classifies = task.kind in ("sequence-classification", "token-classification")
    if task.problem != "single-label" and task.kind != "sequence-classification":
        problems.append(f"config.task.problem: {task.kind} has no problem to choose; use single-label")
    if isinstance(config.data.label, tuple) and task.problem != "multi-label":
        problems.append("config.data.label: several columns need config.task.problem=multi-label")
    if (not classifies or task.problem == "regression") and train.class_weights != "none":
        problems.append(f"config.train.class_weights: {called(task)} has no classes to weight; use none")
    if (not classifies or task.problem == "regression") and train.label_smoothing:
        problems.append(f"config.train.label_smoothing: {called(task)} has no classes to smooth; use 0")
    pairs = task.kind == "seq2seq-lm" and task.objective == "text-to-text"
    if task.objective != "text-to-text" and task.kind != "seq2seq-lm":
        problems.append(f"config.task.objective: {task.kind} has one objective only; use text-to-text")
    for name in ("prefix", "source_language", "target_language"):
        if getattr(config.data, name) is not None and not pairs:
            problems.append(f"config.data.{name} is set, but only text-to-text (config.task.kind=seq2seq-lm) reads it")
    if train.select_by.endswith("_normalised"):
        raw = train.select_by.removesuffix("_normalised")
        problems.append(f"config.train.select_by: a checkpoint is picked by a raw score; use {raw}")
    if task.objective == "span-corruption" and train.select_by.endswith(("/bleu", "/chrf")):
        problems.append("config.train.select_by: span-corruption translates nothing; use validation/bits_per_character")
    return [*problems, *_long_text_checks(config)]


def _long_text_checks(config: Config) -> list[str]:
    kind, data = config.task.kind, config.data
    if data.window_overlap is not None and data.long_text != "windows":
        return [f"config.data.window_overlap is set, but config.data.long_text is {data.long_text!r}; use windows"]
    if data.long_text == "truncate" or kind == "sequence-classification":
        return []
    if kind == "token-classification":
        if data.long_text == "windows":
            return []
        return ["config.data.long_text: head-tail leaves out words that need a tag; use windows"]
    whole = kind != "seq2seq-lm" or config.task.objective == "span-corruption"
    why = "reads all of running text as it is" if whole else "reads a source from its beginning"
    return [f"config.data.long_text: {kind} {why}; leave it at truncate"]


def _of_language_models(config: Config) -> list[str]:
    """What is set for classifiers alone."""
    safety = config.safety
    asked = [name for name in ("positive_labels", "sequestered") if getattr(safety, name)]
    asked += [f"constraints.{name}" for name in safety.constraints.bounds()]
    asked += [f"limits.{name}" for name in safety.limits.bounds()]
    return [
        f"config.safety.{name}: it is about the labels of a classifier, and {config.task.kind} has none"
        for name in asked
    ]


def _safety_checks(config: Config) -> list[str]:
    safety, problems = config.safety, penalty_checks(config)
    if safety.axes is None:
        named = {"positive_labels": safety.positive_labels, "held_out_groups": safety.held_out_groups}
        named["reference"] = (safety.reference,) if safety.reference else None
        named["sequestered"] = safety.sequestered
        named["look_every"] = (safety.look_every,) if safety.look_every else None
        problems += [
            f"config.safety.{name} is set, but config.safety.axes is none" for name, value in named.items() if value
        ]
        return problems
    if safety.look_every is not None:
        try:
            if parse_moment(safety.look_every).value == 0:
                problems.append("config.safety.look_every: 0 is no distance; use none, or such as 200steps")
        except ValueError as error:
            problems.append(f"config.safety.look_every: {error}")
    if config.task.kind == "token-classification":
        problems.append(
            "config.safety.axes: token-classification has no safety signals: a name that is exchanged has other tags, "
            "and the packs have no tagged texts; use none"
        )
        return problems
    if config.task.kind != "sequence-classification":
        return [*problems, *_of_language_models(config)]
    if config.task.problem != "single-label":
        problems.append(
            f"config.safety.axes: signals compare the classes of single-label problems; {config.task.problem} has none"
        )
    if config.data.long_text == "windows":
        problems.append(
            "config.safety.axes: signals compare whole inputs; use config.data.long_text=truncate or head-tail"
        )
    if safety.positive_labels is None:
        problems.append("config.safety.positive_labels: say which labels count as harm found, such as hate,offensive")
    problems += [
        f"config.safety.sequestered: expected FILE:SHA256 (64 hexadecimal digits), found {text!r}"
        for text in safety.sequestered or ()
        if not re.fullmatch(r".+:[0-9a-f]{64}", text)
    ]
    return problems
