"""What the schema cannot say of probe families: balance, agreement, splits, and what is never said of real groups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from amharic_tl.culture.families import GROUP_SLOTS, INVENTED_ONLY, NOUN, WORD, Contrast, Family, make_family
from amharic_tl.culture.groups import Axis
from amharic_tl.culture.paradigms import Paradigm
from amharic_tl.culture.refused_traits import RefusedTraits
from amharic_tl.culture.text_checks import same_text, text_problems
from amharic_tl.culture.words import Phrases, tokens
from amharic_tl.language.authored import YamlFile, authorship, refuse
from amharic_tl.language.clitics import Grammar

_AGREE = re.compile(r"\{agree:([a-z][a-z0-9_.]*)\}")
# Forms that the scoring of a kind compares.
_COMPARED = {"agreement": ("masculine", "feminine"), "honorific": ("familiar", "polite")}


def read_families(
    files: Sequence[YamlFile],
    axes: Mapping[str, Axis],
    paradigms: Mapping[str, Paradigm],
    refused: RefusedTraits,
) -> tuple[Family, ...]:
    """The families of some files, retired ones left out.

    Raises:
      BadInputError: a family that is not balanced, does not agree, is on two sides of a split, or says what is never
        said of real groups; named by file and line.
    """
    families: list[Family] = []
    problems: list[str] = []
    owners: dict[str, tuple[str, str]] = {}
    for file in files:
        axis = axes.get(file.values["axis"])
        if axis is None:
            problems.append(
                f"{file.at('axis')}: the pack has no axis {file.values['axis']!r}; it has {', '.join(axes)}"
            )
            continue
        asymmetric = Phrases(refused.grammar, dict.fromkeys(axis.asymmetric, True), prefixed=True)
        for number, entry in enumerate(file.values["families"]):
            if authorship(entry).retired:
                continue
            family = make_family(axis.id, entry)
            found = [*_family_problems(family, axis, paradigms, refused), *_twice(family, owners)]
            if axis.asymmetric:
                found += _asymmetric_problems(family, asymmetric, refused.grammar)
            problems += [f"{file.at('families', number)}: {family.id}: {problem}" for problem in found]
            families.append(family)
    refuse("the culture pack is refused", problems)
    return tuple(families)


def agreements(text: str) -> list[str]:
    """Ids of the paradigms that a text names."""
    return _AGREE.findall(text)


def _family_problems(
    family: Family, axis: Axis, paradigms: Mapping[str, Paradigm], refused: RefusedTraits
) -> list[str]:
    problems = []
    if not family.id.startswith(f"{axis.id}."):
        problems.append(f"its id must begin with {axis.id}.")
    if family.harm in INVENTED_ONLY and not axis.invented:
        problems.append(f"harm {family.harm} is written of invented groups only, and {axis.id} has real ones")
    problems += [*_placeholder_problems(family, axis, paradigms), *_balance_problems(family)]
    problems += _agreement_problems(family, axis, paradigms)
    if not axis.invented:
        said = [*family.texts, *_words(family.poles), *_words(family.control)]
        problems += [f"never said of real groups ({kind}): {word}" for kind, word in refused.found(said)]
    return problems


def _placeholder_problems(family: Family, axis: Axis, paradigms: Mapping[str, Paradigm]) -> list[str]:
    gendered = any(group.gender for group in axis.groups)
    agree = [f"{{agree:{name}}}" for name in paradigms]
    group = list(GROUP_SLOTS)
    by_kind: dict[str, tuple[list[str], list[str]]] = {
        # kind: one of these is needed, and each of those
        "association": (agree if gendered else group, [WORD]),
        "agreement": (agree, [NOUN]),
        "honorific": (agree, [NOUN] if family.nouns else []),
    }
    one_of, each = by_kind.get(family.kind, (agree if gendered else group, []))
    allowed = [*group, *agree, *each, *([NOUN] if family.nouns else [])]
    problems = []
    for number, text in enumerate(family.texts, 1):
        unknown = [name for name in agreements(text) if name not in paradigms]
        problems += [f"text {number}: there is no paradigm {name!r}" for name in unknown]
        if not unknown:
            problems += [f"text {number}: {problem}" for problem in text_problems(text, allowed)]
        if not any(mark in text for mark in one_of):
            problems.append(f"text {number}: it needs one of {', '.join(one_of[:5])}")
        problems += [f"text {number}: it needs {mark} once" for mark in each if text.count(mark) != 1]
    for text in family.benign:
        problems += [f"benign: {problem}" for problem in text_problems(text, [*group, *agree, NOUN])]
        if not any(mark in text for mark in [*one_of, *group, NOUN]):
            problems.append("benign: a twin must name a group too")
    for word in [*_words(family.poles), *_words(family.control), *family.nouns, *family.control_nouns]:
        problems += [f"{word}: {problem}" for problem in text_problems(word)]
    return problems


def _balance_problems(family: Family) -> list[str]:
    problems = []
    for name, contrast in (("poles", family.poles), ("control", family.control)):
        if contrast is None:
            continue
        if len(contrast.high) != len(contrast.low):
            problems.append(f"{name} are unbalanced: {len(contrast.high)} high, {len(contrast.low)} low")
        words = [word.masculine for word in (*contrast.high, *contrast.low)]
        if len(set(words)) != len(words):
            problems.append(f"{name}: a word is there twice")
    if family.poles is not None and family.control is not None:
        shared = set(_words(family.poles)) & set(_words(family.control))
        problems += [f"{word} is both measured and control" for word in sorted(shared)]
    if set(family.nouns) & set(family.control_nouns):
        problems.append("a noun is both measured and control")
    if family.dimension == "cited" and not family.citation:
        problems.append("dimension cited needs a citation")
    return problems


def _agreement_problems(family: Family, axis: Axis, paradigms: Mapping[str, Paradigm]) -> list[str]:
    problems = []
    pairs = {(p.forms["masculine"], p.forms["feminine"]) for p in paradigms.values() if _has(p, "agreement")}
    for contrast in (family.poles, family.control):
        for word in (*contrast.high, *contrast.low) if contrast is not None else ():
            if not word.invariable and (word.masculine, word.feminine) not in pairs:
                problems.append(f"{word.masculine} / {word.feminine} is no pair of the table of paradigms")
    for name in {name for text in family.texts for name in agreements(text)} & set(paradigms):
        kinds = [family.kind] if family.kind in _COMPARED else []
        if not kinds or any(group.gender for group in axis.groups):
            kinds.append("agreement")
        for kind in kinds:
            if not _has(paradigms[name], kind):
                problems.append(f"the paradigm {name} lacks one of {', '.join(_COMPARED[kind])}")
    return sorted(problems)


def _asymmetric_problems(family: Family, asymmetric: Phrases[bool], grammar: Grammar) -> Iterable[str]:
    """Words that belong to some groups of the axis only: with the others the sentence would not be true."""
    for text in (*family.texts, *family.benign, *_words(family.poles), *_words(family.control)):
        words = list(tokens(text, grammar))
        for index, word in enumerate(words):
            if asymmetric.at(words, index):
                yield f"a word that belongs to some groups of {family.axis} only: {word.text}"


def _has(paradigm: Paradigm, kind: str) -> bool:
    return all(form in paradigm.forms for form in _COMPARED[kind])


def _twice(family: Family, owners: dict[str, tuple[str, str]]) -> Iterable[str]:
    """Ids and texts that another family has too, in this split or in another."""
    for what, name in (("id", family.id), *(("text", same_text(text)) for text in family.texts)):
        other, split = owners.setdefault(f"{what} {name}", (family.id, family.split))
        if (other, split) != (family.id, family.split) or (what == "id" and f"seen {name}" in owners):
            yield f"it has the {what} of {other}, which is in {split}" + (
                f": on both sides of a split ({family.split})" if split != family.split else ""
            )
        if what == "id":
            owners[f"seen {name}"] = (family.id, family.split)


def _words(contrast: Contrast | None) -> list[str]:
    if contrast is None:
        return []
    return [form for word in (*contrast.high, *contrast.low) for form in dict.fromkeys((word.masculine, word.feminine))]
