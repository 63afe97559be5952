"""How a language is written in more than one way: its forms, abbreviations and marks, read from a pack of data.

A pack is one YAML file (``packs/am.yaml``); ``writing.schema.json`` says what it may hold. Another language is another
file. Every form declares what it makes one; nothing else is ever merged.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError, MissingInputError, name_some
from amharic_tl.language.authored import Authorship, authorship, read_checked
from amharic_tl.language.edits import Edit
from amharic_tl.language.numerals import SIGNS, read_numeral
from amharic_tl.language.script import ETHIOPIC_LETTERS, LINKS_AND_MENTIONS

_PACKS = Path(__file__).parent / "packs"
_SCHEMA = Path(__file__).parent / "writing.schema.json"
_LETTER = f"[{ETHIOPIC_LETTERS}]"


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


@dataclass(frozen=True)
class Writing:
    """The ways of writing of one language.

    Attributes:
      forms: by name, in the order in which they are applied.
      prefixes: what may stand before an abbreviation.
      ends: each ends a sentence.
      ends_before_space: each does where white space or nothing follows.
    """

    id: str
    language: str
    forms: Mapping[str, Form]
    abbreviations: tuple[Abbreviation, ...]
    prefixes: tuple[str, ...]
    ends: tuple[str, ...]
    ends_before_space: tuple[str, ...]
    authorship: Authorship

    def choose(self, names: Sequence[str]) -> tuple[Form, ...]:
        """Forms by name, each once, in the order of the pack.

        Raises:
          BadInputError: the pack has no form of such a name.
        """
        unknown = [name for name in names if name not in self.forms]
        if unknown:
            raise BadInputError(
                f"there is no form {name_some(unknown)} of written {self.language}; the forms are "
                + ", ".join(self.forms)
            )
        return tuple(form for name, form in self.forms.items() if name in names)

    def fold(self, names: Sequence[str]) -> dict[int, str]:
        """For ``str.translate``: what single letters become by some forms of letters, one after another.

        Raises:
          BadInputError: the pack has no form of such a name, or it is not one of single letters.
        """
        forms = self.choose(names)
        if wrong := [form.name for form in forms if not form.letters]:
            raise BadInputError(f"not forms of single letters: {name_some(wrong)}")
        return _folded([form.letters for form in forms])


def bundled_writings() -> list[str]:
    """Names of the languages whose ways of writing come with the package."""
    return sorted(path.stem for path in _PACKS.glob("*.yaml"))


@functools.cache
def open_writing(name: str = "am") -> Writing:
    """Opens a bundled pack by name, or any by its path.

    Raises:
      MissingInputError: there is no such pack.
      BadInputError: it is not what the schema asks for, or contradicts itself.
    """
    path = writing_file(name)
    values = read_checked(path, _SCHEMA, "writing", "the writing of a language")
    forms = values["forms"]
    names = [form["name"] for form in forms]
    if twice := sorted({form for form in names if names.count(form) > 1}):
        raise BadInputError(f"{path} is refused: forms named more than once: {name_some(twice)}")
    letters = {form["name"]: _letters(path, form) for form in forms if form["kind"] == "letters"}
    folded = _folded(list(letters.values()))
    abbreviations = tuple(
        Abbreviation(entry["write"], tuple(entry["also"]), entry["full"])
        for entry in values["abbreviations"]["entries"]
    )
    prefixes = tuple(values["abbreviations"]["prefixes"])
    built = {
        "numerals": lambda form: (rf"(?<!\d)[{SIGNS}]+(?!\d)", _digits),
        "abbreviations": lambda form: _abbreviations(path, abbreviations, prefixes, folded),
        "marks": lambda form: _marks(form),
        "letters": lambda form: (_any_of(letters[form["name"]]), lambda match: letters[form["name"]][match.group()]),
        "sequences": lambda form: _sequences(form),
    }
    return Writing(
        id=values["id"],
        language=values["language"],
        forms={form["name"]: _form(form, *built[form["kind"]](form), letters) for form in forms},
        abbreviations=abbreviations,
        prefixes=prefixes,
        ends=tuple(values["sentences"]["ends"]),
        ends_before_space=tuple(values["sentences"]["ends_before_space"]),
        authorship=authorship(values),
    )


def writing_file(name: str) -> Path:
    """The file of a bundled pack, or of one that is named by its path.

    Raises:
      MissingInputError: there is none.
    """
    path = Path(name) if name.endswith(".yaml") else _PACKS / f"{name}.yaml"
    if not path.is_file():
        raise MissingInputError(
            f"there is no description of the writing of {name!r}: expected one of "
            f"{', '.join(bundled_writings())}, or the path of a .yaml file"
        )
    return path


def _form(entry: Mapping[str, Any], pattern: str, replacement: Any, letters: Mapping[str, Mapping[str, str]]) -> Form:
    kept = [LINKS_AND_MENTIONS.pattern, *(re.escape(word) for word in entry.get("keep", ()))]
    compiled = re.compile(f"(?P<kept>{'|'.join(kept)})|(?P<hit>{pattern})")
    return Form(entry["name"], entry["title"], compiled, replacement, letters.get(entry["name"], {}))


def _letters(path: Path, entry: Mapping[str, Any]) -> dict[str, str]:
    together = "".join(entry["letters"])
    if len(set(together)) != len(together):
        twice = sorted({letter for letter in together if together.count(letter) > 1})
        raise BadInputError(f"{path} is refused: {entry['name']} has a letter twice: {name_some(twice)}")
    return {letter: same[0] for same in entry["letters"] for letter in same[1:]}


def _folded(tables: Sequence[Mapping[str, str]]) -> dict[int, str]:
    folded: dict[int, str] = {}
    for table in tables:
        folded = {code: table.get(letter, letter) for code, letter in folded.items()}
        folded |= {ord(letter): to for letter, to in table.items() if ord(letter) not in folded}
    return folded


def _any_of(texts: Sequence[str] | Mapping[str, str]) -> str:
    """A pattern of texts, the longest first."""
    if not texts:
        return "(?!)"
    if all(len(text) == 1 for text in texts):
        return f"[{re.escape(''.join(texts))}]"
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))


def _digits(match: re.Match[str]) -> str | None:
    number = read_numeral(match.group())
    return None if number is None else str(number)


def _marks(entry: Mapping[str, Any]) -> tuple[str, Callable[[re.Match[str]], str | None]]:
    """Marks that stand for another one, but for runs of more than one of them: nobody knows what those mean."""
    table = {text: mark["write"] for mark in entry["marks"] for text in mark["for"]}
    signs = _any_of(sorted({sign for text in table for sign in text}))

    def replacement(match: re.Match[str]) -> str | None:
        return table[match.group()] if _ends_something(match) else None

    return f"(?<!{signs})(?:{_any_of(table)})(?!{signs})", replacement


def _ends_something(match: re.Match[str]) -> bool:
    """Whether a mark follows something, and is not one of ASCII signs within code, an address or a time."""
    before = match.string[: match.start()].rstrip(" ")[-1:]
    after = match.string[match.end() : match.end() + 1]
    if not match.group().isascii():
        return True
    if not before or before.isspace():
        return False
    return not before.isascii() or not (after.isascii() and (after.isalnum() or after in "/_"))


def _sequences(entry: Mapping[str, Any]) -> tuple[str, Callable[[re.Match[str]], str | None]]:
    table: dict[str, str] = {}
    patterns = []
    for rule in entry["rules"]:
        table |= rule["texts"]
        follows = [re.escape(text) for text in rule.get("before", ())]
        follows += [f"{re.escape(text)}(?!{_LETTER})" for text in rule.get("before_end", ())]
        patterns.append(f"(?:{_any_of(rule['texts'])})" + (f"(?={'|'.join(follows)})" if follows else ""))
    return "|".join(patterns), lambda match: table[match.group()]


def _abbreviations(
    path: Path, entries: Sequence[Abbreviation], prefixes: Sequence[str], folded: Mapping[int, str]
) -> tuple[str, Callable[[re.Match[str]], str | None]]:
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

    before = f"(?:{_any_of(prefixes)})?" if prefixes else ""
    return f"(?<!{edge}){before}(?:{'|'.join(spelt) or '(?!)'})(?!{edge})", replacement
