"""Texts continued, translated or rewritten: what lies between a text and :mod:`amharic_tl.models.generate`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from amharic_tl.data.languages import LEAVES, set_languages
from amharic_tl.data.tokenizer import bare_tokens, check_fits, load_tokenizer, special_ends
from amharic_tl.errors import BadInputError, name_some
from amharic_tl.models import from_pretrained
from amharic_tl.models.config_values import ConfigValues
from amharic_tl.models.generate import TASKS, generate, stream_tokens
from amharic_tl.models.generation_settings import GenerationSettings
from amharic_tl.models.interchange.adapter_folder import model_config, tokenizer_folder
from amharic_tl.models.interchange.locate import locate
from amharic_tl.models.registry import family_of, task_of

# Prompts are padded to a multiple of this, so that batches of about the same length share a compiled program.
_LENGTH_STEP = 32
# What decoders of bytes write for a letter of which some bytes are still to come.
_INCOMPLETE = "\ufffd"
# How sentencepiece names the tokens that stand for bytes.
_BYTE = re.compile("<0x[0-9A-F]{2}>")


def first_tokens(model: Any, tokenizer: Any, language: int | None) -> dict[str, int]:
    """How an encoder-decoder's text begins: as the labels it was trained on. Settings of :func:`generate`."""
    before, after = special_ends(tokenizer, target=True)
    # A model without a start token takes the last of the labels in its place: the language of mBART.
    start = model.ids.start if model.ids.start is not None else after[-1] if after else None
    first = {} if start is None else {"decoder_start_token_id": int(start)}
    if language is not None and before[:1] == [language]:
        first["forced_bos_token_id"] = language
    return first


