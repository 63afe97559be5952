"""A fast tokenizer as tokenizer.json holds it, and what of it is a vocabulary."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from amharic_tl.errors import BadInputError
from amharic_tl.transfer.vocabulary.pieces import BYTE_ALPHABET, SPACE, script_of, text_of

KINDS = ("BPE", "WordPiece", "Unigram")
BYTE_TOKEN = re.compile(r"<0x[0-9A-F]{2}>")
_WORDS = re.compile(f"{SPACE}*[^{SPACE}]+|{SPACE}+")


@dataclass(frozen=True)
class Serialised:
    """The object of a tokenizer.json; never changed in place."""

    content: Mapping[str, Any]

    @property
    def model(self) -> Mapping[str, Any]:
        """Its ``model``."""
        return self.content["model"]

    @property
    def kind(self) -> str:
        """BPE, WordPiece or Unigram."""
        return str(self.model["type"])

    @cached_property
    def byte_level(self) -> bool:
        """Whether pieces are written in the byte alphabet."""
        return any(
            '"ByteLevel"' in json.dumps(self.content.get(part) or {}) for part in ("normalizer", "pre_tokenizer")
        )

    @property
    def prefix(self) -> str:
        """What marks a piece inside a word (``##``), empty for none."""
        return self.model.get("continuing_subword_prefix") or ""

    @property
    def suffix(self) -> str:
        """What marks a piece at the end of a word (``</w>``), empty for none."""
        return self.model.get("end_of_word_suffix") or ""

    @cached_property
    def added(self) -> dict[str, int]:
        """Tokens that are cut out of a text before the model sees it, special ones among them."""
        return {token["content"]: token["id"] for token in self.content["added_tokens"]}

    @cached_property
    def model_ids(self) -> dict[str, int]:
        """The model's own tokens."""
        vocabulary = self.model["vocab"]
        if self.kind == "Unigram":
            return {piece: place for place, (piece, _) in enumerate(vocabulary)}
        return dict(vocabulary)

    @cached_property
    def ids(self) -> dict[str, int]:
        """All tokens."""
        return {**self.model_ids, **self.added}

    @cached_property
    def tokens(self) -> list[str | None]:
        """All tokens by id; None where an id has none."""
        found: list[str | None] = [None] * (max(self.ids.values()) + 1)
        for token, place in self.ids.items():
            found[place] = token
        return found

    @property
    def unknown(self) -> str | None:
        """The token for what the model does not know."""
        if self.kind == "Unigram":
            place = self.model.get("unk_id")
            return None if place is None else str(self.model["vocab"][place][0])
        found = self.model.get("unk_token")
        return None if found is None else str(found)

    @cached_property
    def fixed(self) -> frozenset[str]:
        """Tokens that stay whatever a text holds: added and unknown ones, those set around texts, bytes."""
        alphabet = set(BYTE_ALPHABET) if self.byte_level else set()
        always = {token for token in self.model_ids if BYTE_TOKEN.fullmatch(token) or token in alphabet}
        around = _named_in(self.content.get("post_processor")) & self.model_ids.keys()
        return frozenset({*self.added, *always, *around, *([self.unknown] if self.unknown else [])})

    def text(self, piece: str) -> str:
        """The text a piece stands for; see :func:`text_of`."""
        return text_of(piece, self.byte_level, self.prefix, self.suffix)

    def letters(self, word: str) -> tuple[str, ...]:
        """A word cut into single characters, each with the marks of its place."""
        last = len(word) - 1
        return tuple(
            f"{self.prefix if place else ''}{character}{self.suffix if place == last else ''}"
            for place, character in enumerate(word)
        )

    def joined(self, first: str, second: str) -> str:
        """What two neighbouring pieces of a word become."""
        return first + second.removeprefix(self.prefix)

    def script(self, piece: str) -> str:
        """The script of a piece."""
        return script_of(piece, self.text(piece), self.byte_level)

    def scripts(self) -> dict[str, int]:
        """How many pieces there are of each script, fixed tokens aside."""
        found = Counter(self.script(piece) for piece in self.model_ids if piece not in self.fixed)
        return dict(sorted(found.items()))

    def build(self) -> Any:
        """A ``tokenizers.Tokenizer``."""
        from tokenizers import Tokenizer

        return Tokenizer.from_str(json.dumps(self.content, ensure_ascii=False))

    def replaced(self, **changes: Any) -> Serialised:
        """The same with other values in its model."""
        content = copy.copy(dict(self.content))
        content["model"] = {**self.model, **changes}
        return Serialised(content)


def _named_in(processor: Any) -> set[str]:
    """The words that stand in a post-processor, the tokens it sets around a text among them."""
    if isinstance(processor, str):
        return {processor}
    inner = processor.values() if isinstance(processor, dict) else processor if isinstance(processor, list) else ()
    return {word for value in inner for word in _named_in(value)}


@dataclass(frozen=True)
class Change:
    """Another vocabulary, and where each of its ids comes from.

    Attributes:
      tokenizer: the new one.
      origin: int64 ``[tokens]``, the old id of each new one, -1 for what is new.
    """

    tokenizer: Serialised
    origin: np.ndarray


def serialised(tokenizer: Any, where: str) -> Serialised:
    """What a Hugging Face tokenizer does, as tokenizer.json.

    Raises:
      BadInputError: it is not made of a vocabulary that could be changed; the sentence says why.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise BadInputError(
            f"{where}: its tokenizer ({type(tokenizer).__name__}) has no tokenizer.json form, as one that reads bytes "
            "has none; there is no vocabulary to change"
        )
    content = json.loads(backend.to_str())
    content["truncation"] = content["padding"] = None
    kind = content["model"]["type"]
    if kind not in KINDS:
        why = "whole words have no pieces to add to" if kind == "WordLevel" else "its form is not known here"
        raise BadInputError(f"{where}: a {kind} tokenizer; expected one of {', '.join(KINDS)}: {why}")
    return Serialised(content)


def word_counts(tokenizer: Serialised, texts: Iterable[str]) -> Counter[str]:
    """How often each word stands in ``texts``: what the tokenizer's model is given to split, in the model's writing."""
    backend = tokenizer.build()
    normalise = backend.normalizer.normalize_str if backend.normalizer is not None else str
    counts: Counter[str] = Counter()
    for text in texts:
        text = normalise(text)
        if backend.pre_tokenizer is None:  # the model sees the whole text; pieces shall still not reach over words
            counts.update(_WORDS.findall(text))
        else:
            counts.update(
                part for word, _ in backend.pre_tokenizer.pre_tokenize_str(text) for part in _WORDS.findall(word)
            )
    return counts
