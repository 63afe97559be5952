"""How often each comparison says "different" where nothing differs. Writes counts and the table."""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from null_world import CLASSES, cluster_of_items, gold_labels, predictions, sums

from amharic_tl.evaluation.compare.bootstrap import paired_bootstrap
from amharic_tl.evaluation.compare.clusters import cluster_sums
from amharic_tl.evaluation.compare.contrast import Measured, effect
from amharic_tl.evaluation.compare.mcnemar import mcnemar
from amharic_tl.evaluation.compare.randomisation import approximate_randomisation, sign_flip
from amharic_tl.evaluation.compare.stochastic_order import almost_stochastic_order
from amharic_tl.evaluation.intervals import metrics_of_sums
from amharic_tl.evaluation.multiplicity import holm
from amharic_tl.records.files import read_lines, write_lines, write_text

LEVEL = 0.05
ITEMS = 200
RESAMPLES = 999  # of comparisons of two models
SEED_RESAMPLES = 499  # of comparisons over seeds
NAMES = [str(number) for number in range(CLASSES)]
Found = Iterator[tuple[str, bool]]


def macro_f1(totals: np.ndarray) -> np.ndarray:
    return metrics_of_sums(totals, NAMES)["macro_f1"]


def accuracy(totals: np.ndarray) -> np.ndarray:
    return metrics_of_sums(totals, NAMES)["accuracy"]


def two_models(generator: np.random.Generator, clustered: bool) -> Found:
    """One run against another: do these models differ on items like these?"""
    gold = gold_labels(generator, ITEMS)
    clusters = cluster_of_items(generator, ITEMS, clustered)
    predicted = predictions(generator, gold, clusters, 2, 1, of_arm=0.0, of_seed=0.0)
    by_item = sums(gold, predicted)
    ways = {"clusters": cluster_sums(by_item, clusters)} if clustered else {}
    ways["items"] = by_item
    for unit, (a, b) in ways.items():
        suffix = f", over {unit}" if clustered else ""
        draw = {"seed": int(generator.integers(2**31))}
        for name, value in (("macro-F1", macro_f1), ("accuracy", accuracy)):
            low, high = paired_bootstrap(a, b, value, resamples=RESAMPLES, **draw)
            yield f"bootstrap, {name}{suffix}", not low <= 0 <= high
            yield (
                f"randomisation, {name}{suffix}",
                approximate_randomisation(a, b, value, rounds=RESAMPLES, **draw) <= LEVEL,
            )
        found = effect([Measured({0: 0.0}, {0: b[0]}), Measured({0: 0.0}, {0: a[0]})], (1, -1), macro_f1)
        difference = float(macro_f1(b[0].sum(0)) - macro_f1(a[0].sum(0)))
        yield f"jackknife t, macro-F1{suffix}", found.high is not None and abs(difference) > found.high
    test = mcnemar(predicted[0, 0] == gold, predicted[1, 0] == gold)
    suffix = ", blind to clusters" if clustered else ""
    yield f"McNemar exact{suffix}", test.exact <= LEVEL
    yield f"McNemar mid-p{suffix}", test.mid_p <= LEVEL


def two_methods(generator: np.random.Generator, seeds: int, of_arm: float, collapse: float) -> Found:
    """Several seeds of each arm: does one way of training differ from the other?"""
    gold = gold_labels(generator, ITEMS)
    clusters = cluster_of_items(generator, ITEMS, True)
    predicted = predictions(generator, gold, clusters, 2, seeds, of_arm=of_arm, of_seed=0.15, collapse=collapse)
    by_cluster = cluster_sums(sums(gold, predicted), clusters)
    scores = macro_f1(by_cluster.sum(axis=-2))
    draw = {"seed": int(generator.integers(2**31))}
    arms = [Measured(dict(enumerate(s)), dict(enumerate(c))) for s, c in zip(scores, by_cluster, strict=True)]
    both = effect(arms, (1, -1), macro_f1)
    alone = effect([Measured(arm.scores) for arm in arms], (1, -1))
    yield "t, seeds and items", both.p is not None and both.p <= LEVEL
    yield "t, seeds alone", alone.p is not None and alone.p <= LEVEL
    low, high = paired_bootstrap(*by_cluster, macro_f1, resamples=SEED_RESAMPLES, **draw)
    yield "bootstrap over clusters, runs as given", not low <= 0 <= high
    yield (
        "randomisation over clusters, runs as given",
        (approximate_randomisation(*by_cluster, macro_f1, rounds=SEED_RESAMPLES, **draw) <= LEVEL),
    )
    yield "sign flips over seeds", sign_flip(scores[0] - scores[1]) <= LEVEL
    chosen = generator.integers(0, seeds, (SEED_RESAMPLES, seeds))
    low, high = np.quantile((scores[0] - scores[1])[chosen].mean(axis=1), [LEVEL / 2, 1 - LEVEL / 2])
    yield "percentile bootstrap over seeds", not low <= 0 <= high
    order = [
        almost_stochastic_order(x, y, resamples=SEED_RESAMPLES, **draw).epsilon_min for x, y in (scores, scores[::-1])
    ]
    for threshold in (0.2, 0.5):
        yield f"ASO below {threshold}, one direction", order[0] < threshold
        yield f"ASO below {threshold}, either direction", min(order) < threshold


