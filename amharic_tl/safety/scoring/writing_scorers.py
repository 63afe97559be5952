"""Scores of models that write: causal ones and encoder-decoders."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.sharding import Mesh

from amharic_tl.data.span_corruption import sentinel_ids
from amharic_tl.errors import BadInputError
from amharic_tl.safety.scoring.batching import HasPrograms, Program, Tell, over_rows
from amharic_tl.safety.scoring.forms import Kind, around, plain_row, refuse_form, scored_places, unless_unknown
from amharic_tl.safety.scoring.programs import of_next_tokens, of_written_tokens
from amharic_tl.safety.scoring.tokens import ScoredText, Tokens, ends_of, tokenize


class _WritingScorer(HasPrograms):
    """What causal models and encoder-decoders have in common: tokens that are written one after the other."""

    kind: Kind

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

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
        if form == "pmi":
            words = [
                ScoredText(one.text[slice(*one.span)], (0, one.span[1] - one.span[0])) for one in texts if one.span
            ]
            return self.score(texts, "span", tell=tell) - self.score(words, "span", tell=tell)
        tokens = tokenize(self._tokenizer, texts)
        found = self._written(tokens, gap=form == "span", tell=tell)
        places = [of.inside for of in tokens] if form == "span" else scored_places(tokens, together)
        sums = []
        for of, values, at in zip(tokens, found, places, strict=True):
            total = float(values[list(at)].sum()) if at else np.nan
            every = len(at) == len(of.ids)
            characters = of.characters if every else sum(of.widths[place] for place in at)
            sums.append(total / max(characters, 1) if form == "per_character" else total)
        return unless_unknown(sums, tokens)

    @abstractmethod
    def _written(self, tokens: Sequence[Tokens], *, gap: bool, tell: Tell | None) -> list[np.ndarray]:
        """Log-probability of each own token of each text; ``gap``: those of the span are what is to be written."""


class CausalScorer(_WritingScorer):
    """A causal language model."""

    kind: Kind = "causal"

    def __init__(self, model: Any, tokenizer: Any, mesh: Mesh | None = None) -> None:
        """Takes a model for ``causal-lm`` and its tokenizer."""
        super().__init__(tokenizer)
        self._limit, self._vocabulary = model.max_positions, int(model.hf_config["vocab_size"])
        # A first token needs something to be predicted from: what the tokenizer sets, or what ends the text before.
        begins = next((one for one in (tokenizer.bos_token_id, tokenizer.eos_token_id) if one is not None), None)
        self._before = ends_of(tokenizer).before or (() if begins is None else (begins,))
        self._next = Program(model, of_next_tokens, mesh)
        self.programs = (self._next,)

    def _written(self, tokens: Sequence[Tokens], *, gap: bool, tell: Tell | None) -> list[np.ndarray]:
        del gap  # what is before the word is its context
        rows = [plain_row((*self._before, *of.ids)) for of in tokens]
        found = over_rows(
            self._next,
            rows,
            {"input_ids": self._tokenizer.pad_token_id, "attention_mask": 0},
            scored="input_ids",
            vocabulary=self._vocabulary,
            limit=self._limit,
            tell=tell,
        )
        start = len(self._before)
        return [values[start : start + len(of.ids)] for values, of in zip(found, tokens, strict=True)]


class Seq2SeqScorer(_WritingScorer):
    """An encoder-decoder, asked as it was trained: T5 fills a gap behind its sentinel; others write a text again that
    they read with a gap (a mask token, or nothing where the tokenizer has none)."""

    kind: Kind = "seq2seq"

    def __init__(self, model: Any, tokenizer: Any, mesh: Mesh | None = None) -> None:
        """Takes a model for ``seq2seq-lm`` and its tokenizer."""
        super().__init__(tokenizer)
        self._limit, self._vocabulary = model.max_positions, int(model.hf_config["vocab_size"])
        self._source, self._target = ends_of(tokenizer), ends_of(tokenizer, target=True)
        try:
            self._sentinels = sentinel_ids(tokenizer)[:2]
        except BadInputError:
            self._sentinels = []
        self._mask = [] if tokenizer.mask_token_id is None else [int(tokenizer.mask_token_id)]
        self._program = Program(model, of_written_tokens, mesh)
        self.programs = (self._program,)

    def _written(self, tokens: Sequence[Tokens], *, gap: bool, tell: Tell | None) -> list[np.ndarray]:
        rows, starts = [], []
        for of in tokens:
            asked = of.inside if gap else tuple(range(len(of.ids)))
            first, last = asked[0], asked[-1] + 1
            hole = self._sentinels[:1] or self._mask
            source = around((*of.ids[:first], *hole, *of.ids[last:]), self._source)
            if self._sentinels:
                labels = (*self._sentinels[:1], *of.ids[first:last], *self._sentinels[1:])
                starts.append(1 - first)
            else:
                labels = around(of.ids, self._target)
                starts.append(len(self._target.before))
            rows.append({**plain_row(source), "labels": np.asarray(labels, np.int32)})
        found = over_rows(
            self._program,
            rows,
            {"input_ids": self._tokenizer.pad_token_id, "attention_mask": 0, "labels": -100},
            scored="labels",
            vocabulary=self._vocabulary,
            limit=self._limit,
            tell=tell,
        )
        values = []
        for of, start, row in zip(tokens, starts, found, strict=True):
            at = np.arange(len(of.ids)) + start
            values.append(np.where((at >= 0) & (at < len(row)), row[np.clip(at, 0, len(row) - 1)], np.nan))
        return values
