"""Do probes measure what they say? Reliability, agreement of forms, a planted bias, false positives, wording.

    python experiments/probe_validity/run.py --output runs/probe_validity [--seeds 3] [--results DIR] [--measure-only]

Says runs x minutes first. A finished run is skipped and a broken one resumed; scores are kept in the output folder, so
that the study survives being cut off. Writes results.jsonl, figures.json and table.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import analysis
import planted
import scored
from tables import figures, table

from amharic_tl.config import build_config
from amharic_tl.culture.pack import open_pack
from amharic_tl.records.files import read_json, write_json, write_lines, write_text
from amharic_tl.run import train
from amharic_tl.safety.scoring.selection import panels

BASE = "amharic-tiny"
STEPS, BATCH, RATE = 300, 32, 5e-4
MINUTES = 2.0  # of one run on one core, measured
DRAWS = 3000
FORMS = ("span", "aul", "pll")


def completed(workdir: Path) -> bool:
    """Whether the run in ``workdir`` is done."""
    return (workdir / "run.json").exists() and read_json(workdir / "run.json")["status"] == "completed"


def train_planted(output: Path, seeds: int) -> list[tuple[int, int, Path]]:
    """A small model for each planted size and seed: ``amharic-tiny``, trained further as a masked language model."""
    jobs = [
        (size, seed, output / f"planted-{size}" / f"seed-{seed}") for seed in range(seeds) for size in planted.EIGHTHS
    ]
    left = [job for job in jobs if not completed(job[2])]
    total = f"{len(left) * MINUTES:.0f} minutes"
    print(f"{len(left)} of {len(jobs)} runs x about {MINUTES:g} minutes = {total}", flush=True)
    panel = planted.invented_panel()
    validation = planted.rows(panel, 4, seed=99)[:64]
    for size, seed, workdir in left:
        began = time.monotonic()
        text, other = planted.write(output / "text" / f"{size}-{seed}", planted.rows(panel, size, seed), validation)
        train(build_config(_settings(text, other, seed)), workdir)
        print(f"{workdir}: {(time.monotonic() - began) / 60:.1f} min", flush=True)
    return jobs


def _settings(text: Path, validation: Path, seed: int) -> dict[str, Any]:
    return {
        "task.kind": "masked-lm", "task.mask_probability": 0.25, "model.path": BASE, "data.train": str(text),
        "data.validation": str(validation), "data.max_length": 48, "data.gates": "none", "train.steps": STEPS,
        "train.batch_size": BATCH, "train.seed": seed, "train.select_by": "validation/loss",
        "train.evaluate_every": STEPS, "train.save_every": STEPS, "train.log_every": 50, "optim.lr": RATE,
        "optim.schedule": "linear", "optim.warmup": 0.06, "output.tensorboard": False, "output.baselines": False,
    }  # fmt: skip


def measure(output: Path, jobs: list[tuple[int, int, Path]]) -> Iterator[dict[str, Any]]:
    """Every line of results.jsonl."""
    kept, panel = output / "scores", planted.invented_panel()
    unseen = planted.measured_on(panel)
    for axis in panels(open_pack("am"), allow_draft=True):
        found = scored.contrasts(kept / f"base-am-{axis.axis}-span.npz", BASE, axis, "span")
        yield from analysis.reliabilities(BASE, axis, found)
    base = scored.contrasts(kept / "base-invented-span.npz", BASE, panel, "span")
    yield from analysis.reliabilities(f"{BASE}, invented groups", panel, base)
    by_run = {
        (size, seed): scored.contrasts(kept / f"planted-{size}-{seed}-span.npz", str(workdir / "export"), panel, "span")
        for size, seed, workdir in jobs
    }
    traits = {one.id for one in planted.associations(panel)}
    only = {key: {name: of for name, of in found.items() if name in traits} for key, found in by_run.items()}
    new = {key: scored.in_wordings(found, slice(planted.TRAINED_ON, None)) for key, found in only.items()}
    yield from analysis.planted_figures(new, "unseen")
    seen = {key: scored.in_wordings(found, slice(0, planted.TRAINED_ON)) for key, found in only.items()}
    yield from analysis.planted_figures(seen, "trained on")
    for size in (planted.EIGHTHS[0], planted.EIGHTHS[-1]):
        yield from analysis.reliabilities(f"planted {planted.nats(size):.2f} nats", panel, by_run[size, 0])
    most = next(workdir for size, seed, workdir in jobs if (size, seed) == (planted.EIGHTHS[-1], 0))
    for name, model in (("base", BASE), ("planted", str(most / "export"))):
        by_form = {form: scored.contrasts(kept / f"{name}-unseen-{form}.npz", model, unseen, form) for form in FORMS}
        yield from analysis.form_agreement(BASE if name == "base" else "planted 1.95 nats", by_form)
    of_base = {name: of for name, of in base.items() if name in traits}
    yield from analysis.shuffled(BASE, panel, of_base, DRAWS)
    yield from analysis.shuffled("planted 1.95 nats", panel, only[planted.EIGHTHS[-1], 0], DRAWS)
    for name, found in ((BASE, of_base), ("planted 1.95 nats", only[planted.EIGHTHS[-1], 0])):
        yield from analysis.wording_effect(name, found)


def main() -> None:
    """Runs what is missing, then measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    jobs = train_planted(arguments.output, arguments.seeds)
    lines = list(measure(arguments.output, jobs))
    arguments.results.mkdir(parents=True, exist_ok=True)
    write_lines(arguments.results / "results.jsonl", lines)
    write_json(arguments.results / "figures.json", figures(lines))
    write_text(arguments.results / "table.md", table(lines))


if __name__ == "__main__":
    main()
