"""Texts in, texts out: nothing of a prompt is lost, and what is streamed is what is written at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.models.text_generation import TextGenerator, first_tokens

PROMPTS = ["ባለ ቦሎ", "ካነ ኮኖ ኪኒ ዳረ ዶሮ ዲሪ ጋሰ"]


def saved(folder: Path, tiny_base: Path, config: dict[str, Any], task: str | None) -> str:
    size = len(load_tokenizer(tiny_base))
    special = {"vocab_size": size, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    atl.save_pretrained(atl.from_config({**config, **special}, task, seed=0), folder, tokenizer_from=tiny_base)
    return str(folder)


LLAMA = {
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.4,
}


@pytest.fixture(scope="module")
def decoder(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(tmp_path_factory.mktemp("llama"), tiny_base, LLAMA, "causal-lm")


@pytest.fixture(scope="module")
def continuing(decoder: str) -> TextGenerator:
    return TextGenerator.load(decoder)


def test_a_continuation_is_the_tokens_that_follow_the_prompt(continuing: TextGenerator) -> None:
    tokenizer = continuing.tokenizer
    for prompt, written in zip(PROMPTS, continuing.write(PROMPTS, max_new_tokens=8), strict=True):
        # The prompt ends with its own last token, not with the end token that the tokenizer puts behind whole texts.
        ids = tokenizer(prompt)["input_ids"][:-1]
        whole = atl.generate(continuing.model, np.asarray([ids]), max_new_tokens=8)[0]
        assert prompt + written == tokenizer.decode(whole, skip_special_tokens=True)
    word = tokenizer.convert_tokens_to_ids("▁ዳረ")
    assert continuing.write(PROMPTS, max_new_tokens=1, forced_bos_token_id=word) == [" ዳረ", " ዳረ"]


def test_a_stream_adds_up_to_what_is_written_at_once(continuing: TextGenerator) -> None:
    for settings in ({}, {"temperature": 2.0, "seed": 3}, {"eos_token_id": [5, 6, 7, 8, 9]}):
        written = continuing.write(PROMPTS[:1], max_new_tokens=12, **settings)[0]
        pieces = list(continuing.stream(PROMPTS[0], max_new_tokens=12, **settings))
        assert "".join(pieces) == written
        assert len(pieces) > 1


def test_letters_of_several_bytes_appear_whole(checkpoints_dir: Path) -> None:
    generator = TextGenerator.load(str(checkpoints_dir / "llama-gqa-lm" / "safetensors"))
    settings: dict[str, Any] = {"max_new_tokens": 30, "temperature": 3.0}
    for seed in range(3):
        pieces = list(generator.stream("ሰላም", seed=seed, **settings))
        assert "".join(pieces) == generator.write(["ሰላም"], seed=seed, **settings)[0]
        assert not any(piece.endswith("\ufffd") for piece in pieces[:-1])


def test_texts_that_do_not_fit_are_refused_and_none_is_cut(
    continuing: TextGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuing.model, "max_positions", 64)
    fitting = " ".join(["ባለ"] * 60)
    assert continuing.write([fitting], max_new_tokens=4)[0]
    with pytest.raises(BadInputError, match="need 65 positions, but the model has 64"):
        continuing.write([fitting], max_new_tokens=5)
    with pytest.raises(ConfigError, match="beam"):
        continuing.stream("ባለ", num_beams=2)
    with pytest.raises(ConfigError, match="temperature"):
        continuing.stream("ባለ", temperature=0.0)


def test_models_that_were_not_trained_to_write_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="roberta model for masked-lm does not generate"):
        TextGenerator.load(str(tiny_base))
    backbone = saved(tmp_path / "untied", tiny_base, LLAMA, None)
    with pytest.raises(BadInputError, match="was not trained to write"):
        TextGenerator.load(backbone)
    tied = saved(tmp_path / "tied", tiny_base, {**LLAMA, "tie_word_embeddings": True}, None)
    assert TextGenerator.load(tied).write(PROMPTS, max_new_tokens=2)


def test_a_translation_begins_as_the_model_was_trained_to(checkpoints_dir: Path) -> None:
    folder = str(checkpoints_dir / "v5-m2m100-nllb" / "safetensors")
    with pytest.raises(ConfigError, match="config.data.source_language"):
        TextGenerator.load(folder)
    generator = TextGenerator.load(folder, source_language="eng_Latn", target_language="amh_Ethi")
    language = generator.tokenizer.convert_tokens_to_ids("amh_Ethi")
    start = generator.model.hf_config["decoder_start_token_id"]
    assert first_tokens(generator.model, generator.tokenizer, language) == {
        "decoder_start_token_id": start,
        "forced_bos_token_id": language,
    }
    texts = ["Hello", "Good morning to all of you"]
    together = generator.write(texts, max_new_tokens=6)
    assert together == [generator.write([text], max_new_tokens=6)[0] for text in texts]
    ids = np.asarray([generator.tokenizer(texts[0])["input_ids"]])
    settings = {"decoder_start_token_id": start, "forced_bos_token_id": language, "max_new_tokens": 6}
    tokens = atl.generate(generator.model, ids, **settings)[0]
    assert tokens[1] == language
    assert together[0] == generator.tokenizer.decode(tokens, skip_special_tokens=True)
