"""Mentions of groups in text: which group, in which sense, with which clitics, and where.

A word is read as prefix, name and suffixes by the pack's grammar, after homophone letters are made one; it is never
searched for inside other words, so that ወንድሜ (my brother) is no mention of ወንድ (man). The sense comes from the words
beside it: ትግራይ is a place, የትግራይ ህዝብ a people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from amharic_tl.culture.groups import Form, Group, Sense
from amharic_tl.culture.pack import Pack
from amharic_tl.culture.words import Phrases, Token, parts, tokens
from amharic_tl.language.clitics import Clitics

HUMAN: tuple[Sense, ...] = ("person", "people")


@dataclass(frozen=True)
class Mention:
    """A group named in a text.

    ``start end`` are character positions of the whole word or words, clitics included. ``modifier`` is true where the
    name of a people modifies a noun (የትግራይ ህዝብ, የአማራ ታሪክ): there a swap writes the people, elsewhere a person.
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


class _Cue(NamedTuple):
    sense: Sense
    collective: bool = False


class _Reading(NamedTuple):
    first: int
    last: int
    mention: Mention
    exact: bool  # spelt as the pack spells it, not only with homophone letters
    cue: _Cue | None
    after: _Cue | None  # the cue, where it stands after the name

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
        self._cues = pack.cues
        self._names: dict[str, list[_Entry]] = {}
        for axis in sorted(pack.axes) if axes is None else axes:
            for group in pack.axis(axis).groups:
                for form in group.forms:
                    self._add(group, form)
        self._following = self._index(pack.cues.following)
        self._preceding = self._index(pack.cues.preceding, prefixed=True)
        self._defining = Phrases(self._grammar, dict.fromkeys(pack.cues.defining, True))
        self._between = Phrases(self._grammar, dict.fromkeys(pack.cues.between, True))
        self._conjunctions = {self._grammar.fold(word) for word in pack.cues.conjunctions}

    def find(self, text: str) -> list[Mention]:
        """The mentions in ``text``, in order. Where readings overlap the longest name wins, then the exact spelling."""
        words = list(tokens(text, self._grammar))
        readings = [reading for index in range(len(words)) for reading in self._at(words, index)]
        readings.sort(key=lambda reading: reading.rank)
        taken: set[tuple[str, int]] = set()
        kept: dict[str, list[_Reading]] = {}
        for reading in readings:
            axis = reading.mention.axis
            places = {(axis, place) for place in range(reading.first, reading.last + 1)}
            if not places & taken:
                taken |= places
                kept.setdefault(axis, []).append(reading)
        found = [mention for of_axis in kept.values() for mention in self._coordinated(text, words, of_axis)]
        return sorted(found, key=lambda mention: (mention.start, mention.axis))

    def _add(self, group: Group, form: Form) -> None:
        *before, last = parts(form.text)
        words_before = tuple(self._grammar.fold(word) for word in before)
        for written, inner in self._grammar.inflections(last):
            entry = _Entry(group, form, written, inner, words_before)
            self._names.setdefault(self._grammar.fold(written), []).append(entry)

    def _index(self, cues: Mapping[Sense, Sequence[str]], *, prefixed: bool = False) -> Phrases[_Cue]:
        collective = set(self._cues.collective)
        values = {word: _Cue(sense, word in collective) for sense, words in cues.items() for word in words}
        return Phrases(self._grammar, values, prefixed=prefixed)

    def _at(self, words: Sequence[Token], index: int) -> Iterator[_Reading]:
        """Readings of ``words[index]`` as the last word of a name."""
        for middle, outer in self._grammar.readings(words[index].folded):
            for entry in self._names.get(middle, ()):
                if not entry.words_before:
                    first, prefix = index, outer.prefix
                elif outer.prefix:
                    continue
                else:
                    start = self._words_before(words, index, entry.words_before)
                    if start is None:
                        continue
                    first, prefix = start
                reading = self._reading(words, first, index, entry, Clitics(prefix, outer.suffixes))
                if reading is not None:
                    yield reading

    def _words_before(self, words: Sequence[Token], index: int, names: tuple[str, ...]) -> tuple[int, str] | None:
        """Where a name of several words begins and the prefix on its first word, None if they do not precede."""
        first = index - len(names)
        if first < 0 or not all(token.joined for token in words[first + 1 : index + 1]):
            return None
        if [token.folded for token in words[first + 1 : index]] != list(names[1:]):
            return None
        for middle, outer in self._grammar.readings(words[first].folded):
            if middle == names[0] and not outer.suffixes:
                return first, outer.prefix
        return None

    def _reading(self, words: Sequence[Token], first: int, last: int, entry: _Entry, outer: Clitics) -> _Reading | None:
        before = words[first - 1].folded if first > 0 and words[first].joined else ""
        cue_before = self._preceding.at(words, first - 1) if before else None
        next_word = words[last + 1].folded if last + 1 < len(words) and words[last + 1].joined else ""
        if (
            self._is_one_of(before, entry.form.not_after)
            or self._is_one_of(next_word, entry.form.not_before)
            or self._is_one_of(words[last].folded, entry.form.false_friends)
        ):
            return None
        # A name before the noun it modifies has no suffix of its own, with the pack's exceptions.
        alone = not outer.suffixes or (outer.prefix, *outer.suffixes) in self._cues.modifier_clitics
        followed = not entry.inner and alone and last + 1 < len(words) and words[last + 1].joined
        if entry.form.requires_cue and not (followed and self._defining.at(words, last + 1)):
            return None
        after = self._cue_after(words, last + 1) if followed else None
        cue = cue_before[0] if cue_before else after
        clitics = Clitics(outer.prefix, entry.inner + outer.suffixes)
        sense = self._sense(entry, clitics, cue, before)
        genitive = followed and outer.prefix in self._cues.genitive_prefixes
        mention = Mention(
            axis=entry.group.axis,
            group=entry.group.id,
            sense=sense,
            start=words[first].start,
            end=words[last].end,
            form=entry.form,
            clitics=clitics,
            modifier=sense == "people" and (genitive or (cue is not None and cue.collective)),
        )
        return _Reading(first, last, mention, entry.written in words[last].text, cue, after)

    def _is_one_of(self, word: str, others: Sequence[str]) -> bool:
        """Whether ``word`` is one of these, clitics aside."""
        folded = {self._grammar.fold(other) for other in others}
        return bool(folded) and any(middle in folded for middle, _ in self._grammar.readings(word))

    def _cue_after(self, words: Sequence[Token], index: int) -> _Cue | None:
        """The cue at ``index``, or after the words that may stand between a name and the noun it modifies."""
        while index < len(words) and words[index].joined:
            found = self._following.at(words, index)
            if found is not None:
                return found[0]
            skipped = self._between.at(words, index)
            if skipped is None:
                return None
            index += skipped[1]
        return None

    def _sense(self, entry: _Entry, clitics: Clitics, cue: _Cue | None, before: str) -> Sense:
        senses = entry.form.senses
        human = [sense for sense in senses if sense in HUMAN]
        if not human:
            return senses[0]
        if cue is not None:
            return cue.sense
        if entry.inner:  # places and languages take no plural, owner or abstract suffix
            return human[0]
        # ወደ አማራ is written as one word or as two.
        if "region" in senses and (clitics.prefix or before) in self._cues.place_prefixes:
            return "region"
        return senses[0]

    def _coordinated(self, text: str, words: Sequence[Token], readings: Sequence[_Reading]) -> list[Mention]:
        """The mentions of one axis; names that are joined share the cue after the last and the prefix of the first."""
        ordered = sorted(readings, key=lambda reading: reading.first)
        joined = [self._joins(text, words, left, right) for left, right in zip(ordered, ordered[1:], strict=False)]
        for place in reversed(range(len(joined))):
            left, right = ordered[place], ordered[place + 1]
            if joined[place] and left.cue is None and right.after is not None and self._has_human(left):
                sense = right.after.sense
                modifier = sense == "people" and right.mention.modifier
                mention = replace(left.mention, sense=sense, modifier=modifier)
                ordered[place] = left._replace(mention=mention, cue=right.after, after=right.after)
        for place, together in enumerate(joined):
            left, right = ordered[place], ordered[place + 1]
            shared = together and right.cue is None and left.cue is None and not right.mention.clitics.prefix
            if shared and left.mention.sense == "region" and "region" in right.mention.form.senses:
                ordered[place + 1] = right._replace(mention=replace(right.mention, sense="region"))
        return [reading.mention for reading in ordered]

    def _has_human(self, reading: _Reading) -> bool:
        return any(sense in HUMAN for sense in reading.mention.form.senses)

    def _joins(self, text: str, words: Sequence[Token], left: _Reading, right: _Reading) -> bool:
        """Whether two neighbouring names are conjuncts: አማራና አፋር, የአማራ እና የአፋር, አማራ፣ አፋር."""
        suffixes = left.mention.clitics.suffixes
        if right.mention.clitics.prefix not in ("", left.mention.clitics.prefix):
            return False
        if not set(suffixes) <= set(self._cues.conjunction_suffixes):
            return False
        between = [token.folded for token in words[left.last + 1 : right.first]]
        if between:
            return not suffixes and len(between) == 1 and between[0] in self._conjunctions
        mark = text[left.mention.end : right.mention.start].strip()
        return mark in self._cues.conjunction_marks if mark else bool(suffixes)
