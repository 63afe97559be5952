"""The tables of the first safety study, from the workdirs that `run.py` left.

    python experiments/first_safety/table.py --output runs/first_safety [--seeds 5]

Scores and gaps: means over seeds; every interval draws seeds and clusters of near-duplicate test rows together (2,000
times), since all seeds share their rows. Twins and rates by group: mean over seeds with a t interval over seeds; each
run's own intervals over rows are in its safety.jsonl. Cells that are not measured, or have too few rows, say so.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from amharic_tl.cli.arguments import load_config
from amharic_tl.data.splits import load_splits
from amharic_tl.evaluation.score import classification_metrics
from amharic_tl.language.script import duplicate_key, near_duplicate_key
from amharic_tl.records.files import read_json, read_lines, write_lines
from amharic_tl.records.signals import UNREVIEWED
from amharic_tl.records.workdir import Workdir

METHODS = ("full", "top-layers")
ARMS = ("off", "on")
RESAMPLES = 2000
GAPS = ("counterfactual_score_gap", "counterfactual_flip_rate")
WHERE = {
    "trained_on": "in the operator",
    "held_out": "outside: held-out groups",
    "held_out_forms": "outside: held-out forms",
}
COLUMNS = {"counterfactual_score_gap": ("gap", "placebo_gap"), "counterfactual_flip_rate": ("flip", "placebo_flip")}
TWINS = ("missed_harm", "benign_flagged")
TWIN_STATES = {"ok": "unharmed", "confirmed": "harmed", "suspected": "perhaps harmed", "insufficient": "undecided"}
ALERTS = ("confirmed", "suspected")
MARGIN = -0.02  # of macro-F1: what a penalty may cost

Line = dict[str, Any]


class Run:
    """What a completed run says about its best step."""

    def __init__(self, root: Path) -> None:
        place = Workdir(root)
        self.place, self.record = place, read_json(place.run)
        best = self.record["best"]["step"]
        self.signals = [line for line in read_lines(place.safety) if line["step"] == best]

    def signal(self, split: str, **wanted: str) -> Line | None:
        """The signal of a split with these fields."""
        found = (line for line in self.signals if line["split"] == split and wanted.items() <= line.items())
        return next(found, None)

    def excess(self, name: str, axis: str, scope: str) -> tuple[np.ndarray, np.ndarray]:
        """What swaps of test changed beyond their placebos, ``[rows]``, and the cluster of each row."""
        own, placebo = COLUMNS[name]
        lines = [
            line
            for line in read_lines(self.place.counterfactuals("test"))
            if (line["axis"], line["scope"]) == (axis, scope)
        ]
        values = np.asarray([line[own] - line[placebo] for line in lines], float)
        return values, np.asarray([line["cluster"] for line in lines], int)

    def predictions(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Labels and predictions of test, int ``[rows]``."""
        lines = read_lines(self.place.predictions("test"))
        return tuple(np.asarray([names.index(line[key]) for line in lines]) for key in ("label", "predicted"))  # type: ignore[return-value]


def read(output: Path, seeds: int) -> dict[tuple[str, str, int], Run]:
    """The completed runs by method, arm and seed."""
    runs = {}
    for method in METHODS:
        for arm in ARMS:
            for seed in range(seeds):
                root = output / method / arm / f"seed-{seed}"
                if (root / "run.json").exists() and read_json(root / "run.json")["status"] == "completed":
                    runs[method, arm, seed] = Run(root)
    return runs


def t_interval(values: Sequence[float]) -> str:
    """Mean and 95% t interval."""
    if len(values) < 2:
        return f"{np.mean(values):+.3f} (one seed)"
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return f"{np.mean(values):+.3f} [{np.mean(values) - half:+.3f}, {np.mean(values) + half:+.3f}]"


def macro_f1_over(labels: np.ndarray, predicted: np.ndarray, weights: np.ndarray, classes: int) -> np.ndarray:
    """Macro-F1 for each resample: ``weights [B, rows]`` say how often a row was drawn."""
    of_class = []
    for index in range(classes):
        right = weights @ ((labels == index) & (predicted == index)).astype(float)
        both = weights @ ((labels == index).astype(float) + (predicted == index))
        of_class.append(np.divide(2 * right, both, out=np.zeros_like(right), where=both > 0))
    return np.asarray(np.mean(of_class, axis=0))


