"""Cultural-nuance items scored: the right answer and each wrong one in its sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from amharic_tl.culture.nuance import ANSWER, NuanceItem
from amharic_tl.safety.scoring.batching import Tell
from amharic_tl.safety.scoring.checkpoint import AnyScorer
from amharic_tl.safety.scoring.forms import WHOLE
from amharic_tl.safety.scoring.tokens import ScoredText


def answer_scores(
    scorer: AnyScorer, items: Sequence[NuanceItem], form: str | None = None, tell: Tell | None = None
) -> dict[str, tuple[float, ...]]:
    """Scores by item id, the right answer first, the wrong ones in their order.

    Items with an answer that the tokenizer does not know are left out: nothing says what the model knows of them.

    Args:
      scorer: a language model.
      items: of a pack.
      form: of the score; None: of the whole sentence, by token or character, so that longer answers are not punished.
      tell: is told how far it is.

    Raises:
      ConfigError: the model has no such form, as a classifier has none of sentences.
    """
    texts: list[ScoredText] = []
    for item in items:
        start = item.text.index(ANSWER)
        for answer in (item.right, *item.wrong):
            texts.append(ScoredText(item.text.replace(ANSWER, answer, 1), (start, start + len(answer))))
    scores = scorer.score(texts, form or WHOLE.get(scorer.kind, "per_character"), tell=tell) if texts else np.empty(0)
    found, at = {}, 0
    for item in items:
        mine = scores[at : at + 1 + len(item.wrong)]
        at += len(mine)
        if not np.isnan(mine).any():
            found[item.id] = tuple(float(score) for score in mine)
    return found
