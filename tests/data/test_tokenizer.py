"""Tokenizers of real checkpoint directories, complete and bare; cutting; counting."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from amharic_tl.data.tokenizer import check_fits, encode, load_tokenizer, special_ends
from amharic_tl.errors import BadInputError, MissingInputError

TEXTS = ["ሰላም ለዓለም! hello 123", "ባለ ታመ " * 30, "https://example.org/x @USER ደህና", "ሀ"]
NAMES = ["bert-mlm", "electra-mlm", "roberta-mlm", "xlmr-seqcls", "v5-xlmr-seqcls", "v5-bert-mlm"]


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_those_of_hugging_face(checkpoints_dir: Path, name: str) -> None:
    tokenizer = load_tokenizer(checkpoints_dir / name / "safetensors")
    encoded = encode(tokenizer, TEXTS, 16)
    cut = tokenizer(TEXTS, truncation=True, max_length=16)["input_ids"]
    whole = tokenizer(TEXTS, truncation=False)["input_ids"]
    assert [ids.tolist() for ids in encoded.ids] == cut
    assert all(ids.dtype == np.int32 for ids in encoded.ids)
    assert encoded.lengths.tolist() == [len(ids) for ids in whole]
    assert encoded.truncated.tolist() == [len(ids) > 16 for ids in whole]
    assert encoded.unknown.tolist() == [ids.count(tokenizer.unk_token_id) for ids in cut]
    assert encode(tokenizer, [], 16).ids == []


@pytest.mark.parametrize(
    ("name", "only"),
    [("xlmr-seqcls", "sentencepiece.bpe.model"), ("bert-mlm", "vocab.txt"), ("bert-mlm", "tokenizer.json")],
)
def test_a_directory_with_one_tokenizer_file(checkpoints_dir: Path, tmp_path: Path, name: str, only: str) -> None:
    # Lower case: a bare WordPiece vocabulary does not say whether it is cased, and Hugging Face then assumes not.
    texts = [text.lower() for text in TEXTS]
    original = checkpoints_dir / name / "safetensors"
    for file in (only, "config.json"):
        shutil.copy(original / file, tmp_path)
    expected = encode(load_tokenizer(original), texts, 32)
    found = encode(load_tokenizer(tmp_path), texts, 32)
    assert [ids.tolist() for ids in found.ids] == [ids.tolist() for ids in expected.ids]


def test_special_tokens(checkpoints_dir: Path) -> None:
    tokenizer = load_tokenizer(checkpoints_dir / "xlmr-seqcls" / "safetensors")
    assert special_ends(tokenizer) == ([tokenizer.bos_token_id], [tokenizer.eos_token_id])


def test_directories_without_a_usable_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"holds no tokenizer: expected one of tokenizer\.json, sentencepiece"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BadInputError, match="cannot be read"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(tiny_base: Path) -> None:
    tokenizer = load_tokenizer(tiny_base)
    size = max(tokenizer.get_vocab().values()) + 1
    check_fits(tokenizer, size, tiny_base)
    with pytest.raises(BadInputError, match=f"ids up to {size - 1}, but config.json says vocab_size {size - 1}"):
        check_fits(tokenizer, size - 1, tiny_base)
