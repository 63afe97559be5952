"""Small tokenizers of every kind, made on the spot of invented Ethiopic words and a little English."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

from amharic_tl.transfer.vocabulary.serialised import Serialised
from tests.tiny import FILLERS, SIGNS

WORDS = [*FILLERS, *(word for group in SIGNS.values() for word in group)]
ENGLISH = ["the house is red, 1997!", "a river and a stone (42)", "the red stone is in the river"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
KINDS = ("bpe", "byte-level", "byte-fallback", "wordpiece", "unigram")


def _lexicon() -> list[str]:
    """Invented compounds of two or three words; those at the front are used most."""
    generator = random.Random(7)
    return ["".join(generator.choices(WORDS, k=generator.randint(2, 3))) for _ in range(60)]


def sentences(count: int, seed: int = 0) -> list[str]:
    """Invented sentences."""
    generator, lexicon = random.Random(seed), _lexicon()
    often = [1 / (place + 2) for place in range(len(lexicon))]
    return [" ".join(generator.choices(lexicon, often, k=6)) + "።" for _ in range(count)]


@cache
def tokenizer_of(kind: str) -> Serialised:
    """A tokenizer that has seen English, single Ethiopic letters and a few words, and has two tokens added behind."""
    return Serialised(json.loads(_built(kind).to_str()))


def _built(kind: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    texts = ENGLISH * 20 + [" ".join("".join(WORDS))] * 2 + ["".join(WORDS), " ".join(WORDS[:6])]
    letters = sorted({letter for text in texts for letter in text if letter.strip()})
    words = [*WORDS[:6], "the", "house", "red", "river", "stone", "in"]
    if kind == "unigram":
        pieces = [("▁", -4.0), *((letter, -6.0) for letter in letters), *((f"▁{word}", -7.0) for word in words)]
        tokenizer = Tokenizer(models.Unigram([*((name, 0.0) for name in SPECIAL), *pieces], 3))
    elif kind == "wordpiece":
        names = [*SPECIAL, *letters, *(f"##{letter}" for letter in letters), *words, "##ed", "##er"]
        names = list(dict.fromkeys(names))
        tokenizer = Tokenizer(models.WordPiece({name: place for place, name in enumerate(names)}, unk_token="<unk>"))
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=None if kind == "byte-level" else "<unk>"))
        trainer = trainers.BpeTrainer(
            vocab_size=300 if kind == "byte-level" else 150,
            special_tokens=SPECIAL,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()) if kind == "byte-level" else [],
            show_progress=False,
        )
    if kind == "byte-level":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
    elif kind == "wordpiece":
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
    if tokenizer.model.__class__ is models.BPE:
        tokenizer.train_from_iterator(texts, trainer)
    if kind == "byte-fallback":
        tokenizer = _with_fallback(tokenizer)
    tokenizer.add_special_tokens([*SPECIAL, "<mask>", "<extra>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A <extra>",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("<s>", "<extra>")],
    )
    return tokenizer


def _with_fallback(tokenizer: Any) -> Any:
    """As of Llama: what the vocabulary lacks becomes bytes; the model sees the whole text, spaces replaced."""
    from tokenizers import Tokenizer

    content = json.loads(tokenizer.to_str())
    vocabulary = content["model"]["vocab"]
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    content["model"]["byte_fallback"] = True
    content["pre_tokenizer"] = None
    content["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    }
    return Tokenizer.from_str(json.dumps(content))
