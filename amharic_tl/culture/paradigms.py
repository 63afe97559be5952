"""Agreement: the checked table of what a word becomes with a man, a woman, and in the polite form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from amharic_tl.language.authored import Authorship, YamlFile, authorship, refuse


@dataclass(frozen=True)
class Paradigm:
    """The forms of one word, such as "came": ``masculine``, ``feminine``, ``polite`` and whichever others it has.

    A form that a language does not tell apart from another is written twice, or left out.
    """

    id: str
    gloss: str
    forms: Mapping[str, str]
    authorship: Authorship


def read_paradigms(file: YamlFile) -> dict[str, Paradigm]:
    """The paradigms of a file by id, retired ones left out.

    Raises:
      BadInputError: an id is there twice.
    """
    found: dict[str, Paradigm] = {}
    problems = []
    for number, entry in enumerate(file.values["paradigms"]):
        if entry["id"] in found:
            problems.append(f"{file.at('paradigms', number)}: {entry['id']} is there twice")
        if not authorship(entry).retired:
            found[entry["id"]] = Paradigm(entry["id"], entry["gloss"], dict(entry["forms"]), authorship(entry))
    refuse(f"{file.path} is refused", problems)
    return found
