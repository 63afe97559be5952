"""How a language is written in more than one way: its forms, abbreviations and marks, read from a pack of data.

A pack is one YAML file (``packs/am.yaml``); ``writing.schema.json`` says what it may hold. Another language is another
file. Every form declares what it makes one; nothing else is ever merged.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amharic_tl.errors import BadInputError, MissingInputError, name_some
from amharic_tl.language.authored import Authorship, authorship, read_yaml
from amharic_tl.language.forms import Abbreviation, Form, build_forms, fold_of

_PACKS = Path(__file__).parent / "packs"
_SCHEMA = Path(__file__).parent / "writing.schema.json"


@dataclass(frozen=True)
class Writing:
    """The ways of writing of one language.

    Attributes:
      forms: by name, in the order in which they are applied.
      prefixes: what may stand before an abbreviation.
      ends: each ends a sentence.
      ends_before_space: each does where a closing quote or bracket, white space or nothing follows.
      after_quotation: words that go on with a sentence after a quotation.
    """

    id: str
    language: str
    forms: Mapping[str, Form]
    abbreviations: tuple[Abbreviation, ...]
    prefixes: tuple[str, ...]
    ends: tuple[str, ...]
    ends_before_space: tuple[str, ...]
    after_quotation: frozenset[str]
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
        return fold_of([form.letters for form in forms])


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
    values = read_yaml(path, _SCHEMA, "writing", "the writing of a language").values
    abbreviations = tuple(
        Abbreviation(short["write"], tuple(short["also"]), short["full"])
        for short in values["abbreviations"]["entries"]
    )
    prefixes = tuple(values["abbreviations"]["prefixes"])
    return Writing(
        id=values["id"],
        language=values["language"],
        forms=build_forms(path, values["forms"], abbreviations, prefixes),
        abbreviations=abbreviations,
        prefixes=prefixes,
        ends=tuple(values["sentences"]["ends"]),
        ends_before_space=tuple(values["sentences"]["ends_before_space"]),
        after_quotation=frozenset(values["sentences"]["after_quotation"]),
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
