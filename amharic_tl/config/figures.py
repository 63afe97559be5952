"""The figures that a checkpoint can be selected by."""

from __future__ import annotations

import difflib

from amharic_tl.config.task import TaskConfig

# The figures that a checkpoint can be selected by, the most usual first, by task and problem. A class ``name`` has
# ``f1/name`` too, known once the data is read.
METRICS: dict[str, tuple[str, ...]] = {
    "sequence-classification": ("macro_f1", "weighted_f1", "accuracy", "loss"),
    "multi-label": ("macro_f1", "micro_f1", "weighted_f1", "accuracy", "loss"),
    "regression": ("pearson", "spearman", "mse", "mae", "loss"),
    "token-classification": ("entity_f1", "entity_precision", "entity_recall", "accuracy", "loss"),
    "masked-lm": ("bits_per_character", "loss", "accuracy"),
    "causal-lm": ("bits_per_character", "loss", "perplexity", "accuracy"),
    "seq2seq-lm": (
        *("bits_per_character", "loss", "perplexity", "accuracy"),
        *("bleu", "chrf", "bleu_normalised", "chrf_normalised"),
    ),
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
