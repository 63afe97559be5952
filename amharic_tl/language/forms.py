"""Forms: the ways in which texts of a language differ that can be made one, each built from its entry in a pack."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError, name_some
from amharic_tl.language.edits import Edit
from amharic_tl.language.numerals import SIGNS, read_numeral
from amharic_tl.language.script import ETHIOPIC_LETTERS, LINKS_AND_MENTIONS

_LETTER = f"[{ETHIOPIC_LETTERS}]"
Replacement = Callable[[re.Match[str]], str | None]


@dataclass(frozen=True)
class Form:
    """A way in which texts differ that is made one.

    Attributes:
      name: what callers and reports call it.
      title: what it does, in words.
      pattern: what it may replace (group ``hit``), and longer texts that it leaves whole.
      replacement: what a hit becomes; None to leave it.
      letters: of a form of single letters, what each becomes.
    """

    name: str
    title: str
    pattern: re.Pattern[str]
    replacement: Callable[[re.Match[str]], str | None]
    letters: Mapping[str, str]

    def edits(self, text: str) -> Iterator[Edit]:
        """What this form changes in a text, in order. Links and user mentions are never touched."""
        for match in self.pattern.finditer(text):
            if match.lastgroup != "hit":
                continue
            new = self.replacement(match)
            if new is not None and new != match.group():
                yield Edit(match.start(), match.end(), new, self.name)


@dataclass(frozen=True)
class Abbreviation:
    """An abbreviation: how it is written here, how else, and in full."""

    write: str
    also: tuple[str, ...]
    full: str


def build_forms(
    path: Path, entries: Sequence[Mapping[str, Any]], abbreviations: Sequence[Abbreviation], prefixes: Sequence[str]
) -> dict[str, Form]:
    """The forms of a pack by name, in its order.

    Raises:
      BadInputError: a name or a letter is there twice, or one spelling belongs to two abbreviations.
    """
    names = [entry["name"] for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInputError(f"{path} is refused: forms named more than once: {name_some(twice)}")
    letters = {entry["name"]: _letters(path, entry) for entry in entries if entry["kind"] == "letters"}
    folded = fold_of(list(letters.values()))
    forms = {}
    for entry in entries:
        table = letters.get(entry["name"], {})
        match entry["kind"]:
            case "letters":
                pattern, replacement = _single_letters(table)
            case "numerals":
                pattern, replacement = rf"(?<!\d)[{SIGNS}]+(?!\d)", _digits
            case "abbreviations":
                pattern, replacement = _abbreviations(path, abbreviations, prefixes, folded)
            case "marks":
                pattern, replacement = _marks(entry)
            case _:
                pattern, replacement = _sequences(entry)
        kept = [LINKS_AND_MENTIONS.pattern, *(re.escape(word) for word in entry.get("keep", ()))]
        compiled = re.compile(f"(?P<kept>{'|'.join(kept)})|(?P<hit>{pattern})")
        forms[entry["name"]] = Form(entry["name"], entry["title"], compiled, replacement, table)
    return forms


def fold_of(tables: Sequence[Mapping[str, str]]) -> dict[int, str]:
    """For ``str.translate``: what letters become by some tables, one after another."""
    folded: dict[int, str] = {}
    for table in tables:
        folded = {code: table.get(letter, letter) for code, letter in folded.items()}
        folded |= {ord(letter): to for letter, to in table.items() if ord(letter) not in folded}
    return folded


def _letters(path: Path, entry: Mapping[str, Any]) -> dict[str, str]:
    together = "".join(entry["letters"])
    if len(set(together)) != len(together):
        twice = sorted({letter for letter in together if together.count(letter) > 1})
        raise BadInputError(f"{path} is refused: {entry['name']} has a letter twice: {name_some(twice)}")
    return {letter: same[0] for same in entry["letters"] for letter in same[1:]}


def any_of(texts: Sequence[str] | Mapping[str, str]) -> str:
    """A pattern of texts, the longest first."""
    if not texts:
        return "(?!)"
    if all(len(text) == 1 for text in texts):
        return f"[{re.escape(''.join(texts))}]"
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))


def _single_letters(table: Mapping[str, str]) -> tuple[str, Replacement]:
    return any_of(table), lambda match: table[match.group()]


def _digits(match: re.Match[str]) -> str | None:
    number = read_numeral(match.group())
    return None if number is None else str(number)


def _marks(entry: Mapping[str, Any]) -> tuple[str, Replacement]:
    """Marks that stand for another one, but for runs of more than one of them: nobody knows what those mean."""
    table = {text: mark["write"] for mark in entry["marks"] for text in mark["for"]}
    signs = any_of(sorted({sign for text in table for sign in text}))

    def replacement(match: re.Match[str]) -> str | None:
        return table[match.group()] if follows_something(match.string, *match.span()) else None

    return f"(?<!{signs})(?:{any_of(table)})(?!{signs})", replacement


def follows_something(text: str, start: int, end: int) -> bool:
    """Whether the mark at ``text[start:end]`` follows something.

    One of ASCII signs must also be no part of code or of an address, where a letter or digit comes right behind it.
    """
    if not text[start:end].isascii():
        return True
    before, after = text[:start].rstrip(" ")[-1:], text[end : end + 1]
    if not before or before.isspace():
        return False
    return not before.isascii() or not (after.isascii() and (after.isalnum() or after in "/_"))


def _sequences(entry: Mapping[str, Any]) -> tuple[str, Replacement]:
    """Letters in a row that stand for others: everywhere, inside a word, before other letters or endings."""
    table: dict[str, str] = {}
    patterns = []
    for rule in entry["rules"]:
        table |= rule["texts"]
        follows = [re.escape(text) for text in rule.get("before", ())]
        follows += [f"{re.escape(text)}(?!{_LETTER})" for text in rule.get("before_end", ())]
        behind = f"(?<={_LETTER})" if rule.get("inside") else ""
        ahead = f"(?={'|'.join(follows)})" if follows else ""
        patterns.append(f"{behind}(?:{any_of(rule['texts'])}){ahead}")
    return "|".join(patterns), lambda match: table[match.group()]


def _abbreviations(
    path: Path, entries: Sequence[Abbreviation], prefixes: Sequence[str], folded: Mapping[int, str]
) -> tuple[str, Replacement]:
    """Abbreviations in every spelling, letters that are read alike included, with a prefix or none."""
    table: dict[str, str] = {}
    for entry in entries:
        for text in (entry.write, *entry.also) if entry.also else ():
            if table.setdefault(text.translate(folded), entry.write) != entry.write:
                raise BadInputError(f"{path} is refused: {text} is a spelling of two abbreviations")
    classes: dict[str, str] = {}
    for code, letter in folded.items():
        classes[letter] = classes.get(letter, letter) + chr(code)
    texts = sorted(table, key=len, reverse=True)
    spelt = ["".join(f"[{classes[sign]}]" if sign in classes else re.escape(sign) for sign in text) for text in texts]
    edge = f"[{ETHIOPIC_LETTERS}./]"

    def replacement(match: re.Match[str]) -> str:
        text = match.group().translate(folded)
        known = next(known for known in texts if text.endswith(known))
        return match.group()[: -len(known)] + table[known]

    before = f"(?:{any_of(prefixes)})?" if prefixes else ""
    return f"(?<!{edge}){before}(?:{'|'.join(spelt) or '(?!)'})(?!{edge})", replacement