def score_table(runs: dict[tuple[str, str, int], Run], seeds: int) -> tuple[list[str], dict[str, float]]:
    """Macro-F1 on test, off and on, and the paired change; and by method the lower 95% bound of that change."""
    lowest: dict[str, float] = {}
    lines = [
        "| method | pairs of seeds | penalty off | penalty on | paired change | TF-IDF |",
        "| --- " * 6 + "|",
    ]
    some = next(iter(runs.values()))
    config = load_config(str(some.place.config), {})
    splits = load_splits(config.data, labelled=True, seed=config.train.seed)
    keys = [near_duplicate_key(row.text) or duplicate_key(row.text) for row in splits.test.rows]  # type: ignore[union-attr]
    _, clusters = np.unique(keys, return_inverse=True)
    generator = np.random.default_rng(0)
    count = clusters.max() + 1
    row_weights = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES)[:, clusters].astype(float)
    baselines = [read_json(run.place.baselines) for run in runs.values() if run.place.baselines.exists()]
    tfidf = f"{baselines[0]['tfidf']['test']['macro_f1']:.3f}" if baselines else ""
    for method in METHODS:
        both = [seed for seed in range(seeds) if all((method, arm, seed) in runs for arm in ARMS)]
        if not both:
            lines.append(f"| {method} | 0 of {seeds} | not measured | not measured | not measured | {tfidf} |")
            continue
        drawn: dict[str, list[np.ndarray]] = {arm: [] for arm in ARMS}
        points: dict[str, list[float]] = {arm: [] for arm in ARMS}
        for arm in ARMS:
            for seed in both:
                labels, predicted = runs[method, arm, seed].predictions(splits.labels)
                drawn[arm].append(macro_f1_over(labels, predicted, row_weights, len(splits.labels)))
                points[arm].append(classification_metrics(labels, predicted, splits.labels)["macro_f1"])
        seeds_drawn = generator.integers(len(both), size=(RESAMPLES, len(both)))
        resampled = {
            arm: np.take_along_axis(np.stack(of, axis=1), seeds_drawn, axis=1).mean(axis=1) for arm, of in drawn.items()
        }
        cells = [_with_interval(float(np.mean(points[arm])), resampled[arm], "") for arm in ARMS]
        change = float(np.mean(points["on"]) - np.mean(points["off"]))
        cells.append(_with_interval(change, resampled["on"] - resampled["off"], "+"))
        lowest[method] = float(np.quantile(resampled["on"] - resampled["off"], 0.025))
        lines.append(f"| {method} | {len(both)} of {seeds} | {' | '.join(cells)} | {tfidf} |")
    return lines, lowest


def verdicts(runs: dict[tuple[str, str, int], Run], seeds: int, lowest: dict[str, float]) -> list[str]:
    """The three parts of the hypothesis by method, on the ethnicity axis: met, not met, or not to be told."""
    lines = ["| method | macro-F1 kept | out-of-operator flips halved | score gap halved | twins |", "| --- " * 5 + "|"]
    for method in METHODS:
        both = [seed for seed in range(seeds) if all((method, arm, seed) in runs for arm in ARMS)]
        if not both:
            lines.append(f"| {method} | {'not measured | ' * 4}")
            continue
        cells = [f"{'met' if lowest[method] > MARGIN else 'not met'} (lower bound {lowest[method]:+.3f})"]
        for name in reversed(GAPS):
            off, on = (
                np.asarray([runs[method, arm, seed].excess(name, "ethnicity", "held_out")[0] for seed in both])
                for arm in ARMS
            )
            clusters = runs[method, "off", both[0]].excess(name, "ethnicity", "held_out")[1]
            drawn = resampled_means(np.stack([off, on]), clusters, np.random.default_rng(2))
            low, high = np.quantile(drawn[:, 1] - drawn[:, 0] / 2, [0.025, 0.975])
            nothing = np.quantile(drawn[:, 0], 0.025) <= 0
            said = "met" if high < 0 else "not met" if low > 0 else "not to be told"
            said = "nothing there to halve" if nothing else said
            cells.append(f"{said} ({off.mean():+.3f} to {on.mean():+.3f})")
        twins = [
            line["state"]
            for seed in both
            for line in runs[method, "on", seed].signals
            if line["split"] == "test"
            and line["name"] in TWINS
            and line["group"] == "all"
            and line["axis"] == "ethnicity"
        ]
        cells.append(", ".join(f"{count} {TWIN_STATES.get(state, state)}" for state, count in Counter(twins).items()))
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return [*lines, "", drafts(runs)]


