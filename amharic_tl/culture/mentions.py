"""Mentions of groups in text: which group, in which sense, with which clitics, and where.

A word is read as prefix, name and suffixes by the pack's grammar, after homophone letters are made one; it is never
searched for inside other words, so that ወንድም (brother) is no mention of ወንድ (man). The sense comes from the words
beside it: ትግራይ is a place, የትግራይ ህዝብ a people.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from amharic_tl.culture.pack import Form, Group, Pack, Sense
from amharic_tl.language.clitics import Clitics

_WORD = re.compile(r"[^\W\d_]+")
_BETWEEN_WORDS = re.compile(r"[\s\-፡]+")
HUMAN: tuple[Sense, ...] = ("person", "people")


@dataclass(frozen=True)
class Mention:
    """A group named in a text.

    ``start end`` are character positions of the whole word or words, clitics included. ``modifier`` is true where a
    word for people follows (የትግራይ ህዝብ): there a swap writes the group as a modifier.
    """

    axis: str
    group: str
    sense: Sense
    start: int
    end: int
    form: Form
    clitics: Clitics
    modifier: bool = False

    @property
    def human(self) -> bool:
        """Whether persons or a people are meant, not a place, a language, an organisation or a belief."""
        return self.sense in HUMAN


class _Entry(NamedTuple):
    group: Group
    form: Form
    written: str
    inner: tuple[str, ...]
    words_before: tuple[str, ...]


class _Token(NamedTuple):
    start: int
    end: int
    text: str
    folded: str
    joined: bool  # nothing but space between it and the token before


class _Reading(NamedTuple):
    first: int
    last: int
    mention: Mention
    exact: bool  # spelt as the pack spells it, not only with homophone letters

    @property
    def rank(self) -> tuple[int, int, bool, str]:
        """Better readings first."""
        return self.first - self.last, -len(self.mention.form.text), not self.exact, self.mention.clitics.prefix


class Matcher:
    """Finds the mentions of a pack's groups. Build it once; it holds an index of every inflected name."""

    def __init__(self, pack: Pack, axes: Sequence[str] | None = None) -> None:
        """``axes``: those to look for, all by default.

        Raises:
          BadInputError: the pack has no such axis.
        """
        self._grammar = pack.grammar
        self._place_prefixes = set(pack.cues.place_prefixes)
        self._modifier_clitics = set(pack.cues.modifier_clitics)
        self._names: dict[str, list[_Entry]] = {}
        for axis in sorted(pack.axes) if axes is None else axes:
            for group in pack.axis(axis).groups:
                for form in group.forms:
                    self._add(group, form)
        self._following = self._cue_index(pack.cues.following)
        self._preceding = self._cue_index(pack.cues.preceding)
        self._defining = self._inflected(pack.cues.defining)

    def find(self, text: str) -> list[Mention]:
        """The mentions in ``text``, in order. Where readings overlap the longest name wins, then the exact spelling."""
        tokens = list(self._tokens(text))
        readings = [reading for index in range(len(tokens)) for reading in self._at(tokens, index)]
        readings.sort(key=lambda reading: reading.rank)
        taken: set[tuple[str, int]] = set()
        kept = []
        for reading in readings:
            places = {(reading.mention.axis, place) for place in range(reading.first, reading.last + 1)}
            if not places & taken:
                taken |= places
                kept.append(reading.mention)
        return sorted(kept, key=lambda mention: (mention.start, mention.axis))

    def _add(self, group: Group, form: Form) -> None:
        *before, last = re.split(r"[\s\-]+", form.text)
        words_before = tuple(self._grammar.fold(word) for word in before)
        for written, inner in self._grammar.inflections(last):
            entry = _Entry(group, form, written, inner, words_before)
            self._names.setdefault(self._grammar.fold(written), []).append(entry)

    def _cue_index(self, cues: Mapping[Sense, Sequence[str]]) -> dict[str, Sense]:
        return {word: sense for sense, words in cues.items() for word in self._inflected(words)}

    def _inflected(self, words: Sequence[str]) -> set[str]:
        return {self._grammar.fold(text) for word in words for text, _ in self._grammar.inflections(word)}

    def _tokens(self, text: str) -> Iterator[_Token]:
        end = 0
        for match in _WORD.finditer(text):
            between = text[end : match.start()]
            joined = end > 0 and _BETWEEN_WORDS.fullmatch(between) is not None
            yield _Token(match.start(), match.end(), match.group(), self._grammar.fold(match.group()), joined)
            end = match.end()

    def _at(self, tokens: Sequence[_Token], index: int) -> Iterator[_Reading]:
        """Readings of ``tokens[index]`` as the last word of a name."""
        for middle, outer in self._grammar.readings(tokens[index].folded):
            for entry in self._names.get(middle, ()):
                if not entry.words_before:
                    first, prefix = index, outer.prefix
                elif outer.prefix:
                    continue
                else:
                    start = self._words_before(tokens, index, entry.words_before)
                    if start is None:
                        continue
                    first, prefix = start
                mention = self._mention(tokens, first, index, entry, prefix, outer.suffixes)
                if mention is not None:
                    yield _Reading(first, index, mention, entry.written in tokens[index].text)

    def _words_before(self, tokens: Sequence[_Token], index: int, words: tuple[str, ...]) -> tuple[int, str] | None:
        """Where a name of several words begins and the prefix on its first word, None if they do not precede."""
        first = index - len(words)
        if first < 0 or not all(token.joined for token in tokens[first + 1 : index + 1]):
            return None
        if [token.folded for token in tokens[first + 1 : index]] != list(words[1:]):
            return None
        for middle, outer in self._grammar.readings(tokens[first].folded):
            if middle == words[0] and not outer.suffixes:
                return first, outer.prefix
        return None

    def _mention(
        self, tokens: Sequence[_Token], first: int, last: int, entry: _Entry, prefix: str, outer: tuple[str, ...]
    ) -> Mention | None:
        before = tokens[first - 1].folded if first > 0 and tokens[first].joined else ""
        if before in {self._grammar.fold(word) for word in entry.form.not_after}:
            return None
        if self._is_one_of(tokens[last].folded, entry.form.false_friends):
            return None
        # A name before the noun it modifies has no suffix of its own, with the pack's exceptions.
        modifies = not entry.inner and (not outer or (prefix, *outer) in self._modifier_clitics)
        after = ""
        if modifies and last + 1 < len(tokens) and tokens[last + 1].joined:
            after = self._stem_of(tokens[last + 1].folded)
        if entry.form.requires_cue and after not in self._defining:
            return None
        cue = self._cue_before(before) or self._following.get(after)
        clitics = Clitics(prefix, entry.inner + outer)
        return Mention(
            axis=entry.group.axis,
            group=entry.group.id,
            sense=self._sense(entry, clitics, cue),
            start=tokens[first].start,
            end=tokens[last].end,
            form=entry.form,
            clitics=clitics,
            modifier=cue == "people",
        )

    def _is_one_of(self, word: str, others: Sequence[str]) -> bool:
        """Whether ``word`` is one of these, clitics aside."""
        folded = {self._grammar.fold(other) for other in others}
        return bool(folded) and any(middle in folded for middle, _ in self._grammar.readings(word))

    def _cue_before(self, word: str) -> Sense | None:
        """The sense that the word before a name gives it, by itself or under a prefix."""
        stems = (middle for middle, outer in self._grammar.readings(word) if not outer.suffixes)
        return next((self._preceding[stem] for stem in stems if stem in self._preceding), None)

    def _stem_of(self, word: str) -> str:
        """The cue in ``word`` without its outer suffixes, empty if there is none."""
        for middle, outer in self._grammar.readings(word):
            if not outer.prefix and (middle in self._following or middle in self._defining):
                return middle
        return ""

    def _sense(self, entry: _Entry, clitics: Clitics, cue: Sense | None) -> Sense:
        senses = entry.form.senses
        human = [sense for sense in senses if sense in HUMAN]
        if not human:
            return senses[0]
        if cue is not None:
            return cue
        if entry.inner:  # places and languages take no plural, owner or abstract suffix
            return human[0]
        if "region" in senses and clitics.prefix in self._place_prefixes:
            return "region"
        return senses[0]
