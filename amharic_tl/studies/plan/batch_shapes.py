"""The shapes of a run's largest batch and its task, from the config alone: no row is read.

What ``amharic_tl.data`` and ``amharic_tl.tasks`` would make of rows that are all ``data.max_length`` long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.span_corruption import longest_window, span_counts
from amharic_tl.data.tags import OUTSIDE
from amharic_tl.tasks.base import Task
from amharic_tl.tasks.causal_lm import CausalLM
from amharic_tl.tasks.masked_lm import MaskedLM
from amharic_tl.tasks.multi_label import MultiLabelClassification
from amharic_tl.tasks.regression import Regression
from amharic_tl.tasks.seq2seq_lm import Seq2SeqLM
from amharic_tl.tasks.sequence_classification import SequenceClassification
from amharic_tl.tasks.token_classification import TokenClassification

Shapes = dict[str, jax.ShapeDtypeStruct]
# T5 has so many sentinels; other tokenizers may have fewer, which shortens windows beyond what is planned for here.
_SENTINELS = 100


def class_names(config: Config, count: int) -> list[str]:
    """Names for ``count`` classes; tags of a token task have the outside one among them."""
    names = [f"LABEL_{number}" for number in range(count)]
    return [OUTSIDE, *(f"B-{name}" for name in names[1:])] if config.task.kind == "token-classification" else names


def task_of(config: Config, labels: Sequence[str], vocabulary: int) -> Task:
    """The objective of a run; its numbers (class weights, characters of tokens) stand for any.

    Args:
      config: of the run.
      labels: names of the classes.
      vocabulary: of the model.
    """
    kind, smoothing = config.task.kind, config.train.label_smoothing
    balanced = config.train.class_weights == "balanced"
    ones = np.ones(len(labels), np.float32) if balanced else None
    characters = np.ones(vocabulary, np.float32)
    if kind == "causal-lm":
        return CausalLM(characters)
    if kind == "masked-lm":
        return MaskedLM(characters)
    if kind == "seq2seq-lm":
        return Seq2SeqLM(characters)
    if kind == "token-classification":
        return TokenClassification(labels, (), ones, smoothing)
    if config.task.problem == "regression":
        return Regression()
    if config.task.problem == "multi-label":
        pairs = np.ones((2, len(labels)), np.float32) if balanced else None
        return MultiLabelClassification(labels, pairs, smoothing)
    return SequenceClassification(labels, ones, smoothing)


def batch_shapes(config: Config, labels: int) -> Shapes:
    """Of the whole update's batch, rows first.

    Args:
      config: of the run: ``task``, ``train.batch_size``, ``data.max_length``, ``data.max_target_length`` are read.
      labels: how many classes.
    """
    rows, length = config.train.batch_size, config.data.max_length
    kind = config.task.kind
    if kind == "seq2seq-lm":
        return _paired(config, rows, length)
    found = _whole(rows, length, "input_ids", "attention_mask") | _whole(rows, None, "row_index")
    if kind == "causal-lm":
        places = _whole(rows, length, "segment_ids", "positions", "labels")
        return found | places | {"weights": _float(rows, length)}
    if kind == "masked-lm":
        masked = max(1, round(config.task.mask_probability * length))
        return found | _whole(rows, masked, "masked_positions", "labels") | {"weights": _float(rows, masked)}
    if kind == "token-classification":
        return found | _whole(rows, length, "starts", "labels") | {"weights": _float(rows)}
    if config.task.problem == "single-label":
        found |= _whole(rows, None, "labels")
    else:
        found["labels"] = _float(rows) if config.task.problem == "regression" else _float(rows, labels)
    found["weights"] = _float(rows)
    return found | ({"shares": _float(rows)} if config.data.long_text == "windows" else {})


def _paired(config: Config, rows: int, length: int) -> Shapes:
    task, target = config.task, config.data.max_target_length
    if task.objective == "span-corruption":
        window = longest_window(length, _SENTINELS, task.noise_density, task.mean_span)
        noise, spans = span_counts(window, task.noise_density, task.mean_span)
        length, target = window - noise + spans + 1, noise + spans + 1
    found = _whole(rows, length, "input_ids", "attention_mask") | _whole(rows, None, "row_index")
    return found | _whole(rows, target, "labels") | {"weights": _float(rows, target)}


def _whole(rows: int, length: int | None, *names: str) -> Shapes:
    shape = (rows,) if length is None else (rows, length)
    return {name: jax.ShapeDtypeStruct(shape, jnp.int32) for name in names}


def _float(*shape: int) -> Any:
    return jax.ShapeDtypeStruct(shape, jnp.float32)
