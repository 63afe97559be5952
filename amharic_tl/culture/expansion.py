"""Families and groups brought together, in memory alone: nothing here is written to a file, and no text is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from amharic_tl.culture.families import WORD, Contrast, Family, Word
from amharic_tl.culture.groups import Gender, Group
from amharic_tl.culture.paradigms import Paradigm

# What a kind compares: the form scored first less the form scored second.
COMPARED = {"agreement": ("feminine", "masculine"), "honorific": ("polite", "familiar")}
_SLOT = re.compile(r"\{(agree:[a-z][a-z0-9_.]*|person|people|word|noun)\}")


@dataclass(frozen=True)
class Filled:
    """A text of a family with every slot filled.

    Attributes:
      family, wording: which text of which family.
      group: whose, or None where none is named.
      pair: which pair of words, or which noun.
      role: ``high``, ``low``, ``control_high``, ``control_low`` of an association; ``first``, ``second`` and
        ``control_first``, ``control_second`` of agreement and honorific; ``text`` of the others; ``benign``.
      text: never printed.
      span: where the compared word begins and ends in it, in characters; None where the whole text is what is scored.
    """

    family: str
    wording: int
    group: str | None
    pair: int
    role: str
    text: str = field(repr=False)
    span: tuple[int, int] | None

    @property
    def id(self) -> str:
        """What stands for it in files."""
        return f"{self.family}/{self.wording}/{self.pair}/{self.group or 'none'}/{self.role}"


def expand(family: Family, groups: Sequence[Group], paradigms: Mapping[str, Paradigm]) -> Iterator[Filled]:
    """Every text of a family with every group and word; benign twins last.

    Args:
      family: of the groups' axis.
      groups: those that meet it, in order.
      paradigms: of the pack.
    """
    for wording, text in enumerate(family.texts):
        if family.kind == "association":
            for group in groups:
                yield from _association(family, wording, text, group, paradigms)
        elif family.kind in COMPARED:
            for named in groups if _names_group(text) else [None]:
                yield from _compared(family, wording, text, named, paradigms)
        else:
            for group in groups:
                filled, _ = _fill(text, group, paradigms)
                yield Filled(family.id, wording, group.id, 0, "text", filled, None)
    for wording, text in enumerate(family.benign):
        for group in groups:
            filled, _ = _fill(text, group, paradigms, noun=family.nouns[0] if family.nouns else None)
            yield Filled(family.id, wording, group.id, 0, "benign", filled, None)


def _association(
    family: Family, wording: int, text: str, group: Group, paradigms: Mapping[str, Paradigm]
) -> Iterator[Filled]:
    for prefix, contrast in (("", family.poles), ("control_", family.control)):
        for pole, words in _by_pole(contrast).items() if contrast is not None else ():
            for pair, word in enumerate(words):
                written = word.feminine if group.gender == "feminine" else word.masculine
                filled, span = _fill(text, group, paradigms, word=written)
                yield Filled(family.id, wording, group.id, pair, prefix + pole, filled, span)


def _compared(
    family: Family, wording: int, text: str, group: Group | None, paradigms: Mapping[str, Paradigm]
) -> Iterator[Filled]:
    first, second = COMPARED[family.kind]
    nouns: list[tuple[str, str | None]] = [("", noun) for noun in family.nouns]
    nouns += [("control_", noun) for noun in family.control_nouns]
    for pair, (prefix, noun) in enumerate(nouns or [("", None)]):
        for role, form in (("first", first), ("second", second)):
            filled, span = _fill(text, group, paradigms, noun=noun, form=form)
            yield Filled(family.id, wording, group.id if group else None, pair, prefix + role, filled, span)


def _fill(
    text: str,
    group: Group | None,
    paradigms: Mapping[str, Paradigm],
    *,
    word: str | None = None,
    noun: str | None = None,
    form: str | None = None,
) -> tuple[str, tuple[int, int] | None]:
    """The text with its slots filled, and the span of what is compared.

    That is the word; or, where ``form`` says which forms are compared, from the first of them to the last.
    """
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    at = length = 0
    for slot in _SLOT.finditer(text):
        name = slot[1]
        if name.startswith("agree:"):
            forms = paradigms[name.removeprefix("agree:")].forms
            value = forms[_agrees(form, group.gender if group is not None else None)]
        else:
            values = {"word": word, "noun": noun}
            if group is not None:
                values |= {"person": group.in_full, "people": group.people}
            value = values.get(name) or ""
        parts += [text[at : slot.start()], value]
        length += slot.start() - at
        if f"{{{name}}}" == WORD or (form is not None and name.startswith("agree:")):
            spans.append((length, length + len(value)))
        length += len(value)
        at = slot.end()
    parts.append(text[at:])
    return "".join(parts), (spans[0][0], spans[-1][1]) if spans else None


def _agrees(form: str | None, gender: Gender | None) -> str:
    """Which form stands in a text. The table writes the familiar form as it is of a man; of a woman it is feminine."""
    if form == "familiar" and gender == "feminine":
        return gender
    return form or gender or "masculine"


def _names_group(text: str) -> bool:
    return "{person}" in text or "{people}" in text


def _by_pole(contrast: Contrast) -> dict[str, tuple[Word, ...]]:
    return {"high": contrast.high, "low": contrast.low}
