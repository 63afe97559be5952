"""``amharic-tl probe``: what a culture pack holds, for those who use it and those who review it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from amharic_tl.cli.arguments import UsageError, parse, require
from amharic_tl.errors import CannotCreateError

if TYPE_CHECKING:
    from amharic_tl.culture.pack import Pack

HELP = """usage: amharic-tl probe --pack PACK [--list] [--sheet FILE.csv|FILE.html]

Checks a culture pack (a bundled one: am, demo; or a folder) and says what it holds and how much of it is reviewed.
Whatever is wrong is named by file and line.

  --list                every probe family, by id
  --sheet FILE          write a sheet for reviewers, with columns to sign or object in; a new file, .csv or .html
"""
OPTIONS = ("pack", "sheet")
FLAGS = ("list",)
WORDS = ()


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, FLAGS)
    if parsed.help:
        print(HELP)
        return 0
    name = require(parsed.options, "pack", "am")
    sheet = Path(parsed.options["sheet"]) if "sheet" in parsed.options else None
    if sheet is not None and sheet.suffix not in (".csv", ".html"):
        raise UsageError(f"--sheet: {sheet} ends in neither .csv nor .html")
    if sheet is not None and sheet.exists():
        raise CannotCreateError(f"--sheet: {sheet} is there already; name a new file")

    from amharic_tl.culture.pack import open_pack

    pack = open_pack(name)
    print("\n".join(_described(pack)))
    if "list" in parsed.options:
        print("\n".join(_families(pack)))
    if sheet is not None:
        from amharic_tl.culture.sheet import sheet_csv, sheet_html
        from amharic_tl.records.files import write_text

        write_text(sheet, sheet_csv(pack) if sheet.suffix == ".csv" else sheet_html(pack))
        print(f"wrote {sheet}")
    return 0


def _described(pack: Pack) -> list[str]:
    lines = [f"{pack.id}: {pack.title} (fingerprint {pack.fingerprint[:12]})"]
    for axis in pack.axes.values():
        families = [family for family in pack.families if family.axis == axis.id]
        splits = Counter[str](family.split for family in families)
        kinds = Counter[str](family.kind for family in families)
        held_out = sum(group.held_out for group in axis.groups)
        invented = ", invented" if axis.invented else ""
        lines.append(f"{axis.id}: {len(axis.groups)} groups ({held_out} held out of penalties{invented})")
        lines.append(f"  benign sentences: {sum(item.axis == axis.id for item in pack.benign)}")
        lines.append(f"  probe families: {len(families)}" + _counted(splits) + _counted(kinds))
    lines.append(f"nuance items: {len(pack.nuance)}" + _counted(Counter(item.topic for item in pack.nuance)))
    lines.append(f"paradigms: {len(pack.paradigms)}")
    unsigned = pack.unreviewed(list(pack.axes))
    lines.append("not signed by a native speaker: " + ", ".join(f"{n} {what}" for what, n in unsigned.items()))
    return lines


def _families(pack: Pack) -> list[str]:
    width = max((len(family.id) for family in pack.families), default=0)
    return [
        f"{family.id:<{width}}  {family.kind:<11}  {family.split:<8}  {family.authorship.status}"
        for family in sorted(pack.families, key=lambda family: family.id)
    ]


def _counted(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{n} {what}' for what, n in sorted(counts.items()))})" if counts else ""
