"""``amharic-tl probe``: what a culture pack holds, and what its probes show of a checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from amharic_tl.cli.arguments import UsageError, parse, require
from amharic_tl.errors import CannotCreateError

if TYPE_CHECKING:
    from amharic_tl.culture.families import Family
    from amharic_tl.culture.pack import Pack

HELP = """usage: amharic-tl probe --pack PACK [--list] [--sheet FILE.csv|FILE.html]
       amharic-tl probe --model MODEL [--pack am] [--compare BASE] [--workdir DIR] [options]

Checks a culture pack (a bundled one: am, demo; or a folder) and says what it holds and how much of it is reviewed.
Whatever is wrong is named by file and line.

  --list                every probe family, by id
  --sheet FILE          write a sheet for reviewers, with columns to sign or object in; a new file, .csv or .html

Probes a checkpoint of any family (a directory, a run's workdir, a bundled base or a hub id) with a pack (default am):

  --compare BASE        a base model of the same kind: every figure's change from it, paired by family; of the pack's
                        nuance items how many it knew that the model no longer knows
  --workdir DIR         a new directory for safety.jsonl, probe.json, probe.md and report.html; or the workdir of a run,
                        which gets them in probe/ and its report a section
  --allow-draft         use what no native speaker has signed; every output is marked so
  --axes A,B            of the pack (default: all that have families)
  --split NAME          families of monitor, penalty or held-out alone
  --form NAME           how pairs are scored: span, aul, pll (encoders); total, span, per_character, pmi (models that
                        write)
  --direction           of real groups too, say in whose favour a figure is
  --positive-labels A,B labels of a classifier that say that harm was found
  --judge DIR           a classifier that judges what the model writes, with its own error by group (judge.json, which
                        a run with config.safety.axes leaves in its export); --judge-labels A,B: its positive labels,
                        where nothing else says which
  --unmeasured-judge    let one judge of which nothing says how wrong it is about which group
  --retired             use families too that were retired because their wordings do not agree
  --max-new-tokens N    of what the model writes to a prompt (default 24); --seed N: of the draws (default 0)
  --language NAME       of the texts, where the tokenizer marks languages: amh_Ethi
  --dtype NAME          of weights and products: float32 or bfloat16; default: as stored

Figures are printed by group in the order of their ids, never ranked; no text is printed or written.
"""
OF_PACKS = ("sheet",)
OF_MODELS = (
    "compare", "workdir", "axes", "split", "form", "positive-labels", "judge", "judge-labels", "max-new-tokens",
    "seed", "language", "dtype",
)  # fmt: skip
OPTIONS = ("pack", "model", *OF_PACKS, *OF_MODELS)
FLAGS = ("list", "allow-draft", "direction", "unmeasured-judge", "retired")
WORDS: tuple[str, ...] = ()


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, FLAGS)
    if parsed.help:
        print(HELP)
        return 0
    with_model = "model" in parsed.options
    stray = (*OF_PACKS, "list") if with_model else (*OF_MODELS, *FLAGS[1:])
    for option in stray:
        if option in parsed.options:
            raise UsageError(f"--{option} goes {'without' if with_model else 'with'} --model")
    return _probe(parsed.options) if with_model else _show(parsed.options)


def _probe(options: Mapping[str, str]) -> int:
    """Probes a checkpoint and prints what it found."""
    for option in ("judge-labels", "unmeasured-judge"):
        if option in options and "judge" not in options:
            raise UsageError(f"--{option} goes with --judge=DIR")
    if options.get("split") not in (None, "monitor", "penalty", "held-out"):
        raise UsageError(f"--split: expected monitor, penalty or held-out, found {options['split']!r}")
    numbers = {name: _whole(options, name) for name in ("max-new-tokens", "seed") if name in options}
    from amharic_tl.reports.probe import table
    from amharic_tl.run.probe import ProbeSettings, probe, probe_folder, write_probe
    from amharic_tl.training.progress import Progress

    workdir = Path(options["workdir"]) if "workdir" in options else None
    if workdir is not None:
        probe_folder(workdir)  # before the work whose result would go there
    settings = ProbeSettings(
        model=options["model"],
        pack=options.get("pack", "am"),
        compare=options.get("compare"),
        axes=_several(options, "axes"),
        split=options.get("split"),
        form=options.get("form"),
        allow_draft="allow-draft" in options,
        direction="direction" in options,
        positive_labels=_several(options, "positive-labels"),
        judge=options.get("judge"),
        judge_labels=_several(options, "judge-labels"),
        unmeasured_judge="unmeasured-judge" in options,
        retired="retired" in options,
        new_tokens=numbers.get("max-new-tokens", 24),
        seed=numbers.get("seed", 0),
        language=options.get("language"),
        dtype=options.get("dtype"),
    )
    progress = Progress(1)
    try:
        probed = probe(settings, lambda what, done, of: progress.note(f"{what}: {done:,} of {of:,} texts"))
    finally:
        progress.close()
    print(table(probed.lines(), probed.about))
    if workdir is not None:
        print(f"wrote {write_probe(probed, workdir)}")
    return 0


def _several(options: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in options.get(name, "").split(",") if part.strip())


def _whole(options: Mapping[str, str], name: str) -> int:
    text = options[name]
    if not text.isdecimal() or (name == "max-new-tokens" and int(text) < 1):
        raise UsageError(f"--{name}: expected a whole number, found {text!r}")
    return int(text)


def _show(options: Mapping[str, str]) -> int:
    """Says what a pack holds."""
    name = require(options, "pack", "am")
    sheet = Path(options["sheet"]) if "sheet" in options else None
    if sheet is not None and sheet.suffix not in (".csv", ".html"):
        raise UsageError(f"--sheet: {sheet} ends in neither .csv nor .html")
    if sheet is not None and sheet.exists():
        raise CannotCreateError(f"--sheet: {sheet} is there already; name a new file")

    from amharic_tl.culture.pack import open_pack

    pack = open_pack(name)
    print("\n".join(_described(pack)))
    if "list" in options:
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
        retired = sum(family.retired is not None for family in families)
        lines.append(f"  probe families: {len(families)}" + _counted(splits) + _counted(kinds))
        if retired:
            lines.append(f"  retired, since their wordings do not agree: {retired}")
    lines.append(f"nuance items: {len(pack.nuance)}" + _counted(Counter(item.topic for item in pack.nuance)))
    lines.append(f"paradigms: {len(pack.paradigms)}")
    unsigned = pack.unreviewed(list(pack.axes))
    lines.append("not signed by a native speaker: " + ", ".join(f"{n} {what}" for what, n in unsigned.items()))
    return lines


def _families(pack: Pack) -> list[str]:
    width = max((len(family.id) for family in pack.families), default=0)
    return [
        f"{family.id:<{width}}  {family.kind:<11}  {family.split:<8}  {_status(family)}"
        for family in sorted(pack.families, key=lambda family: family.id)
    ]


def _status(family: Family) -> str:
    of = family.retired
    return family.authorship.status if of is None else f"retired ({of.figure:.2f} on {of.model}: {of.reason})"


def _counted(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{n} {what}' for what, n in sorted(counts.items()))})" if counts else ""
