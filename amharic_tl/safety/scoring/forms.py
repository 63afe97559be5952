"""Texts scored by a model, whatever its kind, in the forms that its kind has.

Forms of language models, in nats unless said otherwise:

- ``span``: log-probability of the compared word given its context. Encoders mask a token of the word and those behind
  it in the word (Kauf & Ivanova 2023, PLL-word-l2r), so that the word's tokens do not give each other away and their
  sum obeys the chain rule. Causal models see what is before the word alone. Encoder-decoders read the text with a gap.
- ``aul``: all-unmasked likelihood, the mean over tokens of log P(token | the whole text) (Kaneko & Bollegala 2022,
  equation 2); encoders.
- ``pll``: pseudo-log-likelihood, the sum over tokens, each masked by itself (Salazar et al. 2020, equation 1); with
  texts that belong together over the tokens that they share (CrowS-Pairs: Nangia et al. 2020, equation 1); encoders.
- ``total``: log-probability of the text; ``per_character``: that divided by the characters it stands for, so that a
  word is not rated lower for being cut into more tokens; causal models and encoder-decoders.
- ``pmi``: ``span`` less that of the word without context (PMI_DC, Holtzman et al. 2021, equation 2).

A classifier has one form, ``harm``: the log-odds of its positive labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.safety.scoring.batching import Row, Tell
from amharic_tl.safety.scoring.tokens import Ends, ScoredText, Tokens, shared_places

Kind = Literal["encoder", "causal", "seq2seq", "classifier"]
FORMS: dict[Kind, tuple[str, ...]] = {
    "encoder": ("span", "aul", "pll"),
    "causal": ("total", "span", "per_character", "pmi"),
    "seq2seq": ("span", "total", "per_character", "pmi"),
    "classifier": ("harm",),
}
# How whole texts are scored that have no compared word.
WHOLE: dict[Kind, str] = {"encoder": "aul", "causal": "per_character", "seq2seq": "per_character"}


class Scorer(Protocol):
    """A model that scores texts."""

    kind: Kind

    def score(
        self,
        texts: Sequence[ScoredText],
        form: str,
        *,
        together: Sequence[int] | None = None,
        tell: Tell | None = None,
    ) -> np.ndarray:
        """Scores float64 ``[N]``; NaN where what is compared holds the unknown token, which says nothing of a word.

        Args:
          texts: with a span where ``form`` compares a word.
          form: one of :data:`FORMS`.
          together: int ``[N]``: whole-text forms score the tokens alone that all texts of one number share.
          tell: is told how far it is.

        Raises:
          ConfigError: this kind of model has no such form.
          BadInputError: a text is longer than the model reads, or has no span where the form needs one.
        """


def refuse_form(kind: Kind, form: str, texts: Sequence[ScoredText]) -> None:
    """Refuses a form that the kind does not have, or that compares words where a text has none marked."""
    if form not in FORMS[kind]:
        raise ConfigError(f"a model of kind {kind} has no score {form!r}; it has {', '.join(FORMS[kind])}")
    if form in ("span", "pmi") and any(one.span is None for one in texts):
        raise BadInputError(f"the score {form!r} compares a word, and a text has none marked")


def scored_places(tokens: Sequence[Tokens], together: Sequence[int] | None) -> list[tuple[int, ...]]:
    """All places of each text, or those whose tokens the texts of its number share."""
    places = [tuple(range(len(of.ids))) for of in tokens]
    if together is not None:
        members: dict[int, list[int]] = defaultdict(list)
        for text, number in enumerate(together):
            members[number].append(text)
        for same in members.values():
            for text, shared in zip(same, shared_places([tokens[text] for text in same]), strict=True):
                places[text] = shared
    return places


def around(ids: Sequence[int], ends: Ends) -> tuple[int, ...]:
    """The ids with the special tokens before and behind them."""
    return (*ends.before, *ids, *ends.after)


def plain_row(ids: Sequence[int]) -> Row:
    """A row of a batch whose every token counts."""
    return {"input_ids": np.asarray(ids, np.int32), "attention_mask": np.ones(len(ids), np.int32)}


def unless_unknown(sums: Sequence[float], tokens: Sequence[Tokens]) -> np.ndarray:
    """A word of unknown tokens is any word; a whole text may hold one that all its variants share."""
    return np.asarray([np.nan if of.unknown and of.inside else one for one, of in zip(sums, tokens, strict=True)])
