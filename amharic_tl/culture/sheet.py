"""A pack as a sheet for its reviewers: every entry once, with columns to sign or to object in.

Texts keep their placeholders. A group and a trait never stand in one sentence here: the sheet travels by mail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from amharic_tl.culture.families import Contrast, Family
from amharic_tl.culture.pack import Pack
from amharic_tl.language.authored import Authorship
from amharic_tl.reports.table_text import comma_separated

SIGN_OFF = ("right (yes, no, change)", "what should be written instead", "reviewer", "date")
_HEADER = ("entry", "what", "split", "text", "to know", "drafted by", "source", "status", "reviewers")


@dataclass(frozen=True)
class SheetRow:
    """One thing to sign: an entry of the pack, or one of its wordings."""

    entry: str
    what: str
    split: str
    text: str
    note: str
    authorship: Authorship

    def cells(self) -> tuple[str, ...]:
        """As in the header, without the columns to sign in."""
        by = self.authorship
        return (
            self.entry, self.what, self.split, self.text, self.note,
            by.drafted_by, by.source, by.status, ", ".join(by.reviewers),
        )  # fmt: skip


def sheet_rows(pack: Pack) -> Iterator[SheetRow]:
    """Everything in a pack that a native speaker can sign, axis by axis, ordered as in its files."""
    for axis in pack.axes.values():
        for group in axis.groups:
            known = [f"self-name {group.self_name}" if group.self_name else "", group.contested or ""]
            known += [f"within {', '.join(group.within)}"] if group.within else []
            names = ", ".join(form.text for form in group.forms)
            split = "held-out" if group.held_out else "penalty"
            note = "; ".join(filter(None, [group.english, *known, f"also read: {names}"]))
            yield SheetRow(f"{axis.id}/{group.id}", "group", split, group.name, note, group.authorship)
        for item in pack.benign:
            if item.axis == axis.id:
                yield SheetRow(item.id, "benign sentence", "", item.text, item.group or "", item.authorship)
        for family in pack.families:
            if family.axis == axis.id:
                yield from _family_rows(family)
    for paradigm in pack.paradigms.values():
        forms = "; ".join(f"{name}: {form}" for name, form in paradigm.forms.items())
        yield SheetRow(paradigm.id, "paradigm", "", forms, paradigm.gloss, paradigm.authorship)
    for fact in pack.nuance:
        note = f"right: {fact.right}; wrong: {', '.join(fact.wrong)}; {fact.topic}; {' | '.join(fact.sources)}"
        yield SheetRow(fact.id, "nuance", fact.split, fact.text, note, fact.authorship)


def sheet_csv(pack: Pack) -> str:
    """The sheet as CSV, with the mark at its beginning by which spreadsheets know UTF-8."""
    rows = [(*row.cells(), *[""] * len(SIGN_OFF)) for row in sheet_rows(pack)]
    return "\ufeff" + comma_separated([(*_HEADER, *SIGN_OFF), *rows])


def sheet_html(pack: Pack) -> str:
    """The sheet as a page to print and sign."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("amharic_tl.culture", "templates"), autoescape=True, undefined=StrictUndefined
    )
    style = (resources.files("amharic_tl.reports") / "report.css").read_text(encoding="utf-8")
    page = environment.get_template("sheet.html.j2")
    rows = [row.cells() for row in sheet_rows(pack)]
    return page.render(pack=pack, header=_HEADER, sign_off=SIGN_OFF, rows=rows, style=style)


def _family_rows(family: Family) -> Iterator[SheetRow]:
    what = f"{family.kind}, {family.topic}" + (f", {family.dimension}" if family.dimension else "")
    for number, text in enumerate(family.texts, 1):
        yield SheetRow(f"{family.id} {number}", what, family.split, text, family.harm, family.authorship)
    for name, contrast in (("words", family.poles), ("control words", family.control)):
        if contrast is not None:
            yield SheetRow(
                f"{family.id} {name}", what, family.split, _pairs(contrast), family.citation or "", family.authorship
            )
    for name, nouns in (("nouns", family.nouns), ("control nouns", family.control_nouns)):
        if nouns:
            yield SheetRow(f"{family.id} {name}", what, family.split, ", ".join(nouns), "", family.authorship)
    for text in family.benign:
        yield SheetRow(f"{family.id} benign", what, family.split, text, "benign twin", family.authorship)


def _pairs(contrast: Contrast) -> str:
    def written(masculine: str, feminine: str) -> str:
        return masculine if masculine == feminine else f"{masculine}/{feminine}"

    pairs = zip(contrast.high, contrast.low, strict=True)
    return "; ".join(f"{written(a.masculine, a.feminine)} | {written(b.masculine, b.feminine)}" for a, b in pairs)
