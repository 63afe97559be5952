"""Counterfactual texts: the same sentence with its groups exchanged for others, clitics kept.

Only persons and peoples are exchanged. A text that names several groups is permuted as a whole; one that also names a
place, language, organisation or belief of the axis is refused, because its truth would change, and so is a form that
cannot be inflected. A swapped text is made in memory for a forward pass; it must never be written anywhere.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from amharic_tl.culture.groups import Group
from amharic_tl.culture.mentions import Matcher, Mention
from amharic_tl.culture.pack import Pack
from amharic_tl.culture.words import Phrases, tokens
from amharic_tl.language.clitics import Clitics, Grammar

PLURAL = "plural"
# Draws for a text that names several groups, before it counts as one that cannot be exchanged.
_DRAWS = 100
Reason = Literal[
    "other_sense",
    "form_not_swapped",
    "asymmetric",
    "cannot_inflect",
    "not_read_back",
    "outside_the_swap_set",
    "no_other_group",
]


# First character and the one after the last.
Span = tuple[int, int]


@dataclass(frozen=True)
class Written:
    """How a name is written in a swap: of a person, of a people before its noun, and its plural if irregular."""

    person: str
    people: str
    plural: str | None = None


@dataclass(frozen=True)
class Swap:
    """A counterfactual text and which group became which. The text lives in memory only.

    ``spans``: of each name that was exchanged, in order, where it stood and where the other stands now, in characters;
    outside of them both texts are the same.
    """

    text: str = field(repr=False)
    exchanged: Mapping[str, str]
    spans: tuple[tuple[Span, Span], ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why a text has no counterfactual.

    ``other_sense``: a place, a language, an organisation or a belief is named too. ``form_not_swapped``: a form or
    group that the pack only recognises. ``asymmetric``: a word that belongs to some of the groups only.
    ``cannot_inflect``, ``not_read_back``: no target takes the clitics, or would be understood as persons or a people
    in this place. ``outside_the_swap_set``, ``no_other_group``: the groups or forms that are exchanged do not allow it.
    """

    reason: Reason


class CannotInflectError(ValueError):
    """A name that cannot take the clitics it would need."""


def written(group: Group) -> Written:
    """How swaps write a group of a pack."""
    return Written(group.person, group.people, group.plural)


def replace_mentions(text: str, mentions: Iterable[Mention], names: Mapping[str, Written], grammar: Grammar) -> str:
    """``text`` with each mention of a group in ``names`` written as that name, clitics kept.

    Raises:
      CannotInflectError: a name cannot take the clitics of the mention.
    """
    return _replaced(text, mentions, names, grammar)[0]


def _replaced(
    text: str, mentions: Iterable[Mention], names: Mapping[str, Written], grammar: Grammar
) -> tuple[str, tuple[tuple[Span, Span], ...]]:
    """As :func:`replace_mentions`, and where each name stood and stands."""
    made, end, spans = "", 0, []
    for mention in sorted(mentions, key=lambda one: one.start):
        if mention.group in names:
            made += text[end : mention.start]
            start, end = len(made), mention.end
            made += _inflected(names[mention.group], mention, grammar)
            spans.append(((mention.start, mention.end), (start, len(made))))
    return made + text[end:], tuple(spans)


def _inflected(name: Written, mention: Mention, grammar: Grammar) -> str:
    suffixes = mention.clitics.suffixes
    plural = mention.form.plural or PLURAL in suffixes
    if mention.modifier:
        stem = name.people
    elif plural and name.plural:
        stem, suffixes = name.plural, tuple(suffix for suffix in suffixes if suffix != PLURAL)
    else:
        stem = name.person
        if plural and PLURAL not in suffixes:
            suffixes = (PLURAL, *suffixes)
    if suffixes and not grammar.inflects(stem):
        raise CannotInflectError(f"{stem!r} takes no suffixes")
    try:
        return grammar.build(stem, Clitics(mention.clitics.prefix, suffixes))
    except (KeyError, ValueError) as error:
        raise CannotInflectError(str(error)) from None