class TextGenerator:
    """A model of ``causal-lm`` or ``seq2seq-lm`` with its tokenizer. Texts are never cut: one too long is refused."""

    def __init__(self, model: Any, tokenizer: Any, language: int | None = None) -> None:
        """Takes a model, a tokenizer that fits it, and the token of the language to write, where there is one."""
        self.model, self.tokenizer = model, tokenizer
        self.has_encoder = model.task == "seq2seq-lm"
        self._first = first_tokens(model, tokenizer, language) if self.has_encoder else {}
        before, after = special_ends(tokenizer)
        # A decoder goes on from its prompt, so that nothing may end it.
        self._before, self._after = before, after if self.has_encoder else []

    @classmethod
    def load(
        cls,
        path: str,
        *,
        dtype: str | None = None,
        source_language: str | None = None,
        target_language: str | None = None,
        named: tuple[str, str] = LEAVES,
    ) -> TextGenerator:
        """Loads a checkpoint for the generating task that it was saved for.

        Args:
          path: a directory, a bundled base or a hub id.
          dtype: of weights and products, ``float32`` or ``bfloat16``; None: as stored.
          source_language: the tokenizer's name for the language of the texts, where it marks languages.
          target_language: and for the language to write.
          named: what the caller calls these two, for errors.

        Raises:
          BadInputError: the checkpoint is of another task, or lacks a head.
          AmharicTLError: whatever else loading refuses.
        """
        folder = locate(path)
        config = model_config(folder)
        where = f"{folder}/config.json"
        tasks = [task for task in family_of(config, where).architectures if task in TASKS]
        stored = task_of(config, where)
        # A checkpoint saved without head serves where its head is tied, as backbones of decoders often are.
        task = stored if stored in TASKS else tasks[0] if tasks and stored is None else None
        if task is None:
            raise BadInputError(
                f"{where}: a {config['model_type']} model for {stored or 'no task'} does not generate; it needs a "
                f"checkpoint for {' or '.join(TASKS)}"
            )
        tokenizer = load_tokenizer(tokenizer_folder(folder))
        check_fits(tokenizer, ConfigValues(config).whole("vocab_size"), folder)
        language = None
        if task == "seq2seq-lm" or source_language or target_language:
            language = set_languages(tokenizer, source_language, target_language, named)
        model = from_pretrained(str(folder), task, dtype=dtype)
        if model.load_report.newly_initialised:
            raise BadInputError(
                f"{folder} lacks {name_some(model.load_report.newly_initialised)}, which {task} needs: it was not "
                "trained to write"
            )
        return cls(model, tokenizer, language)

    def write(self, texts: Sequence[str], **settings: Any) -> list[str]:
        """What the model writes for each text, special tokens left out: the continuation alone of a prompt.

        Args:
          texts: prompts, or what the encoder reads.
          **settings: of :class:`~amharic_tl.models.generation_settings.GenerationSettings`.

        Raises:
          BadInputError: a text is empty, or too long for the model's positions.
          ConfigError: a setting is wrong.
        """
        prompts = self._encode(texts)
        longest = max(map(len, prompts))
        width = max(longest, min(-(-longest // _LENGTH_STEP) * _LENGTH_STEP, self.model.max_positions))
        ids_BS = np.full((len(prompts), width), self.tokenizer.pad_token_id, np.int32)
        mask_BS = np.zeros_like(ids_BS)
        for row, prompt in enumerate(prompts):
            ids_BS[row, : len(prompt)], mask_BS[row, : len(prompt)] = prompt, 1
        settings = {**self._first, **settings}
        written = generate(self.model, ids_BS, attention_mask=mask_BS, **settings)
        new = written[:, 1 if self.has_encoder else width :]
        ends = self._ends(settings)
        return [self._text(prompt, _until(row, ends)) for prompt, row in zip(prompts, new, strict=True)]

    def stream(self, text: str, **settings: Any) -> Iterator[str]:
        """As :meth:`write` for one text, piece by piece as it is written. Without beams."""
        prompt = self._encode([text])[0]
        settings = {**self._first, **settings}
        columns = stream_tokens(self.model, np.asarray([prompt], np.int32), **settings)
        # Not a generator itself, so that a wrong setting is refused at the call.
        return self._pieces(prompt, columns, self._ends(settings))

    def _pieces(self, prompt: list[int], columns: Iterator[np.ndarray], ends: set[int]) -> Iterator[str]:
        new: list[int] = []
        shown, text = "", ""
        for column in columns:
            new.append(int(column[0]))
            text = self._text(prompt, _until(new, ends))
            # What is shown cannot be taken back, and a run of tokens that are bytes is read as a whole.
            if text.startswith(shown) and not text.endswith(_INCOMPLETE) and not self._is_byte(new[-1]):
                yield text[len(shown) :]
                shown = text
        yield text.removeprefix(shown)

    def _is_byte(self, token: int) -> bool:
        return _BYTE.fullmatch(str(self.tokenizer.convert_ids_to_tokens(token))) is not None

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        prompts = [[*self._before, *pieces, *self._after] for pieces in bare_tokens(self.tokenizer, texts)]
        empty = [number for number, prompt in enumerate(prompts, 1) if not prompt]
        if empty:
            raise BadInputError(f"text {name_some(empty)} is empty, and the tokenizer begins texts with no token")
        return prompts

    def _ends(self, settings: Mapping[str, Any]) -> set[int]:
        vocabulary = int(self.model.hf_config["vocab_size"])
        return set(GenerationSettings.checked(settings).end_tokens(self.model, vocabulary))

    def _text(self, prompt: list[int], new: Sequence[int]) -> str:
        def decoded(tokens: Sequence[int]) -> str:
            text = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            return str(text)

        if self.has_encoder:
            return decoded(new)
        # Decoded together: by itself, a continuation would lose the space before its first word.
        before, whole = decoded(prompt), decoded([*prompt, *new])
        return whole.removeprefix(before) if whole.startswith(before) else decoded(new)


def _until(tokens: Sequence[int] | np.ndarray, ends: set[int]) -> list[int]:
    """The tokens before the first that ends a row."""
    found: list[int] = []
    for token in tokens:
        if int(token) in ends:
            break
        found.append(int(token))
    return found
