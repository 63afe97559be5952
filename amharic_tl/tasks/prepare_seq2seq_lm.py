"""Batches of pairs of texts, or of running text with spans taken out."""

from __future__ import annotations

from typing import Any

import numpy as np

from amharic_tl.config import Config
from amharic_tl.data.languages import set_languages
from amharic_tl.data.masking import windows
from amharic_tl.data.mixture import Mixed
from amharic_tl.data.parallel import MakePlan, PairedBatches
from amharic_tl.data.span_corruption import SpanCorruptionBatches, longest_window, sentinel_ids
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import Encoded, encode, special_ends, windows_as_encoded
from amharic_tl.errors import BadInputError
from amharic_tl.evaluation.translation import (
    METRICS_LEFT_OUT,
    Translations,
    can_score,
    refuse_selection,
    score_normaliser,
)
from amharic_tl.tasks.characters import vocabulary_characters
from amharic_tl.tasks.prepared import Prepared, batch_plan, process_share
from amharic_tl.tasks.seq2seq_lm import Seq2SeqLM


def prepare_seq2seq_lm(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    """By ``config.task.objective``."""
    made = _span_corruption if config.task.objective == "span-corruption" else _text_to_text
    return made(config, splits, tokenizer)


def _make_plan(config: Config, split: str, mixed: Mixed | None) -> MakePlan:
    return lambda lengths: batch_plan(config, lengths, split, None, mixed)


def _text_to_text(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    data = config.data
    language = set_languages(tokenizer, data.source_language, data.target_language)
    sources = {
        name: encode(tokenizer, [f"{data.prefix or ''}{row.text}" for row in source.rows], data.max_length)
        for name, source in splits.items()
    }
    targets = {
        name: encode(tokenizer, [row.target or "" for row in source.rows], data.max_target_length, target=True)
        for name, source in splits.items()
    }

    row_source = list(range(len(splits.train.rows)))
    mixed = splits.mixed(row_source)

    def batches(name: str) -> PairedBatches:
        return PairedBatches(
            sources[name].ids,
            targets[name].ids,
            _make_plan(config, name, mixed),
            tokenizer.pad_token_id,
            limits=(data.max_length, data.max_target_length),
            **process_share(),
        )

    refuse_selection(config.train.select_by, config.task.generate_rows)
    normaliser = score_normaliser(config.task.normalised_scores, config.task.writing)
    generated, notes = {}, []
    if config.task.generate_rows and can_score():
        generated = {
            name: Translations(
                sources[name].ids,
                [row.target or "" for row in source.rows],
                tokenizer,
                language,
                rows=config.task.generate_rows,
                batch_rows=config.train.microbatch or config.train.batch_size,
                new_tokens=data.max_target_length,
                normaliser=normaliser,
            )
            for name, source in splits.items()
            if name != "train"
        }
        notes = [f"{name}: {translations.describe()}" for name, translations in generated.items()]
    elif config.task.generate_rows:
        notes = [METRICS_LEFT_OUT]
    return Prepared(
        task=Seq2SeqLM(vocabulary_characters(tokenizer)),
        train=batches("train"),
        evaluation={name: batches(name) for name in sources if name != "train"},
        encoded=sources,
        encoded_targets=targets,
        row_source=row_source,
        generated=generated,
        notes=notes,
        mixed=mixed,
    )


def _span_corruption(config: Config, splits: Splits, tokenizer: Any) -> Prepared:
    task = config.task
    sentinels = sentinel_ids(tokenizer)
    if tokenizer.eos_token_id is None:
        raise BadInputError("span-corruption needs a tokenizer with an end token; this one has none")
    longest = longest_window(config.data.max_length, len(sentinels), task.noise_density, task.mean_span)
    cut = {name: _bare_windows(tokenizer, splits, name, longest) for name in dict(splits.items())}

    mixed = splits.mixed(cut["train"][1])

    def batches(name: str) -> SpanCorruptionBatches:
        return SpanCorruptionBatches(
            cut[name][0],
            sentinels,
            _make_plan(config, name, mixed),
            tokenizer,
            density=task.noise_density,
            mean_span=task.mean_span,
            seed=config.train.seed,
            vary=name == "train",
            **process_share(),
        )

    encoded: dict[str, Encoded] = {
        name: windows_as_encoded(ids, tokenizer.unk_token_id) for name, (ids, _) in cut.items()
    }
    return Prepared(
        task=Seq2SeqLM(vocabulary_characters(tokenizer)),
        train=batches("train"),
        evaluation={name: batches(name) for name in cut if name != "train"},
        encoded=encoded,
        row_source=cut["train"][1],
        mixed=mixed,
    )


def _bare_windows(tokenizer: Any, splits: Splits, name: str, longest: int) -> tuple[list[np.ndarray], list[int]]:
    """Windows without special tokens, of two tokens or more (one has nothing to be kept), and the text of each."""
    before, after = special_ends(tokenizer)
    texts = [row.text for row in dict(splits.items())[name].rows]
    found, source = windows(tokenizer, texts, longest + len(before) + len(after))
    bare = [ids[len(before) : len(ids) - len(after)] for ids in found]
    kept = [index for index, ids in enumerate(bare) if len(ids) > 1]
    return [bare[index] for index in kept], [source[index] for index in kept]
