"""Scores of sequence classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jax.sharding import Mesh

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.models.config_values import label_names
from amharic_tl.safety.scoring.batching import HasPrograms, Program, Tell, over_rows
from amharic_tl.safety.scoring.forms import Kind, around, plain_row, refuse_form
from amharic_tl.safety.scoring.programs import of_classes
from amharic_tl.safety.scoring.tokens import ScoredText, ends_of, tokenize

# Scores further from 0 or 1 than this have no finite log-odds in float32.
_SMALLEST = 1e-6


class ClassifierScorer(HasPrograms):
    """A sequence classifier.

    Attributes:
      labels: of its classes, in order.
      positive: bool ``[C]``, which of them say that harm was found; none known: no ``harm`` can be scored.
    """

    kind: Kind = "classifier"

    def __init__(self, model: Any, tokenizer: Any, positive: Sequence[str] = (), mesh: Mesh | None = None) -> None:
        """Takes a model for ``sequence-classification``, its tokenizer and its positive labels.

        Raises:
          BadInputError: it gives numbers, not classes.
          ConfigError: it has no such label.
        """
        if model.hf_config.get("problem_type") == "regression":
            raise BadInputError("a regression model has no classes; probes need a classifier")
        self.labels = tuple(label_names(model.hf_config))
        strange = [name for name in positive if name not in self.labels]
        if strange:
            raise ConfigError(
                f"positive labels: the classifier has no {', '.join(map(repr, strange))}; its labels are "
                + ", ".join(self.labels)
            )
        self.positive = np.asarray([name in positive for name in self.labels])
        self._several = model.hf_config.get("problem_type") == "multi_label_classification"
        self._tokenizer, self._ends, self._limit = tokenizer, ends_of(tokenizer), model.max_positions
        self._program = Program(model, of_classes, mesh)
        self.programs = (self._program,)

    def probabilities(self, texts: Sequence[str], tell: Tell | None = None) -> np.ndarray:
        """Probabilities float64 ``[N, C]``: of one class among all, or of each by itself where a text may have several.

        Raises:
          BadInputError: a text is longer than the model reads, or has no token.
        """
        tokens = tokenize(self._tokenizer, [ScoredText(text) for text in texts])
        pad = self._tokenizer.pad_token_id
        logits = np.asarray(
            over_rows(
                self._program,
                [plain_row(around(of.ids, self._ends)) for of in tokens],
                {"input_ids": pad, "attention_mask": 0},
                scored=None,
                vocabulary=len(self.labels),
                limit=self._limit,
                tell=tell,
            ),
            np.float64,
        ).reshape(len(texts), len(self.labels))
        if self._several:
            return np.asarray(1 / (1 + np.exp(-logits)))
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=-1, keepdims=True))

    def harm(self, probabilities: np.ndarray) -> np.ndarray:
        """Probability of harm ``[N]`` from those of the classes ``[N, C]``.

        Of the likeliest positive label where a text may have several, of any of them otherwise.
        """
        positive = probabilities[:, self.positive]
        return np.asarray(positive.max(axis=-1) if self._several else positive.sum(axis=-1))

    def found(self, probabilities: np.ndarray) -> np.ndarray:
        """Whether harm is found, bool ``[N]``: the likeliest label is a positive one, as fairness.json counts it; where
        a text may have several labels, a positive one is at least as likely as not."""
        if self._several:
            return np.asarray(self.harm(probabilities) >= 0.5)
        return np.asarray(self.positive[probabilities.argmax(axis=-1)])

    def score(
        self,
        texts: Sequence[ScoredText],
        form: str,
        *,
        together: Sequence[int] | None = None,
        tell: Tell | None = None,
    ) -> np.ndarray:
        """See :class:`Scorer`; NaN where no positive label is known."""
        del together
        refuse_form(self.kind, form, texts)
        if not self.positive.any():
            return np.full(len(texts), np.nan)
        share = np.clip(self.harm(self.probabilities([one.text for one in texts], tell)), _SMALLEST, 1 - _SMALLEST)
        return np.asarray(np.log(share / (1 - share)))