def _with_interval(value: float, resampled: np.ndarray, sign: str) -> str:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def resampled_means(values: np.ndarray, clusters: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Means of ``values [arms, seeds, rows]`` over drawn seeds and clusters, the same for all arms: ``[B, arms]``."""
    _, numbers = np.unique(clusters, return_inverse=True)
    count, seeds = int(numbers.max()) + 1, values.shape[1]
    weights = generator.multinomial(count, np.full(count, 1 / count), RESAMPLES)[:, numbers].astype(float)
    by_seed = np.einsum("br,asr->bas", weights, values) / weights.sum(axis=1)[:, None, None]
    drawn = generator.integers(seeds, size=(RESAMPLES, seeds))
    return np.asarray(np.take_along_axis(by_seed, drawn[:, None, :], axis=2).mean(axis=2))


def gap_table(runs: dict[tuple[str, str, int], Run], seeds: int, axes: Sequence[str]) -> list[str]:
    """Gaps over all groups of an axis: excess over the placebo, off and on."""
    lines = [
        "| method | axis | where | figure | n | off | on | paired change | on / off | raw off, on | placebo off, on "
        "| states off; on |",
        "| --- " * 12 + "|",
    ]
    generator = np.random.default_rng(1)
    for method in METHODS:
        both = [seed for seed in range(seeds) if all((method, arm, seed) in runs for arm in ARMS)]
        for axis in axes if both else ():
            for scope, where in WHERE.items():
                for name in GAPS:
                    found = {
                        arm: [
                            runs[method, arm, seed].signal("test", name=name, axis=axis, group="all", scope=scope)
                            for seed in both
                        ]
                        for arm in ARMS
                    }
                    shown = f"| {method} | {axis} | {where} | {name.removeprefix('counterfactual_')} "
                    first = found["off"][0]
                    if first is None or first["state"] == "insufficient":
                        n = 0 if first is None else first["n"]
                        lines.append(f"{shown}| {n} {'| insufficient ' * 4}| | | |")
                        continue
                    pairs = [[runs[method, arm, seed].excess(name, axis, scope) for seed in both] for arm in ARMS]
                    values = np.asarray([[of for of, _ in arm] for arm in pairs])
                    drawn = resampled_means(values, pairs[0][0][1], generator)
                    off, on = values.mean(axis=(1, 2))
                    cells = [_with_interval(off, drawn[:, 0], "+"), _with_interval(on, drawn[:, 1], "+")]
                    cells.append(_with_interval(on - off, drawn[:, 1] - drawn[:, 0], "+"))
                    # A ratio means nothing where what it divides by may be 0.
                    positive = np.quantile(drawn[:, 0], 0.025) > 0
                    with np.errstate(divide="ignore"):
                        ratios = drawn[:, 1] / drawn[:, 0]
                    cells.append(_with_interval(on / off, ratios, "") if positive else "-")
                    for key in ("swapped", "placebo"):
                        means = (np.mean([line["detail"][key] for line in found[arm] if line]) for arm in ARMS)
                        cells.append(", ".join(f"{mean:.3f}" for mean in means))
                    cells.append("; ".join(_states([line for line in found[arm] if line]) for arm in ARMS))
                    lines.append(f"{shown}| {first['n']} | {' | '.join(cells)} |")
    return [*lines, "", drafts(runs)]


def drafts(runs: dict[tuple[str, str, int], Run]) -> str:
    """A sentence where the figures rest on names that nobody has reviewed."""
    unreviewed = any(line["unreviewed"] for run in runs.values() for line in run.signals)
    return f"Every figure of this table {UNREVIEWED}." if unreviewed else ""


def _states(lines: Sequence[Line]) -> str:
    counts = Counter(line["state"] for line in lines)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def group_table(
    runs: dict[tuple[str, str, int], Run], names: Sequence[str], arms: Sequence[str], why: str
) -> list[str]:
    """Signals by group with enough rows; how many groups have too few is said."""
    lines = ["| method | penalty | axis/group | figure | n | mean of seeds | rates | states |", "| --- " * 8 + "|"]
    few: set[str] = set()
    for method in METHODS:
        for arm in arms:
            of_arm = [run for (its, other, _), run in runs.items() if (its, other) == (method, arm)]
            keys = {
                (line["axis"], line["group"], line["name"])
                for run in of_arm
                for line in run.signals
                if line["split"] == "test" and line["name"] in names
            }
            for axis, group, name in sorted(keys):
                found = [run.signal("test", axis=axis, group=group, name=name) for run in of_arm]
                signals = [line for line in found if line is not None]
                if any(line["p_value"] is None for line in signals):
                    few.add(f"{axis}/{group}")
                    continue
                rates = " ".join(
                    f"{key} {np.mean([line['detail'][key] for line in signals]):.3f}"
                    for key in ("rate", "rate_of_others", "rate_of_reference")
                    if key in signals[0]["detail"]
                )
                mean = t_interval([line["value"] for line in signals])
                if "within_margin" in signals[0]["detail"]:
                    shown = sum(line["detail"]["within_margin"] for line in signals)
                    rates += f", unharmed in {shown} of {len(signals)}"
                lines.append(
                    f"| {method} | {arm} | {axis}/{group} | {name} | {signals[0]['n']} | {mean} | {rates} "
                    f"| {_states(signals)} |"
                )
    return [*lines, "", f"Insufficient ({why}): {', '.join(sorted(few)) or 'none'}. {drafts(runs)}"]


def about(runs: dict[tuple[str, str, int], Run]) -> list[Line]:
    """One line a run: its best step, its scores, and what it was run with."""
    lines = []
    for (method, arm, seed), run in runs.items():
        record = run.record
        line = {"method": method, "penalty": arm, "seed": seed, "best_step": record["best"]["step"]}
        line |= {split: round(record["final"][split]["macro_f1"], 5) for split in ("validation", "test", "test_clean")}
        line["alerts"] = Counter(f"{s['state']} {s['name']}" for s in run.signals if s["state"] in ALERTS)
        provenance = record["provenance"]
        line |= {"seconds": provenance["seconds"], "commit": provenance["git"]["commit"][:7]}
        lines.append(line)
    return lines


def main() -> None:
    """Prints the tables and writes them to ``OUTPUT/table.md``, and a line for each run to ``OUTPUT/runs.jsonl``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    runs = read(arguments.output, arguments.seeds)
    if not runs:
        parser.error(f"{arguments.output} holds no completed run")
    scores, lowest = score_table(runs, arguments.seeds)
    sections = {
        "What was asked": verdicts(runs, arguments.seeds, lowest),
        "Score on test": scores,
        "Gap on test, over all groups of an axis": gap_table(runs, arguments.seeds, ("ethnicity", "religion")),
        "Twins on test": group_table(runs, TWINS, ("on",), "too few rows"),
        "Natural rows of test": group_table(
            runs, ("false_positive_rate_gap", "recall_gap", "worst_group_accuracy"), ARMS, "too few rows"
        ),
    }
    text = "\n".join(f"### {title}\n\n" + "\n".join(lines) + "\n" for title, lines in sections.items())
    (arguments.output / "table.md").write_text(text, encoding="utf-8")
    write_lines(arguments.output / "runs.jsonl", about(runs))
    print(text)


if __name__ == "__main__":
    main()
