"""What is read of long texts: two ends, or windows that together leave nothing out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amharic_tl.config import build_config
from amharic_tl.data.long_text import KEEP, cut_into_windows, head_and_tail, owners, window_room, window_spans
from amharic_tl.data.tokenizer import encode, load_tokenizer
from amharic_tl.data.words import cut_words_into_windows, encode_words
from amharic_tl.errors import ConfigError


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    return load_tokenizer(tiny_base)


def test_head_and_tail_are_those_of_sun_et_al() -> None:
    pieces = list(range(1000))
    assert head_and_tail(pieces, 510) == [*range(128), *range(1000 - 382, 1000)]
    assert head_and_tail(pieces[:510], 510) == pieces[:510]
    assert head_and_tail(pieces, 8) == [0, 1, 994, 995, 996, 997, 998, 999]


@pytest.mark.parametrize("overlap", [0, 1, 5, 9])
def test_windows_leave_nothing_out_and_overlap_as_asked(overlap: int) -> None:
    for count in range(1, 60):
        spans = window_spans(count, 10, overlap)
        covered = {place for begin, end in spans for place in range(begin, end)}
        assert covered == set(range(count))
        assert all(end - begin == min(10, count) for begin, end in spans)
        assert all(a[1] - b[0] >= overlap for a, b in zip(spans, spans[1:], strict=False))
        assert all(b[0] > a[0] for a, b in zip(spans, spans[1:], strict=False))


def test_an_overlap_that_leaves_no_way_forward_is_refused() -> None:
    assert window_room(16, 2, None) == (14, 4)
    with pytest.raises(ConfigError, match="use at most 7"):
        window_room(16, 2, 14)


def test_a_place_belongs_to_the_window_that_shows_most_around_it() -> None:
    spans = window_spans(20, 10, 4)
    assert spans == [(0, 10), (6, 16), (10, 20)]
    assert owners(np.arange(20), spans).tolist() == [0] * 8 + [1] * 5 + [2] * 7
    assert owners(np.arange(5), [(0, 5)]).tolist() == [0] * 5


def test_texts_in_windows(tokenizer: Any) -> None:
    texts = ["ዳረ ጋሰ " * 20, "ባለ", "ታመ ፋቀ " * 9]
    cut = cut_into_windows(tokenizer, texts, 16, 4)
    whole = encode(tokenizer, texts, 1000)
    assert max(map(len, cut.ids)) <= 16 and cut.encoded.truncated.sum() == 0
    for ours, theirs in zip(cut.encoded.ids, whole.ids, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    counts = np.bincount(cut.source)
    assert counts[1] == 1 and counts[0] > counts[2] > 1
    # Every text weighs the same, and a window 1 on average.
    sums = np.bincount(cut.source, weights=cut.shares())
    np.testing.assert_allclose(sums, len(cut.ids) / 3, rtol=1e-6)
    both = encode(tokenizer, texts, 16, keep=KEEP["head-tail"])
    assert both.ids[0][-1] == whole.ids[0][-1] and both.ids[0][-2] == whole.ids[0][-2] and len(both.ids[0]) == 16
    assert both.truncated.tolist() == [True, False, True]


def test_no_word_is_lost_and_none_counts_twice(tokenizer: Any) -> None:
    generator = np.random.default_rng(0)
    known = ["ዳረ", "ዶሮ", "ጋሰ", "ባለ", "\u200b", "ፋቀፎቆፊቂዛወዞዎ"]
    sentences = [[known[i] for i in generator.integers(0, len(known), n)] for n in (1, 40, 7, 63)]
    cut = cut_words_into_windows(tokenizer, sentences, 12, 4)
    whole = encode_words(tokenizer, sentences, 4096)
    for row, words in enumerate(sentences):
        mine = np.flatnonzero(cut.source == row)
        charge = [word for window in mine for word in range(*cut.words[window])]
        assert charge == list(range(len(words)))
        pieces = [int(cut.ids[window][start]) if start >= 0 else -1 for window in mine for start in cut.starts[window]]
        theirs = whole.encoded.ids[row]
        assert pieces == [int(theirs[start]) if start >= 0 else -1 for start in whole.starts[row]]
    assert max(map(len, cut.ids)) <= 12


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"task.kind": "token-classification", "data.long_text": "head-tail"}, "leaves out words that need a tag"),
        ({"task.kind": "masked-lm", "data.long_text": "windows", "train.select_by": "validation/loss"}, "running text"),
        ({"task.kind": "seq2seq-lm", "data.long_text": "windows", "train.select_by": "validation/loss"}, "a source"),
        ({"data.window_overlap": 8}, "is set, but config.data.long_text is 'truncate'"),
        ({"data.long_text": "windows", "safety.axes": "ethnicity", "safety.positive_labels": "a"}, "whole inputs"),
    ],
)
def test_what_a_task_does_not_serve_is_refused(overrides: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_config(overrides)
