"""Scores of masked language models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.sharding import Mesh

from amharic_tl.errors import BadInputError
from amharic_tl.safety.scoring.batching import HasPrograms, Program, Tell, over_rows
from amharic_tl.safety.scoring.forms import Kind, around, plain_row, refuse_form, scored_places, unless_unknown
from amharic_tl.safety.scoring.programs import of_masked_tokens, of_visible_tokens
from amharic_tl.safety.scoring.tokens import ScoredText, Tokens, ends_of, tokenize

# Tokens whose log-probability is read at one masked place at once.
_TARGETS = 8


class EncoderScorer(HasPrograms):
    """A masked language model."""

    kind: Kind = "encoder"

    def __init__(self, model: Any, tokenizer: Any, mesh: Mesh | None = None) -> None:
        """Takes a model for ``masked-lm`` and its tokenizer.

        Raises:
          BadInputError: the tokenizer has no mask token.
        """
        if tokenizer.mask_token_id is None:
            raise BadInputError("the tokenizer has no mask token, which scores of a masked language model need")
        self._tokenizer, self._ends, self._limit = tokenizer, ends_of(tokenizer), model.max_positions
        self._vocabulary = int(model.hf_config["vocab_size"])
        self._visible = Program(model, of_visible_tokens, mesh)
        self._masked = Program(model, of_masked_tokens, mesh)
        self.programs = (self._visible, self._masked)

    def score(
        self,
        texts: Sequence[ScoredText],
        form: str,
        *,
        together: Sequence[int] | None = None,
        tell: Tell | None = None,
    ) -> np.ndarray:
        """See :class:`Scorer`."""
        refuse_form(self.kind, form, texts)
        tokens = tokenize(self._tokenizer, texts)
        places = [of.inside for of in tokens] if form == "span" else scored_places(tokens, together)
        if form == "aul":
            rows = [plain_row(around(of.ids, self._ends)) for of in tokens]
            padding = {"input_ids": self._tokenizer.pad_token_id, "attention_mask": 0}
            found = over_rows(
                self._visible,
                rows,
                padding,
                scored="input_ids",
                vocabulary=self._vocabulary,
                limit=self._limit,
                tell=tell,
            )
            start = len(self._ends.before)
            sums = [_mean(of[start + np.asarray(at, int)]) for of, at in zip(found, places, strict=True)]
        else:
            sums = self._masked_sums(tokens, places, behind=form == "span", tell=tell)
        return unless_unknown(sums, tokens)

    def _masked_sums(
        self, tokens: Sequence[Tokens], places: Sequence[tuple[int, ...]], *, behind: bool, tell: Tell | None
    ) -> list[float]:
        """Sums over the places of log P(token | the text without it); ``behind``: and without the later places.

        Texts that are the same once masked, as those are that differ in the compared word alone, are read once.
        """
        wanted: dict[tuple[tuple[int, ...], int], list[tuple[int, int]]] = defaultdict(list)
        mask, start = int(self._tokenizer.mask_token_id), len(self._ends.before)
        for text, (of, at) in enumerate(zip(tokens, places, strict=True)):
            for number, place in enumerate(at):
                hidden = set(at[number:]) if behind else {place}
                masked = tuple(mask if index in hidden else token for index, token in enumerate(of.ids))
                wanted[masked, start + place].append((text, of.ids[place]))
        rows: list[dict[str, np.ndarray]] = []
        answers: list[list[tuple[int, int]]] = []
        for (masked, place), asked in wanted.items():
            targets = list(dict.fromkeys(token for _, token in asked))
            for first in range(0, len(targets), _TARGETS):
                some = targets[first : first + _TARGETS]
                row = dict(plain_row(around(masked, self._ends)))
                row["place"] = np.asarray([place], np.int32)
                row["targets"] = np.asarray(some + [0] * (_TARGETS - len(some)), np.int32)
                rows.append(row)
                answers.append([(text, some.index(token)) for text, token in asked if token in some])
        found = over_rows(
            self._masked,
            rows,
            {"input_ids": self._tokenizer.pad_token_id, "attention_mask": 0},
            scored=None,
            vocabulary=self._vocabulary,
            limit=self._limit,
            tell=tell,
        )
        sums = [0.0 if at else np.nan for at in places]
        for values, asked in zip(found, answers, strict=True):
            for text, index in asked:
                sums[text] += float(values[index])
        return sums


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
