"""Words taken apart into prefixes, a stem and suffixes, and put together again, by a grammar that is data.

The grammar says which prefixes a noun takes, which suffixes in which order, and which letters readers take for the
same. It belongs to a language pack; no language is built in. A suffix that begins with a bare vowel letter joins the
last letter of a stem that ends in a consonant (Leslau 1995, Reference Grammar of Amharic, chapters 2 and 8:
``ሙስሊም`` + ``ኦች`` is ``ሙስሊሞች``); one that begins with ``ʷ`` and that letter makes it labial (``ሴት`` + ``ʷኣ`` is ``ሴቷ``).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from amharic_tl.language.script import NO_VOWEL, labialised, vowel_order, with_vowel

_VOWEL_LETTERS = "አኡኢኣኤእኦ"
_OPEN_A = 3
_LABIAL = "ʷ"
_LABIAL_APART = "ዋ"


@dataclass(frozen=True)
class Prefix:
    """A prefix; ``contracts``: before a stem in ``አ`` it may take over that vowel (``የ`` + ``አማራ`` is ``ያማራ``)."""

    text: str
    contracts: bool = False


@dataclass(frozen=True)
class Suffix:
    """A suffix of a slot, as it follows a consonant and a vowel; a leading vowel letter joins the consonant.

    ``read_also``: other spellings, read after any stem and never written; there a leading vowel letter takes the place
    of the stem's last vowel (``አማራ`` + ``ኦች`` is ``አማሮች``).
    """

    name: str
    after_consonant: str
    after_vowel: str
    read_also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slot:
    """A place in the order of suffixes, taken by at most one. ``outer``: it follows every noun, inflected or not."""

    name: str
    suffixes: tuple[Suffix, ...]
    outer: bool = False


@dataclass(frozen=True)
class Clitics:
    """What surrounds a stem in a word: a prefix's text (empty for none) and the names of its suffixes, in order."""

    prefix: str = ""
    suffixes: tuple[str, ...] = ()


class Grammar:
    """Prefixes, suffix slots and homophone letters of a language."""

    def __init__(
        self,
        prefixes: Sequence[Prefix],
        slots: Sequence[Slot],
        fold: Mapping[int, str] | None = None,
        word_spaces: str = "",
    ) -> None:
        """``fold``: letters that count as another one when words are compared (``Writing.fold``).

        ``word_spaces``: marks that stand between words as a space does, such as the Ethiopic word space.
        """
        self.between_words = re.compile(rf"[\s\-{re.escape(word_spaces)}]+")
        self.prefixes = tuple(sorted(prefixes, key=lambda prefix: -len(prefix.text)))
        self.slots = tuple(slots)
        self._suffixes = {suffix.name: suffix for slot in slots for suffix in slot.suffixes}
        self._scripts = {_script(suffix.after_vowel[-1]) for suffix in self._suffixes.values()}
        self._fold = dict(fold or {})
        self._openings = [("", "", ""), *self._prefix_readings()]
        outer = [slot for slot in slots if slot.outer]
        self._endings = [
            ("".join(suffix.after_vowel for suffix in chosen), tuple(suffix.name for suffix in chosen))
            for chosen in _choices(outer)
        ]

    def fold(self, text: str) -> str:
        """``text`` with homophone letters made one, for comparison only: same length, never to be shown."""
        return text.translate(self._fold).casefold()

    def inflections(self, stem: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Every spelling of ``stem`` with suffixes of the inner slots: ``(text, names of the suffixes)``."""
        for chosen in _choices([slot for slot in self.slots if not slot.outer]):
            names = tuple(suffix.name for suffix in chosen)
            spellings = [stem]
            for suffix in chosen:
                spellings = [text for word in spellings for text in _spellings(word, suffix)]
            for text in dict.fromkeys(spellings):
                yield text, names

    def readings(self, word: str) -> Iterator[tuple[str, Clitics]]:
        """Ways to read a folded word as prefix, middle and outer suffixes: ``(middle, clitics without inner ones)``.

        The middle is what :meth:`inflections` makes of a stem, folded, where the reading is right.
        """
        for opening, replaced_by, prefix in self._openings:
            if not word.startswith(opening):
                continue
            rest = replaced_by + word[len(opening) :]
            for ending, names in self._endings:
                if rest.endswith(ending) and len(rest) > len(ending):
                    yield rest[: len(rest) - len(ending)], Clitics(prefix, names)

    def inflects(self, stem: str) -> bool:
        """Whether a stem can take the grammar's suffixes: one that ends in another script than theirs cannot."""
        return _script(stem[-1]) in self._scripts

    def build(self, stem: str, clitics: Clitics) -> str:
        """The word of a stem with clitics; a prefix is written out in full, which is always right.

        Raises:
          KeyError: the grammar has no such suffix.
        """
        word = stem
        for name in clitics.suffixes:
            word = _join(word, self._suffixes[name])
        return clitics.prefix + word

    def _prefix_readings(self) -> Iterator[tuple[str, str, str]]:
        for prefix in self.prefixes:
            yield self.fold(prefix.text), "", prefix.text
            if prefix.contracts:
                contracted = prefix.text[:-1] + with_vowel(prefix.text[-1], _OPEN_A)
                yield self.fold(contracted), self.fold("አ"), prefix.text


def _script(letter: str) -> str:
    """The script of a letter: the first word of its Unicode name."""
    return unicodedata.name(letter, "").split(" ")[0]


def _choices(slots: Sequence[Slot]) -> Iterator[tuple[Suffix, ...]]:
    """Every choice of at most one suffix from each slot, in the order of the slots."""
    options: list[list[Suffix | None]] = [[None, *slot.suffixes] for slot in slots]
    for chosen in itertools.product(*options):
        yield tuple(suffix for suffix in chosen if suffix is not None)


def _spellings(word: str, suffix: Suffix) -> Iterator[str]:
    """What ``_join`` makes, and the other spellings of the suffix."""
    yield _join(word, suffix)
    for text in suffix.read_also:
        if text[0] != _LABIAL and text[0] not in _VOWEL_LETTERS:
            yield word + text
        elif vowel_order(word[-1]) is not None:
            with suppress(ValueError):  # a series may lack that vowel
                yield _merge(word, text)


def _join(word: str, suffix: Suffix) -> str:
    if vowel_order(word[-1]) != NO_VOWEL:
        return word + suffix.after_vowel
    return _merge(word, suffix.after_consonant)


def _merge(word: str, text: str) -> str:
    """``word`` and ``text``, whose leading vowel letter joins the last letter of the word."""
    if text[0] == _LABIAL:
        letter = labialised(word[-1])
        return (word[:-1] + letter if letter else word + _LABIAL_APART) + text[2:]
    if text[0] in _VOWEL_LETTERS:
        return word[:-1] + with_vowel(word[-1], _VOWEL_LETTERS.index(text[0])) + text[1:]
    return word + text
