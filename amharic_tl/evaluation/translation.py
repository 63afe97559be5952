"""BLEU and chrF of what a model writes, by sacreBLEU (Papineni et al. 2002; Popović 2015; Post 2018)."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.language.normalisation import Normaliser
from amharic_tl.language.script import letter_counts

METRICS = ("bleu", "chrf")
# What a score is called that was computed on texts whose ways of writing were made one.
NORMALISED = "{}_normalised"
METRICS_LEFT_OUT = (
    "BLEU and chrF are left out: sacrebleu is not installed (pip install 'amharic-tl[translate]'); set "
    "config.task.generate_rows=0 if they are not wanted"
)


def can_score() -> bool:
    """Whether sacreBLEU is there."""
    return importlib.util.find_spec("sacrebleu") is not None


def refuse_selection(select_by: str, rows: int) -> None:
    """Refuses to pick the best checkpoint by a figure that will not be measured.

    Raises:
      ConfigError: sacreBLEU is not there, or no rows are to be translated.
    """
    metric = select_by.partition("/")[2]
    if metric in METRICS and not rows:
        raise ConfigError(f"config.train.select_by: {metric} needs config.task.generate_rows above 0")
    if metric in METRICS and not can_score():
        raise ConfigError(
            f"config.train.select_by: {metric} needs sacrebleu (pip install 'amharic-tl[translate]'); use "
            "validation/bits_per_character without it"
        )


def score_normaliser(forms: Sequence[str] | None, writing: str) -> Normaliser | None:
    """What makes predictions and references alike in their ways of writing, None for no ``forms``.

    Raises:
      ConfigError: the language has no such form.
      MissingInputError: no such language is known.
    """
    try:
        return Normaliser(forms, writing) if forms else None
    except BadInputError as error:
        raise ConfigError(f"config.task.normalised_scores: {error}") from None


class Translations:
    """A split's sources and references, of which a part is translated greedily and scored."""

    def __init__(
        self,
        sources: Sequence[np.ndarray],
        references: Sequence[str],
        tokenizer: Any,
        language: int | None,
        *,
        rows: int,
        batch_rows: int,
        new_tokens: int,
        normaliser: Normaliser | None = None,
    ) -> None:
        """Takes ``rows`` rows, evenly spread, or all.

        Args:
          sources: token ids of each row.
          references: the text that each should become.
          tokenizer: for padding and for the text of what is written.
          language: the token that begins or names the target language, None for none.
          rows: how many at most.
          batch_rows: rows of one generation.
          new_tokens: the longest translation.
          normaliser: of predictions and references, for scores beside the raw ones (Nigatu et al. 2025); these are
            left out where no reference has an Ethiopic letter.
        """
        self._all = len(sources)
        self._chosen = np.unique(np.linspace(0, len(sources) - 1, min(rows, len(sources))).round().astype(int))
        self._sources, self._references = sources, references
        self._tokenizer, self._language = tokenizer, language
        self._batch_rows, self._new_tokens = batch_rows, new_tokens
        self._normaliser = normaliser if any(letter_counts(text)[1] for text in references) else None

    def describe(self) -> str:
        """What is scored, and how, in a sentence."""
        count = len(self._chosen)
        part = f"all {count} rows" if count == self._all else f"{count} rows, evenly spread over {self._all}"
        said = f"BLEU and chrF are those of greedy translations of {part}; {', '.join(_signatures())}"
        if self._normaliser is None:
            return said
        forms = ", ".join(form.name for form in self._normaliser.forms)
        signed = "" if self._normaliser.writing.authorship.reviewed else " (machine-drafted tables, unreviewed)"
        language = self._normaliser.writing.language
        return f"{said}; bleu_normalised and chrf_normalised after {forms} of written {language} are made one{signed}"

    def metrics(self, model: Any) -> dict[str, float]:
        """``bleu`` and ``chrf``, from 0 to 100; of normalised texts ``bleu_normalised`` and ``chrf_normalised``."""
        written, wanted = self.translate(model), [self._references[row] for row in self._chosen]
        scores = score_texts(written, wanted)
        if self._normaliser is not None:
            alike = [list(map(self._normaliser.text, texts)) for texts in (written, wanted)]
            scores |= {NORMALISED.format(name): value for name, value in score_texts(*alike).items()}
        return scores

    def translate(self, model: Any) -> list[str]:
        """The chosen rows' translations."""
        from amharic_tl.models.generate import generate
        from amharic_tl.models.text_generation import first_tokens

        longest = -(-max(len(self._sources[row]) for row in self._chosen) // 8) * 8
        longest = min(longest, model.max_positions)
        texts: list[str] = []
        for start in range(0, len(self._chosen), self._batch_rows):
            rows = self._chosen[start : start + self._batch_rows]
            ids = np.full((self._batch_rows, longest), self._tokenizer.pad_token_id, np.int32)
            mask = np.zeros_like(ids)
            # What a last batch lacks repeats its first row, so that shapes stay the same.
            for place in range(self._batch_rows):
                source = self._sources[rows[place] if place < len(rows) else rows[0]]
                ids[place, : len(source)], mask[place, : len(source)] = source, 1
            written = generate(
                model,
                ids,
                attention_mask=mask,
                max_new_tokens=self._new_tokens,
                **first_tokens(model, self._tokenizer, self._language),
            )
            texts += self._tokenizer.batch_decode(written[: len(rows), 1:], skip_special_tokens=True)
        return texts


def score_texts(written: Sequence[str], wanted: Sequence[str]) -> dict[str, float]:
    """``bleu`` and ``chrf`` of texts with one reference each, from 0 to 100."""
    return {name: float(one.corpus_score(written, [wanted]).score) for name, one in _scorers().items()}


def _scorers() -> dict[str, Any]:
    from sacrebleu.metrics import BLEU, CHRF

    return {"bleu": BLEU(), "chrf": CHRF()}


def _signatures() -> list[str]:
    """How sacreBLEU names what it computes, so that a figure can be compared with published ones."""
    found = []
    for name, scorer in _scorers().items():
        scorer.corpus_score(["-"], [["-"]])  # a signature has the number of references, known once something was scored
        found.append(f"{name} {scorer.get_signature()}")
    return found
