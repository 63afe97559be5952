"""A culture pack: groups by axis, how text names them, benign sentences, and who wrote and reviewed each of them.

A pack is a folder of YAML files; ``pack.schema.json`` says what they may hold. Another language or culture is another
folder. Nothing in a pack tells a person's group: it knows names of groups, not of people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from amharic_tl.errors import BadInputError, MissingInputError, name_some
from amharic_tl.language.authored import Authorship, authorship, read_checked
from amharic_tl.language.clitics import Grammar, Prefix, Slot, Suffix
from amharic_tl.language.writing import open_writing, writing_file

Sense = Literal["person", "people", "region", "language", "organisation", "belief"]

_PACKS = Path(__file__).parent / "packs"
_SCHEMA = Path(__file__).parent / "pack.schema.json"
_PLACEHOLDERS = ("{person}", "{people}")


@dataclass(frozen=True)
class Form:
    """A way to write a group's name. The first of ``senses`` holds where no cue tells otherwise.

    ``held_out``: never exchanged in training. ``swappable`` false: recognised, never replaced. ``requires_cue``: an
    ordinary word too, so that only a cue beside it makes it a name. ``not_after``: words before which it is no name.
    ``false_friends``: other words that could be read as this name with clitics.
    """

    text: str
    senses: tuple[Sense, ...]
    plural: bool = False
    swappable: bool = True
    held_out: bool = False
    requires_cue: bool = False
    not_after: tuple[str, ...] = ()
    false_friends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """A cultural group.

    ``person people plural``: how a swap writes it; without ``plural`` the grammar makes it. ``in_full``: how a benign
    sentence names a person of it, where the bare name could be another word or a place. ``swaps`` false: it is
    recognised, but neither exchanged nor what another group becomes.
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


@dataclass(frozen=True)
class Axis:
    """Groups that a swap may exchange for one another. ``swaps`` false: they are recognised only.

    ``asymmetric``: words that belong to some of the groups only, so that an exchange of names beside them would change
    what is true, not only who is named; ``asymmetric_authorship``: whose list that is, None without one.
    """

    id: str
    title: str
    swaps: bool
    groups: tuple[Group, ...]
    asymmetric: tuple[str, ...] = ()
    asymmetric_authorship: Authorship | None = None


@dataclass(frozen=True)
class BenignItem:
    """A harmless sentence that names a group: ``{person}`` or ``{people}`` to fill, or whole for one ``group``."""

    id: str
    axis: str
    group: str | None
    text: str
    authorship: Authorship


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


@dataclass(frozen=True)
class Pack:
    """A culture pack, checked."""

    id: str
    title: str
    grammar: Grammar
    cues: Cues
    placebo_names: tuple[str, ...]
    axes: Mapping[str, Axis]
    benign: tuple[BenignItem, ...]
    authorship: Authorship
    language_authorship: Authorship
    fingerprint: str

    def axis(self, name: str) -> Axis:
        """An axis by id.

        Raises:
          BadInputError: the pack has no such axis.
        """
        if name not in self.axes:
            raise BadInputError(f"the pack {self.id!r} has no axis {name!r}; it has {', '.join(sorted(self.axes))}")
        return self.axes[name]

    def unreviewed(self, axes: Sequence[str]) -> dict[str, int]:
        """How many groups, benign items and word lists of some axes no native speaker has signed, and the grammar."""
        lists = [self.axis(axis).asymmetric_authorship for axis in axes]
        return {
            "groups": sum(not group.authorship.reviewed for axis in axes for group in self.axis(axis).groups),
            "benign_items": sum(not item.authorship.reviewed for item in self.benign if item.axis in axes),
            "word_lists": sum(not authorship.reviewed for authorship in lists if authorship is not None),
            "language": int(not self.language_authorship.reviewed),
        }


def bundled_packs() -> list[str]:
    """Names of the packs that come with the package."""
    return sorted(folder.name for folder in _PACKS.iterdir() if (folder / "pack.yaml").exists())


def open_pack(name: str) -> Pack:
    """Opens a bundled pack by name, or any by its folder.

    Raises:
      MissingInputError: there is no such pack, or it lacks a file that it names.
      BadInputError: a file is not what the schema asks for, named by file and key.
    """
    folder = Path(name) if Path(name).is_dir() else _PACKS / name
    if not (folder / "pack.yaml").is_file():
        raise MissingInputError(
            f"there is no culture pack {name!r}: expected a folder with pack.yaml, or one of "
            + name_some(bundled_packs())
        )
    head = _read(folder / "pack.yaml", "pack")
    language = _read(folder / head["files"]["language"], "language")
    writing = _writing(folder / head["files"]["language"], language)
    axes_read = [(folder / file, _read(folder / file, "axis")) for file in head["files"]["axes"]]
    axes = [_axis(path, values) for path, values in axes_read]
    pack = Pack(
        id=head["id"],
        title=head["title"],
        grammar=_grammar(
            folder / head["files"]["language"], language, open_writing(writing).fold(language["folds"]["forms"])
        ),
        cues=_cues(language),
        placebo_names=tuple(language["placebo_names"]),
        axes={axis.id: axis for axis in axes},
        benign=_benign(folder / head["files"]["benign"], axes_read),
        authorship=authorship(head),
        language_authorship=_weakest(authorship(language), open_writing(writing).authorship),
        fingerprint=_fingerprint(folder, head, writing_file(writing)),
    )
    _check(folder, head, axes, pack)
    return pack


