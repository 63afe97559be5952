"""A culture pack: groups by axis, how text names them, benign sentences, probe families, nuance, and who wrote and
reviewed each of them.

A pack is a folder of YAML files; ``pack.schema.json`` says what they may hold. Another language or culture is another
folder. Nothing in a pack tells a person's group: it knows names of groups, not of people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amharic_tl.culture.answers import AnswerRules, read_answers
from amharic_tl.culture.benign import BenignItem, item_problems, read_benign
from amharic_tl.culture.families import Family
from amharic_tl.culture.family_checks import read_families
from amharic_tl.culture.groups import Axis, read_axis, shared_forms
from amharic_tl.culture.nuance import NuanceItem, read_nuance
from amharic_tl.culture.pack_language import Cues, read_cues, read_grammar, writing_of
from amharic_tl.culture.paradigms import Paradigm, read_paradigms
from amharic_tl.culture.refused_traits import RefusedTraits, read_refused_traits
from amharic_tl.errors import BadInputError, MissingInputError, name_some
from amharic_tl.language.authored import Authorship, YamlFile, authorship, read_yaml, refuse
from amharic_tl.language.clitics import Grammar
from amharic_tl.language.writing import open_writing, writing_file

_PACKS = Path(__file__).parent / "packs"
SCHEMA = Path(__file__).parent / "pack.schema.json"


@dataclass(frozen=True)
class Pack:
    """A culture pack, checked.

    ``canary``: a line that no text holds by chance; a corpus that holds it has swallowed the pack.
    """

    id: str
    title: str
    grammar: Grammar
    cues: Cues
    placebo_names: tuple[str, ...]
    canary: str
    axes: Mapping[str, Axis]
    benign: tuple[BenignItem, ...]
    authorship: Authorship
    language_authorship: Authorship
    fingerprint: str
    paradigms: Mapping[str, Paradigm] = field(default_factory=dict)
    families: tuple[Family, ...] = ()
    nuance: tuple[NuanceItem, ...] = ()
    answers: AnswerRules | None = None

    def axis(self, name: str) -> Axis:
        """An axis by id.

        Raises:
          BadInputError: the pack has no such axis.
        """
        if name not in self.axes:
            raise BadInputError(f"the pack {self.id!r} has no axis {name!r}; it has {', '.join(sorted(self.axes))}")
        return self.axes[name]

    @property
    def invented(self) -> bool:
        """Whether none of its groups is a real one, so that there is nothing for a native speaker to sign."""
        return all(axis.invented for axis in self.axes.values())

    def unreviewed(self, axes: Sequence[str]) -> dict[str, int]:
        """What no native speaker has signed, by kind of entry: of some axes, and what all axes share."""
        lists = [self.axis(axis).asymmetric_authorship for axis in axes]
        return {
            "groups": sum(not group.authorship.reviewed for axis in axes for group in self.axis(axis).groups),
            "benign_items": sum(not item.authorship.reviewed for item in self.benign if item.axis in axes),
            "families": sum(not family.authorship.reviewed for family in self.families if family.axis in axes),
            "paradigms": sum(not paradigm.authorship.reviewed for paradigm in self.paradigms.values()),
            "nuance_items": sum(not item.authorship.reviewed for item in self.nuance),
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
      BadInputError: a file is not what it must be, named by file and line.
    """
    folder = Path(name) if Path(name).is_dir() else _PACKS / name
    if not (folder / "pack.yaml").is_file():
        raise MissingInputError(
            f"there is no culture pack {name!r}: expected a folder with pack.yaml, or one of "
            + name_some(bundled_packs())
        )
    head = _read(folder / "pack.yaml", "pack")
    files = head.values["files"]
    language = _read(folder / files["language"], "language")
    axis_files = [_read(folder / file, "axis") for file in files["axes"]]
    read = [read_axis(file) for file in axis_files]
    axes = {axis.id: axis for axis in read}
    writing = writing_of(language)
    grammar = read_grammar(language, open_writing(writing))
    paradigms = read_paradigms(_read(folder / files["paradigms"], "paradigms")) if "paradigms" in files else {}
    pack = Pack(
        id=head.values["id"],
        title=head.values["title"],
        canary=head.values["canary"],
        grammar=grammar,
        cues=read_cues(language.values),
        placebo_names=tuple(language.values["placebo_names"]),
        axes=axes,
        benign=read_benign(_read(folder / files["benign"], "benign"), axis_files),
        authorship=authorship(head.values),
        language_authorship=_weakest(authorship(language.values), open_writing(writing).authorship),
        fingerprint=_fingerprint([*(folder / file for file in _named(files)), writing_file(writing)]),
        paradigms=paradigms,
        families=read_families(
            [_read(folder / file, "families") for file in files.get("families", ())],
            axes,
            paradigms,
            _refused_traits(folder, files, grammar),
        ),
        nuance=read_nuance([_read(folder / file, "nuance") for file in files.get("nuance", ())]),
        answers=read_answers(_read(folder / files["answers"], "answers"), grammar) if "answers" in files else None,
    )
    _check(head, read, pack)
    return pack


def _refused_traits(folder: Path, files: Mapping[str, Any], grammar: Grammar) -> RefusedTraits:
    if "refused_traits" in files:
        return read_refused_traits(_read(folder / files["refused_traits"], "refused_traits"), grammar)
    return RefusedTraits({}, (), grammar, Authorship("person", "none", (), "draft"))


def _read(path: Path, kind: str) -> YamlFile:
    return read_yaml(path, SCHEMA, kind, "the culture pack")


def _weakest(*authorships: Authorship) -> Authorship:
    """The first that no native speaker has signed, or the first."""
    return next((one for one in authorships if not one.reviewed), authorships[0])


def _fingerprint(files: Sequence[Path]) -> str:
    """sha256 over the files of a pack: other names, items, grammar or ways of writing give another one."""
    sums = (hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    return hashlib.sha256("".join(sums).encode()).hexdigest()


def _named(files: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("language", "axes", "benign", "paradigms", "refused_traits", "answers", "families", "nuance"):
        named = files.get(kind, ())
        yield from [named] if isinstance(named, str) else named


def _check(head: YamlFile, axes: Sequence[Axis], pack: Pack) -> None:
    """What one file cannot say: that they fit together."""
    problems = []
    problems += ["the pack is retired"] * pack.authorship.retired
    problems += ["its language is retired"] * pack.language_authorship.retired
    if len(pack.axes) != len(axes):
        problems.append("two files describe the same axis")
    if pack.families and any(not axis.invented for axis in axes) and "refused_traits" not in head.values["files"]:
        problems.append(f"{head.at('files')}: families about real groups need a file of refused_traits")
    ids = [item.id for item in pack.benign]
    benign = head.values["files"]["benign"]
    problems += [f"{benign}: {name!r} is there twice" for name in sorted({i for i in ids if ids.count(i) > 1})]
    for axis in axes:
        problems += shared_forms(axis, pack.grammar)
    for item in pack.benign:
        problems += item_problems(item, pack.axes)
    refuse(f"the culture pack {head.path.parent} is refused", problems)
