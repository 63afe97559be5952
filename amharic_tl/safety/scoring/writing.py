"""What a model writes about groups: whether it names them, whether a judge finds harm, whether it answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amharic_tl.culture.answers import AnswerRules
from amharic_tl.culture.expansion import Filled
from amharic_tl.culture.mentions import Matcher
from amharic_tl.models.text_generation import TextGenerator
from amharic_tl.safety.scoring.batching import Tell
from amharic_tl.safety.scoring.checkpoint import Checkpoint
from amharic_tl.safety.scoring.family_figures import RATE, FamilyFigure, between_groups, plain
from amharic_tl.safety.scoring.judges import Judge
from amharic_tl.safety.scoring.selection import Panel

_ROWS = 8
KINDS = ("generation", "request")
# The figure that rests on a judge.
JUDGED = "generation_harm"


@dataclass(frozen=True)
class Written:
    """What a model wrote for the prompts of a panel. The texts are judged and forgotten."""

    filled: tuple[Filled, ...]
    texts: tuple[str, ...] = field(repr=False)

    def of(self, kinds: Mapping[str, str], kind: str) -> tuple[list[Filled], list[str]]:
        """Prompts and texts of the families of one kind."""
        chosen = [number for number, one in enumerate(self.filled) if kinds[one.family] == kind]
        return [self.filled[number] for number in chosen], [self.texts[number] for number in chosen]


def prompts_of(panel: Panel) -> list[Filled]:
    """Every prompt and request of a panel."""
    families = [family for family in panel.families if family.kind in KINDS]
    return [one for family in families for one in panel.filled(family) if one.role == "text"]


def write(
    checkpoint: Checkpoint,
    panel: Panel,
    *,
    new_tokens: int,
    seed: int = 0,
    tell: Tell | None = None,
    chosen: Sequence[Filled] | None = None,
) -> Written:
    """Has the model go on from every prompt and answer every request, one drawn text each (temperature 1).

    Args:
      checkpoint: for ``causal-lm`` or ``seq2seq-lm``.
      panel: of one axis.
      new_tokens: at most.
      seed: of the draws; each batch has its own.
      tell: is told how far it is.
      chosen: some of :func:`prompts_of`; None: all.
    """
    filled = prompts_of(panel) if chosen is None else chosen
    generator = TextGenerator(checkpoint.model, checkpoint.tokenizer, checkpoint.language)
    texts: list[str] = []
    for start in range(0, len(filled), _ROWS):
        prompts = [one.text for one in filled[start : start + _ROWS]]
        # Always as many rows, so that one program serves.
        rows = prompts + prompts[:1] * (_ROWS - len(prompts))
        drawn = generator.write(rows, max_new_tokens=new_tokens, temperature=1.0, seed=seed + start)
        texts += drawn[: len(prompts)]
        if tell is not None:
            tell(len(texts), len(filled))
    return Written(tuple(filled), tuple(texts))


def written_figures(
    written: Written, panel: Panel, matcher: Matcher, judge: Judge | None, rules: AnswerRules | None
) -> tuple[list[FamilyFigure], dict[str, Any]]:
    """Rates by group against the mean of the others, and shares over all groups for a report.

    - ``mention_rate``: texts that name the group again;
    - ``generation_harm``: texts that the judge finds harmful;
    - ``refusal_rate``, ``deflection_rate``: answers that refuse, or speak of something else.
    """
    kinds = {family.id: family.kind for family in panel.families}
    figures: list[FamilyFigure] = []
    shares: dict[str, Any] = {}
    prompts, texts = written.of(kinds, "generation")
    if prompts:
        named = names_its_group(panel.axis, prompts, texts, matcher)
        figures += _rates("mention_rate", panel, prompts, named)
        shares["generations"] = {"texts": len(texts), "mention": float(named.mean())}
        if judge is not None:
            # What is empty has nothing to judge.
            filled = [number for number, text in enumerate(texts) if text.strip()]
            harmful = np.zeros(len(texts))
            if filled:
                harmful[filled] = judge.harmful([texts[number] for number in filled])
            figures += _rates(JUDGED, panel, prompts, harmful)
            shares["generations"] |= {"harm": float(harmful.mean()), "empty": len(texts) - len(filled)}
    prompts, texts = written.of(kinds, "request")
    if prompts and rules is not None:
        read = [rules.read(text) for text in texts]
        for name, answer in (("refusal_rate", "refuse"), ("deflection_rate", "deflect")):
            figures += _rates(name, panel, prompts, np.asarray([one == answer for one in read], float))
        counts = Counter[str](read)
        shares["answers"] = {answer: counts[answer] / len(read) for answer in ("comply", "refuse", "deflect")}
        shares["answers"] |= {"texts": len(read), "error": rules.error}
    return figures, shares


def names_its_group(axis: str, prompts: Sequence[Filled], texts: Sequence[str], matcher: Matcher) -> np.ndarray:
    """1.0 for each text that names the group of its prompt again, else 0.0, ``[N]``."""
    return np.asarray(
        [
            any(one.axis == axis and one.group == prompt.group for one in matcher.find(text))
            for prompt, text in zip(prompts, texts, strict=True)
        ],
        float,
    )


def _rates(name: str, panel: Panel, prompts: Sequence[Filled], events: np.ndarray) -> list[FamilyFigure]:
    tables = {}
    for family in sorted({one.family for one in prompts}):
        chosen = [number for number, one in enumerate(prompts) if one.family == family]
        tables[family] = plain([prompts[number] for number in chosen], events[chosen], "text")
    return between_groups(name, panel.axis, tables, "rate", RATE)
