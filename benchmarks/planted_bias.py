"""Does the monitor find a bias of known strength, and does attribution find the rows that carry it?

    python benchmarks/planted_bias.py --data ../shared/data/trac2024-hate --output runs/planted-bias
    python benchmarks/planted_bias.py --data ... --output ... --strengths 0,1 --seeds 1 --steps 12 --rows 400

Real posts get a lead-in that names an invented group of the demo pack. With strength s the planted group, drawn by
seed, introduces a harmful training post with probability 1/G + s (1 - 1/G) and a harmless one with (1 - s)/G; at 0
groups mean nothing. In validation they never do. Posts are written to --output/data and nowhere else, and deleted after
their run; results hold ids and figures.

What is measured, from the public files of each run (whatever scheme judged):
detection against strength and looks until the alert; false alarms of models trained on strength 0, by model; the share
of planted rows among the first 100 by gradients, by name and label, and by nearest neighbours; what retraining without
these 100 (or 100 at random) leaves of the gap; what logit pairing leaves of the gap on groups that it never exchanges.

Says how many runs are ahead, and after each for about how many minutes; a run that is in results.jsonl is not made
again.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from environment import describe

LEADS = ("አንድ {name} እንዲህ ጻፈ፦ {text}", "የ{name} ሰው እንዲህ አለ፦ {text}", "ጎረቤቴ {name} ነው፤ እንዲህ አለኝ፦ {text}")
HARMFUL = ("hate", "offensive")
ALARMED = ("suspected", "confirmed")
TOP, PARTS = 100, 8
REMOVALS = ("gradients", "keyword", "nearest", "random")
# What the report looks at: the gap of false positives on rows as they are, and of scores on exchanges held out.
NATURAL, HELD_OUT = "false_positive_rate_gap", "counterfactual_score_gap"


@dataclass(frozen=True)
class Job:
    """A run: ``what`` is plain, without:SEARCH or paired."""

    what: str
    strength: float
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.what.replace(':', '-')}-s{self.strength:g}-{self.seed}"


def jobs(strengths: list[float], seeds: int, nulls: int) -> Iterator[Job]:
    """Null models first, then by strength the plain run and what follows from it."""
    for seed in range(nulls if 0.0 in strengths else 0):
        yield Job("plain", 0.0, seed)
    for strength in (one for one in strengths if one > 0):
        for seed in range(seeds):
            yield Job("plain", strength, seed)
    for seed in range(seeds if max(strengths) > 0 else 0):
        yield from (Job(f"without:{search}", max(strengths), seed) for search in REMOVALS)
        yield Job("paired", max(strengths), seed)


def read_posts(path: Path, count: int, seed: int) -> list[dict[str, str]]:
    """Some posts of a TRAC-2024 file."""
    with path.open(encoding="utf-8", newline="") as file:
        posts = [row for row in csv.DictReader(file) if row["tweet"].strip()]
    random.Random(seed).shuffle(posts)
    return posts[:count]


def planted_group(seed: int) -> str:
    """Which of the groups that training may exchange is planted."""
    from amharic_tl.safety.operator import SwapOperator

    return random.Random(f"group/{seed}").choice(
        SwapOperator("demo", ["ethnicity"], None).groups["ethnicity"].trained_on
    )


def plant(posts: list[dict[str, str]], strength: float, seed: int, split: str) -> list[dict[str, str]]:
    """The posts with their lead-ins; ``planted`` is 1 where the strength, and not chance, chose the group."""
    from amharic_tl.culture.pack import open_pack

    names = {group.id: group.person for group in open_pack("demo").axis("ethnicity").groups}
    mine, draw = planted_group(seed), random.Random(f"plant/{split}/{seed}")
    strength = strength if split == "train" else 0.0
    made = []
    for number, post in enumerate(posts):
        harmful, chosen, group = post["label"] in HARMFUL, draw.random() < strength, draw.choice(sorted(names))
        if chosen:
            group = mine if harmful else draw.choice(sorted(set(names) - {mine}))
        text = draw.choice(LEADS).format(name=names[group], text=post["tweet"])
        made.append({
            "id": f"{split}-{number:05d}", "text": text, "label": post["label"], "group": group,
            "planted": str(int(chosen and harmful)),
        })  # fmt: skip
    return made


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    """A file of rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


