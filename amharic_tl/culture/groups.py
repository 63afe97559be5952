"""Groups by axis, and how text names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from amharic_tl.language.authored import Authorship, YamlFile, authorship, refuse
from amharic_tl.language.clitics import Grammar

Sense = Literal["person", "people", "region", "language", "organisation", "belief"]
Gender = Literal["masculine", "feminine"]


@dataclass(frozen=True)
class Form:
    """A way to write a group's name. The first of ``senses`` holds where no cue tells otherwise.

    ``held_out``: never exchanged in training. ``swappable`` false: recognised, never replaced. ``requires_cue``: an
    ordinary word too, so that only a cue beside it makes it a name. ``not_after``, ``not_before``: words beside which
    it is no name. ``false_friends``: other words that could be read as this name with clitics.
    """

    text: str
    senses: tuple[Sense, ...]
    plural: bool = False
    swappable: bool = True
    held_out: bool = False
    requires_cue: bool = False
    not_after: tuple[str, ...] = ()
    not_before: tuple[str, ...] = ()
    false_friends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """A cultural group.

    ``person people plural``: how a swap writes it; without ``plural`` the grammar makes it. ``in_full``: how a benign
    sentence names a person of it, where the bare name could be another word or a place. ``swaps`` false: it is
    recognised, but neither exchanged nor what another group becomes. ``self_name``: what the group calls itself, in its
    own language. ``contested``: what is disputed about its name or its standing as a group, in a sentence. ``within``:
    ids of the groups of this axis that it belongs to. ``gender``: on an axis of genders, what words agree with.
    """

    id: str
    axis: str
    english: str
    name: str
    person: str
    people: str
    plural: str | None
    in_full: str
    swaps: bool
    forms: tuple[Form, ...]
    held_out: bool
    authorship: Authorship
    self_name: str | None = None
    contested: str | None = None
    within: tuple[str, ...] = ()
    gender: Gender | None = None


@dataclass(frozen=True)
class Axis:
    """Groups that a swap may exchange for one another. ``swaps`` false: they are recognised only.

    ``asymmetric``: words that belong to some of the groups only, so that an exchange of names beside them would change
    what is true, not only who is named; ``asymmetric_authorship``: whose list that is, None without one. ``invented``:
    no people has these names, so that nothing said of the groups is said of anybody.
    """

    id: str
    title: str
    swaps: bool
    groups: tuple[Group, ...]
    asymmetric: tuple[str, ...] = ()
    asymmetric_authorship: Authorship | None = None
    invented: bool = False


def read_axis(file: YamlFile) -> Axis:
    """An axis of a pack, retired groups left out.

    Raises:
      BadInputError: groups that are out of order, or nested in one that is not there.
    """
    values = file.values
    ids = [entry["id"] for entry in values["groups"]]
    problems = []
    if ids != sorted(set(ids)):
        problems.append(f"{file.at('groups')}: groups must be ordered by id, each once; found {', '.join(ids)}")
    for number, entry in enumerate(values["groups"]):
        for outer in entry.get("within", ()):
            if outer not in ids or outer == entry["id"]:
                where = file.at("groups", number, "within")
                problems.append(f"{where}: {entry['id']} is within {outer!r}, which is no other group of this axis")
    refuse(f"{file.path} is refused", problems)
    groups = tuple(_group(values["axis"], entry) for entry in values["groups"] if not authorship(entry).retired)
    words = values.get("asymmetric")
    if words is not None and authorship(words).retired:
        words = None
    return Axis(
        id=values["axis"],
        title=values["title"],
        swaps=values["swap"] == "words",
        groups=groups,
        asymmetric=tuple(words["words"]) if words else (),
        asymmetric_authorship=authorship(words) if words else None,
        invented=values.get("invented", False),
    )


def _group(axis: str, entry: Mapping[str, Any]) -> Group:
    return Group(
        id=entry["id"],
        axis=axis,
        english=entry["english"],
        name=entry["name"],
        person=entry["written"]["person"],
        people=entry["written"]["people"],
        plural=entry["written"].get("plural"),
        in_full=entry["written"].get("in_full", entry["written"]["person"]),
        swaps=entry.get("swap", True),
        forms=tuple(_form(form, entry.get("swap", True)) for form in entry["forms"]),
        held_out=entry["split"] == "held-out",
        authorship=authorship(entry),
        self_name=entry.get("self_name"),
        contested=entry.get("contested"),
        within=tuple(entry.get("within", ())),
        gender=entry.get("gender"),
    )


def _form(entry: Mapping[str, Any], swaps: bool) -> Form:
    return Form(
        text=entry["text"],
        senses=tuple(entry["senses"]),
        plural=entry.get("number") == "plural",
        swappable=swaps and entry.get("swap", True),
        held_out=entry.get("split") == "held-out",
        requires_cue=entry.get("requires_cue", False),
        not_after=tuple(entry.get("not_after", ())),
        not_before=tuple(entry.get("not_before", ())),
        false_friends=tuple(entry.get("false_friends", ())),
    )


def shared_forms(axis: Axis, grammar: Grammar) -> list[str]:
    """Forms that name two groups, as sentences."""
    owners: dict[str, str] = {}
    problems = []
    for group in axis.groups:
        for form in group.forms:
            other = owners.setdefault(grammar.fold(form.text), group.id)
            if other != group.id:
                problems.append(f"{axis.id}: {form.text} names both {other} and {group.id}")
    return problems