def family(generator: np.random.Generator, seeds: int, arms: int = 4) -> Found:
    """Several arms against one control: any false finding in the family?"""
    gold = gold_labels(generator, ITEMS)
    clusters = cluster_of_items(generator, ITEMS, True)
    predicted = predictions(generator, gold, clusters, arms + 1, seeds, of_arm=0.5, of_seed=0.15)
    by_cluster = cluster_sums(sums(gold, predicted), clusters)
    scores = macro_f1(by_cluster.sum(axis=-2))
    measured = [Measured(dict(enumerate(s)), dict(enumerate(c))) for s, c in zip(scores, by_cluster, strict=True)]
    p = [effect([arm, measured[0]], (1, -1), macro_f1).p or 1.0 for arm in measured[1:]]
    yield f"any of {arms}, Holm", min(holm(p)) <= LEVEL
    yield f"any of {arms}, uncorrected", min(p) <= LEVEL
    order = [
        almost_stochastic_order(
            s, scores[0], comparisons=arms, resamples=SEED_RESAMPLES, seed=int(generator.integers(2**31))
        )
        for s in scores[1:]
    ]
    yield f"any of {arms}, ASO below 0.2, Bonferroni", min(one.epsilon_min for one in order) < 0.2


def scenarios() -> dict[str, Callable[[np.random.Generator], Found]]:
    found: dict[str, Callable[[np.random.Generator], Found]] = {
        "two models, independent items": lambda g: two_models(g, False),
        "two models, clusters of 1 to 6": lambda g: two_models(g, True),
    }
    for seeds in (2, 3, 5, 10):
        found[f"two methods, {seeds} seeds"] = lambda g, seeds=seeds: two_methods(g, seeds, 0.5, 0.0)
    found["two methods, 5 seeds, a fifth of the runs collapse"] = lambda g: two_methods(g, 5, 0.5, 0.2)
    found["two methods, 5 seeds, arms alike on every item"] = lambda g: two_methods(g, 5, 0.0, 0.0)
    for seeds in (3, 5):
        found[f"four arms and a control, {seeds} seeds"] = lambda g, seeds=seeds: family(g, seeds)
    return found


def count(scenario: str, comparisons: int, seed: int = 0) -> list[dict[str, Any]]:
    """A line a method: false positives of so many null comparisons."""
    counts: dict[str, int] = defaultdict(int)
    number = list(scenarios()).index(scenario)
    for comparison in range(comparisons):
        for method, positive in scenarios()[scenario](np.random.default_rng([seed, number, comparison])):
            counts[method] += bool(positive)
    return [
        {
            "scenario": scenario,
            "method": method,
            "comparisons": comparisons,
            "false_positives": positives,
            "share": positives / comparisons,
        }
        for method, positives in counts.items()
    ]


def band(comparisons: int) -> tuple[int, int]:
    """Counts that a test with exactly this level gives in 99 of 100 such studies."""
    from scipy.stats import binom

    return int(binom.ppf(0.005, comparisons, LEVEL)), int(binom.ppf(0.995, comparisons, LEVEL))


def table(lines: list[dict[str, Any]]) -> str:
    rows = [
        f"Level {LEVEL}. The band holds 99 of 100 shares that a test with exactly this level gives.",
        "",
        "| scenario | method | null comparisons | false positives | band | |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for line in lines:
        comparisons, positives = line["comparisons"], line["false_positives"]
        low, high = band(comparisons)
        verdict = "careful" if positives < low else "holds" if positives <= high else "**too many**"
        shown = f"{low / comparisons:.3f} to {high / comparisons:.3f}"
        share = f"{positives / comparisons:.3f}"
        rows.append(f"| {line['scenario']} | {line['method']} | {comparisons:,} | {share} | {shown} | {verdict} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=1000, help="null comparisons of a scenario over seeds")
    parser.add_argument("--models", type=int, default=2000, help="null comparisons of a scenario of two models")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    # Scenarios that are there already are kept, so that an interrupted study goes on.
    lines = read_lines(arguments.output / "counts.jsonl")
    for scenario in scenarios():
        if any(line["scenario"] == scenario for line in lines):
            continue
        began = time.monotonic()
        lines += count(scenario, arguments.models if scenario.startswith("two models") else arguments.comparisons)
        print(f"{scenario}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        write_lines(arguments.output / "counts.jsonl", lines)
        write_text(arguments.output / "table.md", table(lines))


if __name__ == "__main__":
    main()
