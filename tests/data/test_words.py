"""Where words begin among their pieces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amharic_tl.data.tokenizer import encode, load_tokenizer, special_ends
from amharic_tl.data.words import encode_words
from amharic_tl.errors import BadInputError

SENTENCES = [["እንደ", "ኤለርስ", "ቦታ።", "Zqx", "።"], ["ነው"], ["አዲስ", "\u200b", "አበባ"]]
# Their tokenizers put the sign of the space before a word only where words are given with it.
WHOLE_WORDS = ("xlmr-tokcls", "v5-deberta-v2-mlm", "electra-mlm", "distilbert-mlm", "v5-xlmr-xl-mlm")


@pytest.mark.parametrize("name", WHOLE_WORDS)
def test_first_pieces_are_those_of_hugging_face(name: str, checkpoints_dir: Path) -> None:
    tokenizer = load_tokenizer(checkpoints_dir / name / "safetensors")
    found = encode_words(tokenizer, SENTENCES, 64)
    for words, ids, starts in zip(SENTENCES, found.encoded.ids, found.starts, strict=True):
        theirs = tokenizer(words, is_split_into_words=True)
        assert ids.tolist() == theirs["input_ids"]
        owners = theirs.word_ids()
        assert starts.tolist() == [owners.index(word) if word in owners else -1 for word in range(len(words))]


@pytest.mark.parametrize("name", [*WHOLE_WORDS, "roberta-mlm", "v5-modernbert-mlm"])
def test_pieces_are_those_of_the_text(name: str, checkpoints_dir: Path) -> None:
    tokenizer = load_tokenizer(checkpoints_dir / name / "safetensors")
    words, text = encode_words(tokenizer, SENTENCES, 12), encode(tokenizer, [" ".join(s) for s in SENTENCES], 12)
    for ours, theirs in zip(words.encoded.ids, text.ids, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for field in ("lengths", "truncated", "unknown"):
        np.testing.assert_array_equal(getattr(words.encoded, field), getattr(text, field))
    # Byte-level pieces too: the first piece of each word is its own, in order.
    before, after = special_ends(tokenizer)
    for ids, starts in zip(words.encoded.ids, words.starts, strict=True):
        kept = starts[starts >= 0]
        assert kept[0] == len(before) and (np.diff(kept) > 0).all() and kept[-1] < len(ids) - len(after)


def test_words_that_are_cut_off_have_no_piece(checkpoints_dir: Path) -> None:
    tokenizer = load_tokenizer(checkpoints_dir / "electra-mlm" / "safetensors")
    whole, cut = (encode_words(tokenizer, SENTENCES[:1], length) for length in (64, 5))
    assert len(cut.encoded.ids[0]) == 5 and cut.encoded.truncated[0] and not whole.encoded.truncated[0]
    assert cut.starts[0].tolist() == [1, 3, -1, -1, -1]
    assert whole.starts[0].tolist() == [1, 3, 4, 7, 8]


def test_a_tokenizer_without_spans_is_refused() -> None:
    with pytest.raises(BadInputError, match="which characters a piece comes from"):
        encode_words(object(), SENTENCES, 64)
