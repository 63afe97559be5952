"""From a config and its data to the task and its batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.batches import Batches, BatchPlan, BatchSource, classification_fields
from amharic_tl.data.masking import MaskedBatches, windows
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import Encoded, encode
from amharic_tl.errors import BadInputError
from amharic_tl.tasks.base import Task
from amharic_tl.tasks.masked_lm import MaskedLM, token_characters
from amharic_tl.tasks.sequence_classification import SequenceClassification, balanced_class_weights

# The kinds of classification problem, by config.task.problem.
PROBLEMS = {"single-label": SequenceClassification}


@dataclass(frozen=True)
class Prepared:
    """A task with the batches of each split. ``train`` varies by epoch; evaluation goes through the rows in order.

    ``row_source`` maps a batch's row number to the row of the split it comes from (windows of one text share it).
    """

    task: Task
    train: BatchSource
    evaluation: dict[str, Batches]
    encoded: dict[str, Encoded]
    row_source: list[int]


def prepare(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    """Tokenises the splits and plans their batches for ``config.task.kind``."""
    if config.task.kind == "masked-lm":
        return _masked_lm(config, splits, tokenizer)
    return _classification(config, splits, tokenizer)


def _share() -> dict[str, int]:
    return {"process_index": jax.process_index(), "process_count": jax.process_count()}


def _evaluation_rows(config: Config) -> int:
    return config.train.microbatch or config.train.batch_size


def _classification(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    encoded = {
        name: encode(tokenizer, [row.text for row in source.rows], config.data.max_length)
        for name, source in splits.items()
    }
    labels = {name: splits.label_ids(source) for name, source in splits.items()}

    def batches(name: str, rows: int, seed: int | None) -> Batches:
        ids = encoded[name].ids
        plan = BatchPlan(np.asarray([len(row) for row in ids]), rows, seed, limit=config.data.max_length)
        return Batches(plan, ids, tokenizer.pad_token_id, classification_fields(labels[name]), **_share())

    counts = np.bincount(labels["train"], minlength=len(splits.labels))
    weights = balanced_class_weights(counts.tolist()) if config.train.class_weights == "balanced" else None
    return Prepared(
        task=PROBLEMS[config.task.problem](splits.labels, weights, config.train.label_smoothing),
        train=batches("train", config.train.batch_size, config.train.seed),
        evaluation={name: batches(name, _evaluation_rows(config), None) for name in encoded if name != "train"},
        encoded=encoded,
        row_source=list(range(len(splits.train.rows))),
    )


def _masked_lm(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    if tokenizer.mask_token_id is None:
        raise BadInputError("masked-lm needs a tokenizer with a mask token; this one has none")
    cut = {
        name: windows(tokenizer, [row.text for row in source.rows], config.data.max_length)
        for name, source in splits.items()
    }

    def batches(name: str, rows: int, seed: int | None) -> Batches:
        ids = cut[name][0]
        return MaskedBatches(
            BatchPlan(np.asarray([len(row) for row in ids]), rows, seed, limit=config.data.max_length),
            ids,
            tokenizer,
            probability=config.task.mask_probability,
            seed=config.train.seed,
            vary=seed is not None,
            **_share(),
        )

    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return Prepared(
        task=MaskedLM(token_characters(tokens, byte_level=_is_byte_level(tokenizer))),
        train=batches("train", config.train.batch_size, config.train.seed),
        evaluation={name: batches(name, _evaluation_rows(config), None) for name in cut if name != "train"},
        encoded={name: _windows_as_encoded(ids, tokenizer.unk_token_id) for name, (ids, _) in cut.items()},
        row_source=cut["train"][1],
    )


def _windows_as_encoded(ids: list[np.ndarray], unknown_id: int | None) -> Encoded:
    """The audit's view of windows: nothing of them is cut off."""
    unknown = [0 if unknown_id is None else int(np.count_nonzero(window == unknown_id)) for window in ids]
    lengths = np.asarray([len(window) for window in ids], np.int32)
    return Encoded(ids, lengths, np.zeros(len(ids), bool), np.asarray(unknown, np.int32))


def _is_byte_level(tokenizer: Any) -> bool:
    """Whether vocabulary entries are written in GPT-2's byte alphabet."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return backend is not None and "ByteLevel" in repr(backend.decoder)
