"""Windows drop nothing; masking is a function of seed, step and row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amharic_tl.data.batches import BatchPlan
from amharic_tl.data.masking import MaskedBatches, windows
from amharic_tl.data.tokenizer import load_tokenizer, special_ends

WORDS = ["ባለ", "ታመ", "ካነ", "ዳረ", "ጋሰ", "ፋቀ", "ዛወ"]


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    return load_tokenizer(tiny_base)


def texts(count: int, longest: int) -> list[str]:
    generator = np.random.default_rng(0)
    return [" ".join(generator.choice(WORDS, generator.integers(1, longest))) for _ in range(count)]


def masked(
    tokenizer: Any, rows: list[str], *, vary: bool = True, seed: int = 0, size: int = 16, **share: int
) -> MaskedBatches:
    cut, _ = windows(tokenizer, rows, 32)
    plan = BatchPlan(np.asarray([len(ids) for ids in cut]), size, 0 if vary else None)
    return MaskedBatches(plan, cut, tokenizer, probability=0.15, seed=seed, vary=vary, **share)


def test_windows_hold_every_token_once(tokenizer: Any) -> None:
    rows = [*texts(20, 80), "\n".join(texts(12, 9)), "ባለ\n\n  \nታመ\n"]
    cut, source = windows(tokenizer, rows, 16)
    before, after = special_ends(tokenizer)
    assert all(len(ids) <= 16 and ids.dtype == np.int32 for ids in cut)
    for number, text in enumerate(rows):
        mine = [ids for ids, row in zip(cut, source, strict=True) if row == number]
        inner = [ids[len(before) : len(ids) - len(after)].tolist() for ids in mine]
        paragraphs = [
            tokenizer(part, add_special_tokens=False)["input_ids"] for part in text.split("\n") if part.strip()
        ]
        assert sum(inner, []) == sum(paragraphs, [])
        assert all(ids[: len(before)].tolist() == before and ids[-len(after) :].tolist() == after for ids in mine)
    assert source == sorted(source)


def test_short_paragraphs_share_a_window_and_texts_do_not(tokenizer: Any) -> None:
    cut, source = windows(tokenizer, ["ባለ\nታመ\nካነ", "ዳረ"], 32)
    assert len(cut) == 2 and source == [0, 1]


def test_what_is_masked(tokenizer: Any) -> None:
    rows = texts(400, 25)
    batches = masked(tokenizer, rows)
    special = set(tokenizer.all_special_ids)
    fates = {"mask": 0, "kept": 0, "other": 0}
    chosen = candidates = 0
    for step in range(len(batches)):
        batch = batches[step]
        original = [batches.ids[row] if row >= 0 else None for row in batch["row_index"]]
        for place, ids in enumerate(original):
            used = batch["weights"][place] > 0
            if ids is None:
                assert not used.any()
                continue
            positions = batch["masked_positions"][place][used]
            assert len(set(positions.tolist())) == len(positions) >= 1
            np.testing.assert_array_equal(batch["labels"][place][used], ids[positions])
            assert special.isdisjoint(ids[positions].tolist()), "special tokens are never masked"
            now = batch["input_ids"][place]
            untouched = np.setdiff1d(np.arange(len(ids)), positions)
            np.testing.assert_array_equal(now[untouched], ids[untouched])
            for position in positions:
                kind = "mask" if now[position] == tokenizer.mask_token_id else "kept"
                fates["other" if kind == "kept" and now[position] != ids[position] else kind] += 1
            chosen += len(positions)
            candidates += sum(token not in special for token in ids.tolist())
    assert chosen / candidates == pytest.approx(0.15, abs=0.03)
    assert fates["mask"] / chosen == pytest.approx(0.8, abs=0.05)
    assert fates["other"] / chosen == pytest.approx(0.1, abs=0.04)
    assert fates["kept"] / chosen == pytest.approx(0.1, abs=0.04)


def test_shapes_depend_on_the_length_alone(tokenizer: Any) -> None:
    batches = masked(tokenizer, texts(200, 25))
    shapes = {(batches[s]["input_ids"].shape, batches[s]["labels"].shape) for s in range(2 * len(batches))}
    assert len(shapes) == len({shape for shape, _ in shapes})
    batch = batches[0]
    assert {batch[name].shape for name in ("labels", "weights", "masked_positions")} == {batch["labels"].shape}
    assert (batch["labels"].dtype, batch["weights"].dtype, batch["masked_positions"].dtype) == (
        np.int32,
        np.float32,
        np.int32,
    )


def test_masking_repeats_itself_and_varies_by_step_and_seed(tokenizer: Any) -> None:
    rows = texts(64, 25)
    one, again, other = masked(tokenizer, rows), masked(tokenizer, rows), masked(tokenizer, rows, seed=1)
    later = len(one) + 1
    np.testing.assert_array_equal(one[later]["input_ids"], again[later]["input_ids"])
    assert any((one[s]["masked_positions"] != other[s]["masked_positions"]).any() for s in range(len(one)))
    fixed = masked(tokenizer, rows, vary=False)
    for step in range(len(fixed)):
        np.testing.assert_array_equal(fixed[step]["input_ids"], fixed[step + len(fixed)]["input_ids"])
    by_row = [
        {int(row): ids.tolist() for row, ids in zip(one[s]["row_index"], one[s]["input_ids"], strict=True)}
        for s in range(2 * len(one))
    ]
    first = {row: ids for batch in by_row[: len(one)] for row, ids in batch.items() if row >= 0}
    second = {row: ids for batch in by_row[len(one) :] for row, ids in batch.items() if row >= 0}
    assert (
        sum([t for t in first[row] if t != 1] != [t for t in second[row] if t != 1] for row in first) > len(first) / 2
    )


def test_processes_mask_alike(tokenizer: Any) -> None:
    rows = texts(64, 25)
    whole = masked(tokenizer, rows)
    parts = [masked(tokenizer, rows, process_index=index, process_count=2) for index in range(2)]
    for step in range(len(whole)):
        for name, array in whole[step].items():
            np.testing.assert_array_equal(np.concatenate([part[step][name] for part in parts]), array)