def _fingerprint(folder: Path, head: Mapping[str, Any], writing: Path) -> str:
    """sha256 over the files of a pack: other names, items, grammar or ways of writing give another one."""
    files = [head["files"]["language"], *head["files"]["axes"], head["files"]["benign"]]
    sums = (hashlib.sha256(file.read_bytes()).hexdigest() for file in (*(folder / name for name in files), writing))
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def _read(path: Path, kind: str) -> dict[str, Any]:
    return read_checked(path, _SCHEMA, kind, "the culture pack")


def _writing(path: Path, language: Mapping[str, Any]) -> str:
    """The pack of the written language: a bundled one, or a file beside the one that names it."""
    name = language["folds"]["writing"]
    return str(path.parent / name) if name.endswith(".yaml") else str(name)


def _weakest(*authorships: Authorship) -> Authorship:
    """The first that no native speaker has signed, or the first."""
    return next((one for one in authorships if not one.reviewed), authorships[0])


def _retired(entry: Mapping[str, Any]) -> bool:
    """Whether an entry is kept for the record only: it is read as if it were not there."""
    return bool(entry["status"] == "retired")


def _axis(path: Path, values: Mapping[str, Any]) -> Axis:
    ids = [entry["id"] for entry in values["groups"]]
    if ids != sorted(set(ids)):
        raise BadInputError(f"{path} is refused: groups must be ordered by id, each once; found {', '.join(ids)}")
    groups = tuple(_group(values["axis"], entry) for entry in values["groups"] if not _retired(entry))
    words = values.get("asymmetric")
    if words is None or _retired(words):
        return Axis(values["axis"], values["title"], values["swap"] == "words", groups)
    return Axis(
        values["axis"], values["title"], values["swap"] == "words", groups, tuple(words["words"]), authorship(words)
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
        false_friends=tuple(entry.get("false_friends", ())),
    )


def _benign(path: Path, axes: Iterable[tuple[Path, Mapping[str, Any]]]) -> tuple[BenignItem, ...]:
    """The sentences in use: neither retired nor about a retired group."""
    gone = {(values["axis"], entry["id"]) for _, values in axes for entry in values["groups"] if _retired(entry)}
    entries = [entry for entry in _read(path, "benign")["items"] if not _retired(entry)]
    return tuple(_item(entry) for entry in entries if (entry["axis"], entry.get("group")) not in gone)


def _item(entry: Mapping[str, Any]) -> BenignItem:
    return BenignItem(entry["id"], entry["axis"], entry.get("group"), entry["text"], authorship(entry))


def _cues(language: Mapping[str, Any]) -> Cues:
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


def _grammar(path: Path, language: Mapping[str, Any], fold: Mapping[int, str]) -> Grammar:
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
    if twice:
        raise BadInputError(f"{path} is refused: suffixes named more than once: {name_some(twice)}")
    prefixes = [Prefix(entry["text"], entry.get("contracts", False)) for entry in language["prefixes"]]
    return Grammar(prefixes, slots, fold)


def _check(folder: Path, head: Mapping[str, Any], axes: list[Axis], pack: Pack) -> None:
    """What the schema cannot say: that the files fit together."""
    problems = []
    problems += ["the pack is retired"] * (pack.authorship.status == "retired")
    problems += ["its language is retired"] * (pack.language_authorship.status == "retired")
    if len(pack.axes) != len(axes):
        problems.append("two files describe the same axis")
    ids = [item.id for item in pack.benign]
    problems += [
        f"{head['files']['benign']}: {name!r} is there twice" for name in sorted({i for i in ids if ids.count(i) > 1})
    ]
    for axis in axes:
        problems += _shared_forms(axis, pack.grammar)
    for item in pack.benign:
        problems += _item_problems(item, pack)
    if problems:
        raise BadInputError(f"the culture pack {folder} is refused:\n  " + "\n  ".join(problems[:10]))


def _shared_forms(axis: Axis, grammar: Grammar) -> list[str]:
    owners: dict[str, str] = {}
    problems = []
    for group in axis.groups:
        for form in group.forms:
            other = owners.setdefault(grammar.fold(form.text), group.id)
            if other != group.id:
                problems.append(f"{axis.id}: {form.text} names both {other} and {group.id}")
    return problems


def _item_problems(item: BenignItem, pack: Pack) -> list[str]:
    if item.axis not in pack.axes:
        return [f"benign item {item.id}: the pack has no axis {item.axis!r}"]
    known = {group.id for group in pack.axes[item.axis].groups}
    if item.group is not None and item.group not in known:
        return [f"benign item {item.id}: the axis {item.axis} has no group {item.group!r}"]
    if (item.group is None) != any(mark in item.text for mark in _PLACEHOLDERS):
        return [f"benign item {item.id}: give either a group or one of {', '.join(_PLACEHOLDERS)} in its text"]
    return []
