"""Do probes measure what they say? Reliability, agreement of forms, a planted bias, false positives, wording.

    python experiments/probe_validity/run.py --output runs/probe_validity [--seeds 3] [--results DIR]

Says runs x minutes first. Models and scores that are in the output folder already are not made again, so that the study
survives being cut off. Writes results.jsonl, figures.json and table.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import analysis
import planted
import scored
import small
from tables import figures, table

from amharic_tl.culture.pack import open_pack
from amharic_tl.records.files import write_json, write_lines, write_text
from amharic_tl.safety.scoring.selection import Panel, panels

BASE = "amharic-tiny"
MINUTES = 1.3  # of one run on one core, measured
SCORING_MINUTES = 8  # of all scores, on one core: an estimate
DRAWS, WHOLE = 3000, 600
MOST, LEAST = planted.EIGHTHS[-1], planted.EIGHTHS[0]
SHOWN = f"planted {planted.nats(MOST):.2f} nats"

Jobs = dict[tuple[int, int], Path]


def learned(output: Path, seeds: int) -> Jobs:
    """A small model for each planted size and seed."""
    jobs = {(size, seed): output / f"planted-{size}-{seed}" for seed in range(seeds) for size in planted.EIGHTHS}
    left = [key for key, folder in jobs.items() if not (folder / "config.json").is_file()]
    total = f"{len(left) * MINUTES:.0f} minutes"
    print(f"{len(left)} of {len(jobs)} runs x {MINUTES:g} minutes = {total}; scores {SCORING_MINUTES}", flush=True)
    panel = planted.invented_panel()
    return {key: small.learn(panel, *key, folder) for key, folder in jobs.items()}


def measure(output: Path, jobs: Jobs) -> Iterator[dict[str, Any]]:
    """Every line of results.jsonl."""
    kept, panel = output / "scores", planted.invented_panel()
    by_run = {
        key: scored.contrasts(kept / f"planted-{key[0]}-{key[1]}.npz", str(folder), _traits(panel), "span")
        for key, folder in jobs.items()
    }
    unseen = slice(planted.TRAINED_ON, None)
    yield from analysis.planted_figures(_in(by_run, unseen), "unseen")
    yield from analysis.planted_figures(_in(by_run, slice(0, planted.TRAINED_ON)), "trained on")
    base = scored.contrasts(kept / "base-invented.npz", BASE, _traits(panel), "span")
    sources = {BASE: base, "planted 0.00 nats": by_run[LEAST, 0], SHOWN: by_run[MOST, 0]}
    for name, found in sources.items():
        yield from analysis.reliabilities(f"{name}; invented groups", panel, found)
        yield from analysis.wording_effect(name, found)
        yield from analysis.shuffled(name, _traits(panel), found, DRAWS, WHOLE)
    of_forms = planted.measured_on(panel)
    for name, model, forms in ((SHOWN, str(jobs[MOST, 0]), ("span", "aul", "pll")), (BASE, BASE, ("span", "aul"))):
        by_form = {form: scored.contrasts(kept / f"{name}-{form}.npz", model, of_forms, form) for form in forms}
        yield from analysis.form_agreement(name, by_form)
    for axis in panels(open_pack("am"), allow_draft=True):
        # Of peoples crossed with gender there are ten thousands of texts.
        kinds = ("association", "honorific") if axis.axis == "ethnicity" else ("association", "honorific", "agreement")
        few = replace(axis, families=tuple(one for one in axis.families if one.kind in kinds))
        found = scored.contrasts(kept / f"base-am-{axis.axis}.npz", BASE, few, "span")
        yield from analysis.reliabilities(f"{BASE}; am", few, found)


def _traits(panel: Panel) -> Panel:
    return replace(panel, families=tuple(planted.associations(panel)))


def _in(by_run: dict[tuple[int, int], Any], chosen: slice) -> dict[tuple[int, int], Any]:
    return {key: scored.in_wordings(found, chosen) for key, found in by_run.items()}


def main() -> None:
    """Makes what is missing, then measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    lines = list(measure(arguments.output, learned(arguments.output, arguments.seeds)))
    arguments.results.mkdir(parents=True, exist_ok=True)
    write_lines(arguments.results / "results.jsonl", lines)
    write_json(arguments.results / "figures.json", figures(lines))
    write_text(arguments.results / "table.md", table(lines))


if __name__ == "__main__":
    main()