class Swapper:
    """Makes the counterfactuals of one axis.

    Args:
      pack: the culture pack.
      axis: its axis; it must be one that swaps words.
      sources: ids of the groups that are exchanged; a text that names another one is refused.
      targets: ids of the groups they become.
      held_out_forms: whether forms that the pack holds out of training are exchanged too.
      matcher: of this axis at least; by default one is made.
    """

    def __init__(
        self,
        pack: Pack,
        axis: str,
        sources: Iterable[str],
        targets: Iterable[str],
        *,
        held_out_forms: bool,
        matcher: Matcher | None = None,
    ) -> None:
        groups = {group.id: group for group in pack.axis(axis).groups if group.swaps}
        self.axis = axis
        self._grammar = pack.grammar
        self._matcher = matcher or Matcher(pack, [axis])
        self._asymmetric = Phrases(self._grammar, dict.fromkeys(pack.axis(axis).asymmetric, True), prefixed=True)
        self._sources = set(sources) & groups.keys() if pack.axis(axis).swaps else set()
        self._targets = sorted(set(targets) & groups.keys())
        self._written = {name: written(groups[name]) for name in self._targets}
        self._held_out_forms = held_out_forms

    def swap(self, text: str, mentions: Sequence[Mention], key: str) -> Swap | Refusal | None:
        """The counterfactual of ``text``, chosen by ``key`` alone; None where it names nobody of the axis.

        Every group of the text becomes another one, no two the same, and the matcher reads each of them as persons or a
        people where it was put; targets for which that does not hold give way to others.
        """
        mine = [mention for mention in mentions if mention.axis == self.axis]
        if not any(mention.human for mention in mine):
            return None
        refusal = self._refusal(text, mine)
        if refusal is not None:
            return Refusal(refusal)
        reason: Reason = "no_other_group"
        for exchanged in self._exchanges(sorted({mention.group for mention in mine}), random.Random(key)):
            names = {group: self._written[target] for group, target in exchanged.items()}
            try:
                swapped, spans = _replaced(text, mine, names, self._grammar)
            except CannotInflectError:
                reason = "cannot_inflect" if reason == "no_other_group" else reason
                continue
            if self._reads(swapped, [exchanged[mention.group] for mention in mine]):
                return Swap(swapped, exchanged, spans)
            reason = "not_read_back"
        return Refusal(reason)

    def _reads(self, text: str, groups: Sequence[str]) -> bool:
        """Whether the matcher finds these groups in ``text``, in order, as persons or peoples, and no other."""
        found = [mention for mention in self._matcher.find(text) if mention.axis == self.axis]
        return [mention.group for mention in found] == list(groups) and all(mention.human for mention in found)

    def _refusal(self, text: str, mentions: Sequence[Mention]) -> Reason | None:
        if any(not mention.human for mention in mentions):
            return "other_sense"
        if any(not mention.form.swappable for mention in mentions):
            return "form_not_swapped"
        if any(mention.group not in self._sources for mention in mentions):
            return "outside_the_swap_set"
        if not self._held_out_forms and any(mention.form.held_out for mention in mentions):
            return "outside_the_swap_set"
        words = list(tokens(text, self._grammar))
        if any(self._asymmetric.at(words, index) for index in range(len(words))):
            return "asymmetric"
        return None

    def _exchanges(self, present: Sequence[str], generator: random.Random) -> Iterator[dict[str, str]]:
        """One-to-one maps without fixed points, in a random order, each once; all of them where one group is named."""
        if len(self._targets) < len(present):
            return
        if len(present) == 1:
            for target in generator.sample(self._targets, len(self._targets)):
                if target != present[0]:
                    yield {present[0]: target}
            return
        seen = set()
        for _ in range(_DRAWS):
            drawn = tuple(generator.sample(self._targets, len(present)))
            if drawn not in seen and all(group != target for group, target in zip(present, drawn, strict=True)):
                seen.add(drawn)
                yield dict(zip(present, drawn, strict=True))


@dataclass
class SwapCounts:
    """How many texts that name a group could be swapped, and why others could not, by group."""

    swapped: Counter[str] = field(default_factory=Counter)
    refused: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, mentions: Iterable[Mention], result: Swap | Refusal) -> None:
        """Counts a text once for every group of persons or peoples that it names."""
        for group in {mention.group for mention in mentions if mention.human}:
            if isinstance(result, Swap):
                self.swapped[group] += 1
            else:
                self.refused.setdefault(group, Counter())[result.reason] += 1

    def table(self) -> dict[str, dict[str, object]]:
        """By group, in order of id: ``texts swapped refused_share`` and ``reasons``."""
        result: dict[str, dict[str, object]] = {}
        for group in sorted(self.swapped.keys() | self.refused.keys()):
            reasons = self.refused.get(group, Counter())
            texts = self.swapped[group] + reasons.total()
            result[group] = {
                "texts": texts,
                "swapped": self.swapped[group],
                "refused_share": reasons.total() / texts,
                "reasons": dict(sorted(reasons.items())),
            }
        return result
