"""Tokenizers of real checkpoint directories, complete and bare; cutting; counting."""

from __future__ import annotations

import json
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


SENTENCEPIECE = [
    ("xlmr-seqcls", "sentencepiece.bpe.model"), ("mbart-seq2seq", "sentencepiece.bpe.model"),
    ("xglm-lm", "sentencepiece.bpe.model"), ("t5-relu-tied", "spiece.model"), ("mt5-gated-untied", "spiece.model"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "only"), SENTENCEPIECE)
@pytest.mark.parametrize("settings", [None, '{"model_max_length": 1000000000000000019884624838656}'])
def test_a_directory_with_a_sentencepiece_model_alone(
    checkpoints_dir: Path, tmp_path: Path, name: str, only: str, settings: str | None
) -> None:
    original = checkpoints_dir / name / "safetensors"
    for file in (only, "config.json"):
        shutil.copy(original / file, tmp_path)
    if settings is not None:
        (tmp_path / "tokenizer_config.json").write_text(settings)
    whole, bare = load_tokenizer(original), load_tokenizer(tmp_path)
    config = json.loads((original / "config.json").read_text())
    check_fits(bare, config["vocab_size"], tmp_path)
    texts = [text.strip() for text in TEXTS]
    expected, found = encode(whole, texts, 32), encode(bare, texts, 32)
    assert [ids.tolist() for ids in found.ids] == [ids.tolist() for ids in expected.ids]
    assert (bare.pad_token_id, bare.eos_token_id) == (whole.pad_token_id, whole.eos_token_id)


def test_an_absurd_length_in_the_settings_changes_nothing(tiny_base: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_base, tmp_path / "copy")
    expected = encode(load_tokenizer(tiny_base), TEXTS, 64)
    for length in (10**30, 2, 0, -1, 1e30):
        settings = json.loads((tiny_base / "tokenizer_config.json").read_text()) | {"model_max_length": length}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
        found = encode(load_tokenizer(folder), TEXTS, 64)
        assert [ids.tolist() for ids in found.ids] == [ids.tolist() for ids in expected.ids]


def test_a_sentencepiece_model_that_would_be_read_otherwise_is_refused(checkpoints_dir: Path, tmp_path: Path) -> None:
    original = checkpoints_dir / "mistral-window-lm" / "safetensors"
    for file in ("tokenizer.model", "config.json"):
        shutil.copy(original / file, tmp_path)
    with pytest.raises(BadInputError, match="does not split texts as tokenizer.model does"):
        load_tokenizer(tmp_path)


def test_bytes_need_no_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "t5", "tokenizer_class": "ByT5Tokenizer"}')
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "ByT5Tokenizer"}')
    tokenizer = load_tokenizer(tmp_path)
    check_fits(tokenizer, 384, tmp_path)
    assert encode(tokenizer, ["ሀa"], 16).ids[0].tolist() == [0xE1 + 3, 0x88 + 3, 0x80 + 3, 0x61 + 3, 1]


def test_a_decoder_pads_with_its_end_token(checkpoints_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(checkpoints_dir / "gpt2-lm" / "safetensors", tmp_path / "copy")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "special_tokens_map.json").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": None}))
    tokenizer = load_tokenizer(folder)
    assert tokenizer.pad_token == settings["eos_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": "<pad>"}))
    assert load_tokenizer(folder).pad_token == "<pad>"


def test_tokens_beyond_the_table_may_be_there_but_not_in_a_text(checkpoints_dir: Path, tmp_path: Path) -> None:
    original = checkpoints_dir / "t5-relu-tied" / "safetensors"
    for file in ("spiece.model", "config.json"):
        shutil.copy(original / file, tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    rows = json.loads((original / "config.json").read_text())["vocab_size"]
    assert max(tokenizer.get_vocab().values()) >= rows
    check_fits(tokenizer, rows, tmp_path)
    encode(tokenizer, TEXTS, 16)
    with pytest.raises(BadInputError, match=r"<extra_id_\d+>.*no row in its table of"):
        encode(tokenizer, ["ሰላም <extra_id_0>"], 16)
