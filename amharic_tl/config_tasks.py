"""What of a config fits which task: figures to select by, and leaves that a task has no use for."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amharic_tl.config import Config, TaskConfig

# The figures that a checkpoint can be selected by, the most usual first, by task and problem. A class ``name`` has
# ``f1/name`` too, known once the data is read.
METRICS: dict[str, tuple[str, ...]] = {
    "sequence-classification": ("macro_f1", "weighted_f1", "accuracy", "loss"),
    "multi-label": ("macro_f1", "micro_f1", "weighted_f1", "accuracy", "loss"),
    "regression": ("pearson", "spearman", "mse", "mae", "loss"),
    "token-classification": ("entity_f1", "entity_precision", "entity_recall", "accuracy", "loss"),
    "masked-lm": ("bits_per_character", "loss", "accuracy"),
    "causal-lm": ("bits_per_character", "loss", "perplexity", "accuracy"),
    "seq2seq-lm": ("bits_per_character", "loss", "perplexity", "accuracy", "bleu", "chrf"),
}
# Of tasks whose usual figure is not the default of config.train.select_by.
SELECT_BY = {"token-classification": "validation/entity_f1"}


def is_metric(task: TaskConfig, metric: str) -> bool:
    """Whether a task has a figure of this name, as far as that is known before the data is read."""
    known = METRICS[called(task)]
    return metric in known or (metric.startswith("f1/") and not {"macro_f1", "entity_f1"}.isdisjoint(known))


def no_metric(task: TaskConfig, metric: str) -> str:
    """A sentence on a figure that a task does not have."""
    known = METRICS[called(task)]
    near = difflib.get_close_matches(metric, known, n=1)
    hint = f"did you mean validation/{near[0]}? The " if near else "the "
    return f"{called(task)} has no {metric!r}; {hint}figures are {', '.join(f'validation/{name}' for name in known)}"


def lower_is_better(metric: str) -> bool:
    """Losses, errors and code lengths fall as a model improves; every other metric rises."""
    return metric in ("loss", "bits_per_character", "perplexity", "mse", "mae")


def called(task: TaskConfig) -> str:
    """A task by its kind, or by the kind of problem where that is not the usual one."""
    return task.kind if task.problem == "single-label" else task.problem


def task_checks(config: Config) -> list[str]:
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
