"""Batches of sentences with a tag for each word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.batches import Batches, Fields
from amharic_tl.data.splits import Splits
from amharic_tl.data.words import EncodedWords, WordWindows, cut_words_into_windows, encode_words
from amharic_tl.evaluation.tag_judge import TagJudge
from amharic_tl.tasks.prepared import Prepared, batch_plan, process_share
from amharic_tl.tasks.sequence_classification import balanced_class_weights
from amharic_tl.tasks.token_classification import TokenClassification


def prepare_tagging(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    """Each sentence cut to ``config.data.max_length``, or into windows; a word's tag stands at its first piece."""
    data = config.data
    named = dict(splits.items())
    known = set(splits.labels)
    unknown = sorted({tag for source in named.values() for row in source.rows for tag in row.labels} - known)
    number = {tag: index for index, tag in enumerate([*splits.labels, *unknown])}
    sentences = {name: [row.tokens for row in source.rows] for name, source in named.items()}
    words: dict[str, EncodedWords] = {}
    cut: dict[str, WordWindows] = {}
    if data.long_text == "windows":
        cut = {
            name: cut_words_into_windows(tokenizer, of_split, data.max_length, data.window_overlap)
            for name, of_split in sentences.items()
        }
    else:
        words = {name: encode_words(tokenizer, of_split, data.max_length) for name, of_split in sentences.items()}
    labels = {
        name: [np.asarray([number[tag] for tag in row.labels], np.int32) for row in source.rows]
        for name, source in named.items()
    }

    row_source = cut["train"].source.tolist() if cut else list(range(len(splits.train.rows)))
    mixed = splits.mixed(row_source)

    def batches(name: str) -> Batches:
        if name in cut:
            windows, of_rows = cut[name], labels[name]
            ids, starts = windows.ids, windows.starts
            tags = [of_rows[row][slice(*part)] for row, part in zip(windows.source, windows.words, strict=True)]
        else:
            ids, starts, tags = words[name].encoded.ids, words[name].starts, labels[name]
        plan = batch_plan(config, np.asarray([len(row) for row in ids]), name, data.max_length, mixed)
        # What was cut off teaches nothing, but an entity in it counts as missed.
        width = None if name == "train" else max(map(len, starts))
        fields = tagging_fields(starts, tags, width)
        return Batches(plan, ids, tokenizer.pad_token_id, fields, **process_share())

    weights = None
    if config.train.class_weights == "balanced":
        counts = np.bincount(np.concatenate(labels["train"]), minlength=len(splits.labels))
        weights = balanced_class_weights(counts.tolist())
    task = TokenClassification(splits.labels, unknown, weights, config.train.label_smoothing)
    return Prepared(
        task=task,
        train=batches("train"),
        evaluation={name: batches(name) for name in named if name != "train"},
        encoded={name: of_split.encoded for name, of_split in (cut or words).items()},
        row_source=row_source,
        mixed=mixed,
        judge=TagJudge(task.tags_of, task.types),
        windows={name: len(windows.ids) for name, windows in cut.items()},
        pools={name: partial(task.pool, source=windows.source) for name, windows in cut.items()},
    )


def tagging_fields(starts: Sequence[np.ndarray], labels: Sequence[np.ndarray], width: int | None) -> Fields:
    """``starts labels [b, W]`` int32 (-1 beyond a sentence) and ``weights [b]`` float32.

    ``width``: W; None: the padded length of the batch, which holds every word that has a piece.
    """

    def fields(rows: np.ndarray, length: int, step: int) -> Mapping[str, np.ndarray]:
        del step
        shape = (len(rows), length if width is None else width)
        filled = {"starts": np.full(shape, -1, np.int32), "labels": np.full(shape, -1, np.int32)}
        for place, row in enumerate(rows):
            if row >= 0:
                for name, values in (("starts", starts[row]), ("labels", labels[row])):
                    kept = values[: shape[1]]
                    filled[name][place, : len(kept)] = kept
        return {**filled, "weights": (rows >= 0).astype(np.float32)}

    return fields
