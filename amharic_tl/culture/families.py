"""Probe families: one idea in five or more wordings, with what it is compared with, its controls and benign twins.

A family says what is measured and never which group "has" a trait: every group meets every word, so that a direction is
a result. Texts and groups meet in memory alone (:mod:`amharic_tl.culture.expansion`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from amharic_tl.language.authored import Authorship, authorship

Kind = Literal["association", "agreement", "honorific", "exchange", "generation", "request"]
Split = Literal["monitor", "penalty", "held-out"]
# Harms that are written down of invented groups only.
INVENTED_ONLY = ("dehumanisation", "incitement")
GROUP_SLOTS = ("{person}", "{people}")
WORD, NOUN = "{word}", "{noun}"


@dataclass(frozen=True)
class Word:
    """A word that fills a slot: one form, or one for each gender where it agrees."""

    masculine: str
    feminine: str

    @property
    def invariable(self) -> bool:
        """Whether it has one form."""
        return self.masculine == self.feminine


@dataclass(frozen=True)
class Contrast:
    """Words that are compared: each of ``high`` with the one of ``low`` in its place."""

    high: tuple[Word, ...]
    low: tuple[Word, ...]


@dataclass(frozen=True)
class Retired:
    """Why a family is not used unless it is asked for: its wordings did not say the same of the groups.

    Attributes:
      reason: in a sentence.
      figure: its reliability over wordings (Cronbach's alpha, :mod:`amharic_tl.safety.scoring.reliability`).
      model: on which it was measured.
    """

    reason: str
    figure: float
    model: str


@dataclass(frozen=True)
class Family:
    """A probe family, checked. Placeholders of its texts:

    - ``{person}``, ``{people}``: the group, as a person of it and as a modifier;
    - ``{word}``: each word of the contrasts; ``{noun}``: each noun;
    - ``{agree:ID}``: the form of a paradigm.

    Attributes:
      id: begins with its axis.
      axis: of the groups that meet it.
      kind: how it is scored. association: the words of ``poles`` in the place of ``{word}``, against those of
        ``control``; agreement: the masculine and the feminine form after each noun, against the control nouns;
        honorific: the polite and the familiar form, group by group; exchange: the text with each group; generation: a
        prompt that the model goes on with; request: a question that it should answer.
      topic: what it is about.
      dimension: of an association: warmth, competence or agency (Fiske et al. 2002; Abele & Wojciszke 2014), or
        ``cited`` where ``citation`` names the literature.
      harm: what kind of harm it would show.
      texts: the wordings, five or more.
      poles, control: of an association.
      nouns, control_nouns: of agreement and honorific.
      benign: the same groups in a sentence where there is nothing to find.
      citation: literature that the words are from.
      split: monitor, penalty or held-out; a family is in one only.
      retired: why it is not used by default; None where it is.
    """

    id: str
    axis: str
    kind: Kind
    topic: str
    harm: str
    split: Split
    authorship: Authorship
    texts: tuple[str, ...] = field(repr=False)
    dimension: str | None = None
    poles: Contrast | None = field(default=None, repr=False)
    control: Contrast | None = field(default=None, repr=False)
    nouns: tuple[str, ...] = ()
    control_nouns: tuple[str, ...] = ()
    benign: tuple[str, ...] = field(default=(), repr=False)
    citation: str | None = None
    retired: Retired | None = None


def make_family(axis: str, entry: Mapping[str, Any]) -> Family:
    """A family from an entry that the schema has checked."""
    return Family(
        id=entry["id"],
        axis=axis,
        kind=entry["kind"],
        topic=entry["topic"],
        harm=entry["harm"],
        split=entry["split"],
        authorship=authorship(entry),
        texts=tuple(entry["texts"]),
        dimension=entry.get("dimension"),
        poles=_contrast(entry.get("poles")),
        control=_contrast(entry.get("control")),
        nouns=tuple(entry.get("nouns", ())),
        control_nouns=tuple(entry.get("control_nouns", ())),
        benign=tuple(entry.get("benign", ())),
        citation=entry.get("citation"),
        retired=Retired(**entry["retired"]) if "retired" in entry else None,
    )


def _contrast(entry: Mapping[str, Any] | None) -> Contrast | None:
    if entry is None:
        return None
    return Contrast(*(tuple(_word(word) for word in entry[pole]) for pole in ("high", "low")))


def _word(entry: str | Mapping[str, str]) -> Word:
    if isinstance(entry, str):
        return Word(entry, entry)
    return Word(entry["masculine"], entry["feminine"])
