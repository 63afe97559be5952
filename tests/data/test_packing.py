"""Packed rows: nothing is lost, nothing is predicted across documents, every other token once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amharic_tl.data.packing import documents, pack
from amharic_tl.data.tokenizer import load_tokenizer, special_ends


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    return load_tokenizer(tiny_base)


def made(lengths: list[int]) -> list[np.ndarray]:
    return [np.arange(100 * n, 100 * n + length, dtype=np.int32) for n, length in enumerate(lengths, 1)]


def test_a_document_ends_with_the_end_token_once(tokenizer: Any) -> None:
    before, after = special_ends(tokenizer)
    found = documents(tokenizer, ["ባለ ቦሎ", "ታመ\nካነ"])
    for tokens, text in zip(found, ["ባለ ቦሎ", "ታመ\nካነ"], strict=True):
        inner = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert tokens.tolist() == [*before, *inner, *after] and after == [tokenizer.eos_token_id]


def test_every_token_but_a_documents_first_is_predicted_once_within_it() -> None:
    found = made([3, 1, 12, 7, 2])
    packed = pack(found, 5)
    rows = np.arange(len(packed.rows))
    assert len(rows) == 5 and np.concatenate(packed.rows).tolist() == np.concatenate(found).tolist()
    fields = packed.fields()(rows, 5, 0)
    used = fields["weights"] > 0
    predicted = fields["labels"][used]
    assert sorted(predicted.tolist()) == sorted(token for tokens in found for token in tokens[1:].tolist())
    padded = np.zeros((5, 5), np.int32)
    for row, tokens in enumerate(packed.rows):
        padded[row, : len(tokens)] = tokens
    np.testing.assert_array_equal(predicted, padded[used] + 1)


def test_segments_and_positions_begin_anew_with_each_document_and_row() -> None:
    fields = pack(made([3, 1, 12, 7, 2]), 5).fields()(np.asarray([0, 1, 4, -1]), 5, 0)
    assert fields["segment_ids"].tolist() == [[1, 1, 1, 2, 3], [1, 1, 1, 1, 1], [1, 1, 1, 2, 2], [1, 0, 0, 0, 0]]
    assert fields["positions"].tolist() == [[0, 1, 2, 0, 0], [0, 1, 2, 3, 4], [0, 1, 2, 0, 1], [0, 0, 0, 0, 0]]
    assert fields["weights"].tolist() == [[1, 1, 0, 0, 1], [1, 1, 1, 1, 1], [1, 1, 0, 1, 0], [0, 0, 0, 0, 0]]


def test_a_last_row_that_is_not_full_is_padded() -> None:
    packed = pack(made([4, 3]), 5)
    fields = packed.fields()(np.asarray([1]), 5, 0)
    assert fields["segment_ids"].tolist() == [[1, 1, 0, 0, 0]] and fields["weights"].tolist() == [[1, 0, 0, 0, 0]]
    assert fields["labels"].tolist() == [[202, 0, 0, 0, 0]]
    assert packed.document[::5].tolist() == [0, 1]