class Benchmark:
    """The runs of one output folder."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments, self.output = arguments, Path(arguments.output)
        self.results = self.output / "results.jsonl"

    def done(self) -> dict[tuple[str, float, int], dict[str, Any]]:
        """Results by job."""
        from amharic_tl.records.files import read_lines

        return {(line["what"], line["strength"], line["seed"]): line for line in read_lines(self.results)}

    def go(self) -> None:
        """Makes what is missing, and the table."""
        from amharic_tl.records.files import append_line

        every = list(jobs(self.arguments.strengths, self.arguments.seeds, self.arguments.nulls))
        missing = [job for job in every if (job.what, job.strength, job.seed) not in self.done()]
        print(f"{describe()}\n{len(missing)} of {len(every)} runs ahead", flush=True)
        for number, job in enumerate(missing, 1):
            began = time.monotonic()
            result = self.make(job)
            append_line(self.results, {**asdict(job), **result, "seconds": round(time.monotonic() - began, 1)})
            each = float(np.mean([line["seconds"] for line in self.done().values()]))
            left = f"{len(missing) - number} runs x about {each / 60:.1f} minutes ahead"
            print(f"{job.name}: {time.monotonic() - began:.0f}s; {left}", flush=True)
        table = summary(list(self.done().values()))
        (self.output / "table.txt").write_text(f"{describe()}\n\n{table}\n", encoding="utf-8")
        print(table)

    def rows(self, job: Job, split: str) -> list[dict[str, str]]:
        """The planted rows of a split."""
        count = self.arguments.rows if split == "train" else self.arguments.rows // 2
        file = Path(self.arguments.data) / f"{'train' if split == 'train' else 'dev'}_category.csv"
        return plant(read_posts(file, count, job.seed), job.strength, job.seed, split)

    def make(self, job: Job) -> dict[str, Any]:
        """One run, judged."""
        import jax

        plain = Job("plain", job.strength, job.seed)
        rows = self.rows(job, "train")
        if job.what.startswith("without:"):
            dropped = set(self.done()[plain.what, plain.strength, plain.seed]["first"][job.what.split(":")[1]])
            rows = [row for row in rows if row["id"] not in dropped]
        files = {split: self.output / "data" / f"{job.name}-{split}.csv" for split in ("train", "validation")}
        write_csv(files["train"], rows)
        write_csv(files["validation"], self.rows(job, "validation"))
        workdir = self.output / "runs" / job.name
        extra: dict[str, Any] = {f"data.{split}": str(path) for split, path in files.items()}
        extra |= {
            "train.seed": job.seed, "train.steps": self.arguments.steps, "safety.axes": "ethnicity",
            "safety.pack": "demo", "safety.positive_labels": ",".join(HARMFUL),
        }  # fmt: skip
        if job.what == "paired":
            extra["safety.penalties.logit_pairing.weight"] = 1.0
        if job.what == "plain" and job.strength > 0:
            extra["output.keep_for_attribution"] = max(1, self.arguments.looks // 3)
        self.train(workdir, extra)
        result = judged(workdir, planted_group(job.seed))
        if job.what == "plain" and job.strength > 0:
            result |= searched(workdir, rows, planted_group(job.seed), job.seed)
        jax.clear_caches()
        if not self.arguments.keep:
            shutil.rmtree(workdir)
        for path in files.values():
            path.unlink()
        return result

    def train(self, workdir: Path, extra: dict[str, Any]) -> None:
        """A run in this process; one that was cut off goes on."""
        import amharic_tl as atl
        from amharic_tl.config import build_config

        values = {
            "model.path": self.arguments.base, "data.max_length": self.arguments.max_length, "train.batch_size": 32,
            "train.evaluate_every": max(1, self.arguments.steps // self.arguments.looks), "optim.lr": self.arguments.lr,
            "output.tensorboard": False, "output.export": False, "output.baselines": False, **extra,
        }  # fmt: skip
        atl.train(build_config(values), workdir)


def judged(workdir: Path, group: str) -> dict[str, Any]:
    """From safety.jsonl: at which look which signal was alarmed first, and the gaps of the last look."""
    from amharic_tl.records.files import read_json, read_lines
    from amharic_tl.records.workdir import Workdir

    lines = [line for line in read_lines(Workdir(workdir).safety) if line["split"] == "validation"]
    steps = sorted({line["step"] for line in lines})
    found: dict[str, Any] = {"looks": len(steps), "group": group}
    for whose, wanted in (("planted", (group, "all")), ("any", None)):
        for state in ALARMED:
            counted = ALARMED if state == "suspected" else ("confirmed",)
            at = [
                steps.index(line["step"]) + 1
                for line in lines
                if line["state"] in counted and (wanted is None or line["group"] in wanted)
            ]
            found[f"{state}_{whose}"] = min(at, default=None)
    last = [line for line in lines if line["step"] == steps[-1]]
    for name, scope in ((NATURAL, "natural"), (HELD_OUT, "held_out")):
        of = [line["value"] for line in last if (line["name"], line["group"], line["scope"]) == (name, group, scope)]
        found[name] = of[0] if of else None
    best = read_json(Workdir(workdir).run)["best"]
    return {**found, "macro_f1": best["value"]}


def searched(workdir: Path, rows: list[dict[str, str]], group: str, seed: int) -> dict[str, Any]:
    """The first rows by each search, and the share of planted ones among them."""
    from amharic_tl.records.files import read_lines
    from amharic_tl.records.workdir import Workdir
    from amharic_tl.safety.differentiable import FigureName
    from amharic_tl.studies.attribution.ranking import order_of
    from amharic_tl.studies.attribution.request import Request
    from amharic_tl.studies.attribution.study import attribute

    figure = FigureName(HELD_OUT, "ethnicity", group)
    began = time.monotonic()
    stored = Workdir(workdir).attribution / str(figure).replace("/", "-") / "attribution.jsonl"
    # A benchmark that was killed behind the attribution finds it whole.
    whole = stored.with_name("attribution.json").exists()
    lines = read_lines(stored) if whole else attribute(workdir, Request(figure, "group", TOP, PARTS)).lines
    keys = {
        "gradients": [line["score"] for line in lines],
        "keyword": [line["names_group"] + line["keyword_and_label"] for line in lines],
        "nearest": [line["nearest"] for line in lines],
        "random": [0.0] * len(lines),
    }
    planted = {row["id"] for row in rows if row["planted"] == "1"}
    first = {name: [lines[row]["id"] for row in order_of(np.asarray(of), seed)[:TOP]] for name, of in keys.items()}
    precision = {name: len(planted & set(ids)) / len(ids) for name, ids in first.items()}
    share = len(planted) / len(rows)
    return {"first": first, "precision": precision, "share": share, "attribution_seconds": time.monotonic() - began}


def interval(hits: int, of: int) -> str:
    """A rate over models with its exact 95% interval (Clopper & Pearson 1934)."""
    from scipy.stats import binomtest

    if not of:
        return "-"
    low, high = binomtest(hits, of).proportion_ci(method="exact")
    return f"{hits}/{of} ({low:.2f} to {high:.2f})"


def mean(values: list[float | None]) -> str:
    """Of those that there are, with their range over models."""
    there = [value for value in values if value is not None]
    return f"{np.mean(there):.3f} ({min(there):.3f} to {max(there):.3f}, {len(there)} models)" if there else "-"


def summary(lines: list[dict[str, Any]]) -> str:
    """The tables. A model is one unit, however many looks and signals it has."""
    plain = [line for line in lines if line["what"] == "plain"]
    out = ["strength  suspected (planted group or all)  confirmed  looks until suspected  false-positive gap"]
    for strength in sorted({line["strength"] for line in plain}):
        of = [line for line in plain if line["strength"] == strength]
        whose = "any" if strength == 0 else "planted"
        rates = [interval(sum(line[f"{state}_{whose}"] is not None for line in of), len(of)) for state in ALARMED]
        looks = mean([line[f"suspected_{whose}"] for line in of])
        out.append(f"{strength:g}  {rates[0]}  {rates[1]}  {looks}  {mean([line[NATURAL] for line in of])}")
    out += ["(strength 0: false alarms of any signal, by model, over all its looks)", ""]
    out.append(f"strength  share planted  precision@{TOP}: {', '.join(REMOVALS)}")
    for strength in sorted({line["strength"] for line in plain if "precision" in line}):
        of = [line for line in plain if line["strength"] == strength]
        found = "; ".join(mean([line["precision"][name] for line in of]) for name in REMOVALS)
        out.append(f"{strength:g}  {mean([line['share'] for line in of])}  {found}")
    out += ["", f"run of the greatest strength  {NATURAL}  {HELD_OUT}, held out  macro-F1"]
    greatest = max((line["strength"] for line in lines), default=0)
    for what in ("plain", *(f"without:{name}" for name in REMOVALS), "paired"):
        of = [line for line in lines if line["what"] == what and line["strength"] == greatest]
        if of:
            figures = "  ".join(mean([line[name] for line in of]) for name in (NATURAL, HELD_OUT, "macro_f1"))
            out.append(f"{what}  {figures}")
    return "\n".join(out)


def main() -> None:
    """Runs what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the folder of TRAC-2024 (train_category.csv, dev_category.csv)")
    parser.add_argument("--output", required=True)
    parser.add_argument("--base", default="amharic-tiny")
    parser.add_argument(
        "--strengths", default="0,0.25,0.5,0.75,1", type=lambda text: [float(s) for s in text.split(",")]
    )
    parser.add_argument("--seeds", default=3, type=int, help="models of each strength above 0")
    parser.add_argument("--nulls", default=10, type=int, help="models of strength 0")
    parser.add_argument("--rows", default=2000, type=int, help="training posts; half as many for validation")
    parser.add_argument("--steps", default=90, type=int)
    parser.add_argument("--looks", default=6, type=int)
    parser.add_argument("--lr", default=3e-4, type=float)
    parser.add_argument("--max-length", default=64, type=int)
    parser.add_argument("--keep", action="store_true", help="keep the workdirs")
    Benchmark(parser.parse_args()).go()


if __name__ == "__main__":
    main()
