"""How a language writes names: its grammar of clitics, and the words beside a name that tell its sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amharic_tl.culture.groups import Sense
from amharic_tl.errors import name_some
from amharic_tl.language.authored import YamlFile, refuse
from amharic_tl.language.clitics import Grammar, Prefix, Slot, Suffix
from amharic_tl.language.writing import Writing


@dataclass(frozen=True)
class Cues:
    """Words before and after a name, and prefixes on it, that tell its sense.

    ``collective``: those of ``following`` that stand for a whole people. ``defining``: those that make a name of a word
    which is an ordinary one too. ``between``: what may stand between a name and the noun it modifies.
    ``genitive_prefixes``: on a name that modifies a noun. ``modifier_clitics``: prefix and suffix that a name may carry
    together while it modifies the next word. ``conjunctions conjunction_suffixes conjunction_marks``: what joins names.
    """

    following: Mapping[Sense, tuple[str, ...]]
    preceding: Mapping[Sense, tuple[str, ...]]
    collective: tuple[str, ...]
    defining: tuple[str, ...]
    between: tuple[str, ...]
    place_prefixes: tuple[str, ...]
    genitive_prefixes: tuple[str, ...]
    modifier_clitics: tuple[tuple[str, str], ...]
    conjunctions: tuple[str, ...]
    conjunction_suffixes: tuple[str, ...]
    conjunction_marks: tuple[str, ...]


def read_cues(language: Mapping[str, Any]) -> Cues:
    """The cues of a language file."""

    def by_sense(values: Mapping[Sense, list[str]]) -> dict[Sense, tuple[str, ...]]:
        return {sense: tuple(words) for sense, words in values.items()}

    cues, joined = language["cues"], language.get("conjunctions", {})
    return Cues(
        by_sense(cues["following"]),
        by_sense(cues["preceding"]),
        collective=tuple(cues.get("collective", ())),
        defining=tuple(cues["defining"]),
        between=tuple(cues.get("between", ())),
        place_prefixes=tuple(language["place_prefixes"]),
        genitive_prefixes=tuple(language.get("genitive_prefixes", ())),
        modifier_clitics=tuple((pair["prefix"], pair["suffix"]) for pair in language.get("modifier_clitics", ())),
        conjunctions=tuple(joined.get("words", ())),
        conjunction_suffixes=tuple(joined.get("suffixes", ())),
        conjunction_marks=tuple(joined.get("marks", ())),
    )


def read_grammar(file: YamlFile, writing: Writing) -> Grammar:
    """The grammar of a language file; ``writing``: how the language is written.

    Raises:
      BadInputError: a suffix is named twice.
    """
    language = file.values
    slots = [
        Slot(
            slot["slot"],
            tuple(
                Suffix(name, form["after_consonant"], form["after_vowel"], tuple(form.get("read_also", ())))
                for name, form in slot["forms"].items()
            ),
            slot.get("outer", False),
        )
        for slot in language["suffixes"]
    ]
    names = [suffix.name for slot in slots for suffix in slot.suffixes]
    twice = sorted({name for name in names if names.count(name) > 1})
    refuse(f"{file.path} is refused", [f"suffixes named more than once: {name_some(twice)}"] if twice else [])
    prefixes = [Prefix(entry["text"], entry.get("contracts", False)) for entry in language["prefixes"]]
    return Grammar(prefixes, slots, writing.fold(language["folds"]["forms"]), language.get("word_spaces", ""))


def writing_of(file: YamlFile) -> str:
    """How the language of a language file is written: the name of a bundled pack, or a file beside it."""
    name = str(file.values["folds"]["writing"])
    return str(file.path.parent / name) if name.endswith(".yaml") else name
