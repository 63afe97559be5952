"""Pairs in buckets of one shape; spans taken out as T5 does; languages that a tokenizer marks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from amharic_tl.data.batches import BatchPlan
from amharic_tl.data.languages import set_languages
from amharic_tl.data.parallel import NO_LABEL, PairedBatches
from amharic_tl.data.span_corruption import (
    SpanCorruptionBatches,
    corrupt,
    longest_window,
    sentinel_ids,
    span_counts,
)
from amharic_tl.data.tokenizer import encode, load_tokenizer
from amharic_tl.errors import BadInputError, ConfigError


def sides(rows: int = 600) -> tuple[list[np.ndarray], list[np.ndarray]]:
    generator = np.random.default_rng(0)
    lengths = generator.integers(3, 100, rows)
    targets = np.maximum(2, (lengths * generator.uniform(0.5, 0.9, rows)).astype(int))
    return (
        [np.full(length, row + 1, np.int32) for row, length in enumerate(lengths)],
        [np.full(length, row + 1, np.int32) for row, length in enumerate(targets)],
    )


def test_every_pair_is_seen_once_and_each_bucket_has_one_shape() -> None:
    sources, targets = sides()
    batches = PairedBatches(sources, targets, lambda lengths: BatchPlan(lengths, 16, 0), 0, limits=(100, 90))
    seen: list[int] = []
    shapes: dict[int, set[tuple[int, ...]]] = {}
    places = tokens = 0
    for step in range(len(batches)):
        batch = batches[step]
        key = (*batch["input_ids"].shape, *batch["labels"].shape)
        shapes.setdefault(batches.plan[step].length, set()).add(key)
        assert key[1] <= 100 and key[3] <= 90
        for place, row in enumerate(batch["row_index"]):
            if row < 0:
                assert batch["weights"][place].sum() == 0 and (batch["labels"][place] == NO_LABEL).all()
                continue
            seen.append(int(row))
            used = batch["attention_mask"][place] > 0
            np.testing.assert_array_equal(batch["input_ids"][place][used], sources[row])
            np.testing.assert_array_equal(batch["labels"][place][batch["weights"][place] > 0], targets[row])
            tokens += len(sources[row]) + len(targets[row])
        places += batch["input_ids"].size + batch["labels"].size
    assert sorted(seen) == list(range(len(sources)))
    assert all(len(found) == 1 for found in shapes.values())
    assert tokens / places > 0.6


def test_processes_share_a_batch_of_pairs() -> None:
    sources, targets = sides(64)

    def made(**share: int) -> PairedBatches:
        return PairedBatches(sources, targets, lambda lengths: BatchPlan(lengths, 16, 0), 0, **share)

    whole, parts = made(), [made(process_index=index, process_count=2) for index in range(2)]
    for step in range(len(whole)):
        for name, array in whole[step].items():
            np.testing.assert_array_equal(np.concatenate([part[step][name] for part in parts]), array)


@pytest.mark.parametrize(("length", "noise", "spans"), [(100, 15, 5), (2, 1, 1), (512, 77, 26), (10, 2, 1)])
def test_how_much_is_taken_out(length: int, noise: int, spans: int) -> None:
    assert span_counts(length, 0.15, 3.0) == (noise, spans)


def test_source_and_target_together_are_the_text() -> None:
    tokens = np.arange(100, 160, dtype=np.int32)
    sentinels = list(range(20, 0, -1))
    noise, spans = span_counts(60, 0.15, 3.0)
    source, target = corrupt(tokens, sentinels, noise, spans, np.random.default_rng(3))
    assert source[0] == 100 and len(source) == 60 - noise + spans and len(target) == noise + spans
    taken: dict[int, list[int]] = {}
    for token in target.tolist():
        if token < 100:
            current = taken.setdefault(token, [])
        else:
            current.append(token)
    assert list(taken) == sentinels[:spans] and all(taken.values())
    restored = [token for piece in source.tolist() for token in (taken[piece] if piece < 100 else [piece])]
    assert restored == tokens.tolist()


def test_the_longest_window_fills_the_input_and_has_sentinels_enough() -> None:
    length = longest_window(512, 100, 0.15, 3.0)
    noise, spans = span_counts(length, 0.15, 3.0)
    assert length - noise + spans + 1 <= 512 < length + 2 - noise + spans + 1
    assert span_counts(longest_window(512, 10, 0.15, 3.0), 0.15, 3.0)[1] == 10


def test_corruption_repeats_itself_and_varies_by_step() -> None:
    tokenizer = SimpleNamespace(eos_token_id=1, pad_token_id=0)
    windows = [np.arange(100, 100 + length, dtype=np.int32) for length in (20, 31, 47, 60) * 8]

    def made(vary: bool = True, **share: int) -> SpanCorruptionBatches:
        return SpanCorruptionBatches(
            windows,
            [9, 8, 7, 6],
            lambda lengths: BatchPlan(lengths, 8, 0),
            tokenizer,
            density=0.15,
            mean_span=3.0,
            seed=0,
            vary=vary,
            **share,
        )

    one, again, still = made(), made(), made(vary=False)
    later = len(one) + 1
    np.testing.assert_array_equal(one[later]["input_ids"], again[later]["input_ids"])
    assert one.pair(3, 0)[0].tolist() != one.pair(3, 1)[0].tolist()
    assert still.pair(3, 0)[0].tolist() == still.pair(3, 1)[0].tolist()
    for row in range(4):
        source, target = one.pair(row, 5)
        assert len(source) == len(one.ids[row]) and len(target) == len(one.targets[row])
        assert source[-1] == target[-1] == 1
    parts = [made(process_index=index, process_count=2) for index in range(2)]
    for name, array in one[2].items():
        np.testing.assert_array_equal(np.concatenate([part[2][name] for part in parts]), array)


def test_a_tokenizer_without_sentinels_or_languages_is_refused(tiny_base: Path) -> None:
    tokenizer = load_tokenizer(tiny_base)
    with pytest.raises(BadInputError, match="sentinels"):
        sentinel_ids(tokenizer)
    assert set_languages(tokenizer, None, None) is None
    with pytest.raises(ConfigError, match="marks no languages"):
        set_languages(tokenizer, "eng_Latn", "amh_Ethi")


def test_languages_stand_where_the_tokenizer_puts_them(checkpoints_dir: Path) -> None:
    tokenizer: Any = load_tokenizer(checkpoints_dir / "v5-m2m100-nllb" / "safetensors")
    with pytest.raises(ConfigError, match="set both"):
        set_languages(tokenizer, None, "amh_Ethi")
    with pytest.raises(BadInputError, match="target_language: .*'amh_Etih'; near it are .*amh_Ethi"):
        set_languages(tokenizer, "eng_Latn", "amh_Etih")
    token = set_languages(tokenizer, "eng_Latn", "amh_Ethi")
    source = encode(tokenizer, ["house"], 16).ids[0]
    target = encode(tokenizer, ["ቤት"], 16, target=True).ids[0]
    assert source[0] == tokenizer.convert_tokens_to_ids("eng_Latn") and target[0] == token
    assert source[-1] == target[-1] == tokenizer.eos_token_id
    cut = encode(tokenizer, ["ቤት " * 20], 8, target=True).ids[0]
    assert len(cut) == 8 and cut[0] == token and cut[-1] == tokenizer.eos_token_id


def test_t5s_sentinels_are_found_in_order(checkpoints_dir: Path) -> None:
    tokenizer: Any = load_tokenizer(checkpoints_dir / "t5-relu-tied" / "safetensors")
    found = sentinel_ids(tokenizer)
    assert found[:2] == [tokenizer.convert_tokens_to_ids(f"<extra_id_{n}>") for n in range(2)] and len(found) >= 4
