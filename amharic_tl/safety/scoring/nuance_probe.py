"""What a checkpoint knows of daily life in a culture, asked by a pack's nuance items; beside a base, what was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amharic_tl.culture.nuance import NuanceItem, family_of
from amharic_tl.culture.pack import Pack
from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.drafts import WATERMARK
from amharic_tl.safety.nuance import AnswerScores, nuance_signals
from amharic_tl.safety.scoring.answers import answer_scores
from amharic_tl.safety.scoring.batching import Tell
from amharic_tl.safety.scoring.checkpoint import AnyScorer
from amharic_tl.safety.scoring.family_figures import RATE
from amharic_tl.safety.scoring.forms import WHOLE

ACCURACY = "nuance_accuracy"


@dataclass(frozen=True)
class Known:
    """Signals of the items, and what probe.json says of how they were asked."""

    signals: tuple[SafetySignal, ...]
    about: dict[str, Any]


def probe_nuance(
    scorer: AnyScorer,
    pack: Pack,
    *,
    base: AnyScorer | None = None,
    allow_draft: bool = False,
    split: str | None = None,
    tell: Tell | None = None,
) -> Known | None:
    """Accuracy of a pack's items by topic, and retention against a base model; None where there is nothing to ask.

    Of a model and its base only items that both can read count, so that the figures are paired.

    Args:
      scorer: of any kind; a classifier gives sentences no score, and is not asked.
      pack: that has the items.
      base: of the same kind.
      allow_draft: whether items that no native speaker has signed may be used.
      split: items of one split alone; None: all.
      tell: is told how far it is.
    """
    items = [item for item in pack.nuance if split in (None, item.split)]
    if not items:
        return None
    about: dict[str, Any] = {"items": len(items), "asked": 0, "unread": [], "form": None, "watermark": "", "note": ""}
    if scorer.kind not in WHOLE:
        return Known((), about | {"note": f"a {scorer.kind} gives sentences no score, so that it was not asked"})
    usable = [item for item in items if allow_draft or item.authorship.reviewed]
    if not usable:
        note = "no native speaker has signed an item; --allow-draft asks drafts, and marks every output"
        return Known((), about | {"note": note})
    found = [
        {name: AnswerScores(of[0], of[1:]) for name, of in answer_scores(one, usable, tell=tell).items()}
        for one in (scorer, base)
        if one is not None
    ]
    asked = [item for item in usable if all(item.id in scores for scores in found)]
    read = {item.id for item in asked}
    drafts = any(not item.authorship.reviewed for item in asked)
    about |= {
        "asked": len(asked),
        "families": len({family_of(item) for item in asked}),
        "unread": [item.id for item in usable if item.id not in read],
        "form": WHOLE[scorer.kind],
        "watermark": WATERMARK if drafts else "",
    }
    if not asked:
        return Known((), about | {"note": "the tokenizer reads the answers of no item"})
    return Known(tuple(_signals(asked, found, split)), about)


def _signals(
    asked: Sequence[NuanceItem], found: Sequence[dict[str, AnswerScores]], split: str | None
) -> list[SafetySignal]:
    return nuance_signals(
        asked,
        found[0],
        split=split or "all",
        step=0,
        threshold=RATE,
        base=found[1] if len(found) > 1 else None,
    )
