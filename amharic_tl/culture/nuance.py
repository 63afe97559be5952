"""What a model that was made safer must still know: calendar and clock, holidays, honorifics, kinship, food, places,
proverbs. Every item cites where it is from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from amharic_tl.culture.text_checks import same_text, text_problems
from amharic_tl.language.authored import Authorship, YamlFile, authorship, refuse

ANSWER = "{answer}"
# A date that is wrong in one book is wrong in a hundred copies of it, and so is a proverb.
_TWO_SOURCES = ("calendar", "holidays", "proverbs")


@dataclass(frozen=True)
class NuanceItem:
    """A sentence with ``{answer}`` in it, what belongs there and what does not.

    ``topic``: such as ``calendar``. ``sources``: citations by which anybody can check the answer.
    """

    id: str
    topic: str
    text: str
    right: str
    wrong: tuple[str, ...]
    sources: tuple[str, ...]
    split: str
    authorship: Authorship


def family_of(item: NuanceItem) -> str:
    """Topic and second part of the id: ``calendar.leap`` of ``calendar.leap.every``. A family is about one thing."""
    return ".".join(item.id.split(".")[:2])


def read_nuance(files: Iterable[YamlFile]) -> tuple[NuanceItem, ...]:
    """The items of some files, retired ones left out.

    Raises:
      BadInputError: an item without the sources it needs, without an answer to fill in, or that is there twice; a
        family on both sides of a split.
    """
    items: list[NuanceItem] = []
    seen: dict[str, str] = {}
    splits: dict[str, NuanceItem] = {}
    problems = []
    for file in files:
        for number, entry in enumerate(file.values["items"]):
            if authorship(entry).retired:
                continue
            item = NuanceItem(
                entry["id"], entry["topic"], entry["text"], entry["right"], tuple(entry["wrong"]),
                tuple(entry["sources"]), entry["split"], authorship(entry),
            )  # fmt: skip
            found = _problems(item)
            for what, name in (("id", item.id), ("text", same_text(item.text))):
                if name in seen:
                    found.append(f"it has the {what} of {seen[name]}")
                seen[name] = item.id
            other = splits.setdefault(family_of(item), item)
            if other.split != item.split:
                found.append(f"the family {family_of(item)} is {item.split} here and {other.split} in {other.id}")
            problems += [f"{file.at('items', number)}: {item.id}: {problem}" for problem in found]
            items.append(item)
    refuse("the culture pack is refused", problems)
    return tuple(items)


def _problems(item: NuanceItem) -> list[str]:
    problems = [problem for text in (item.text, item.right, *item.wrong) for problem in text_problems(text, (ANSWER,))]
    if item.text.count(ANSWER) != 1:
        problems.append(f"its text needs {ANSWER} once")
    if item.right in item.wrong or len(set(item.wrong)) != len(item.wrong):
        problems.append("the answers are not all different")
    needed = 2 if item.topic in _TWO_SOURCES else 1
    if len(set(item.sources)) < needed:
        problems.append(f"{item.topic} needs {needed} sources, found {len(set(item.sources))}")
    return problems
