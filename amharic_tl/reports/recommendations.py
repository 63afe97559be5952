"""Named rules that look at a run's figures and say what to do. Each prints its figure and its threshold.

A rule whose figure is not there says "not measured": silence would read as a pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from amharic_tl.reports.contents import Contents

State = Literal["act", "fine", "not measured"]

TRAIN_DEV_GAP = 0.5  # nats by which the validation loss may exceed the training loss
LABEL_SHIFT = 0.1  # total variation between label shares
TRUNCATED = 0.05  # share of texts cut
MINIMUM_ROWS = 30  # rows of a class in a split, below which its F1 says little
LEAK = 0.0  # share of test rows with a near-duplicate in train or validation
SKIPPED = 0  # updates skipped for non-finite values
UNKNOWN = 0.01  # share of tokens the tokenizer does not know
WIDE_INTERVAL = 0.1  # width of the 95% interval of macro-F1
WORST_CLASS = 0.5  # a class's F1 as a share of macro-F1


@dataclass(frozen=True)
class Finding:
    """What a rule found."""

    rule: str
    state: State
    figure: str
    threshold: str
    advice: str


Rule = Callable[[Contents], Finding]


def _missing(rule: str, what: str) -> Finding:
    return Finding(rule, "not measured", what, "", "")


def _judge(rule: str, act: bool, figure: str, threshold: str, advice: str) -> Finding:
    return Finding(rule, "act" if act else "fine", figure, threshold, advice if act else "")


def _scored_split(run: Contents) -> str | None:
    return next((split for split in ("test", "validation") if run.metric(split, "macro_f1") is not None), None)


def below_tfidf(run: Contents) -> Finding:
    """The model does not beat TF-IDF with logistic regression."""
    split = _scored_split(run)
    line = run.baseline("tfidf", split, "macro_f1") if split else None
    if split is None or line is None:
        return _missing("below-tfidf", "no macro-F1 of both the model and the TF-IDF line")
    model = run.metric(split, "macro_f1") or 0.0
    return _judge(
        "below-tfidf",
        model < line,
        f"{split} macro-F1 {model:.3f}, TF-IDF {line:.3f}",
        "at least the TF-IDF line",
        "Train longer or at a larger rate, transfer from a larger base (config.model.path), or use the line itself.",
    )


def below_constant(run: Contents) -> Finding:
    """The model is no more accurate than the most frequent class."""
    split = _scored_split(run)
    line = run.baseline("constant", split, "accuracy") if split else None
    if split is None or line is None:
        return _missing("below-constant", "no accuracy of both the model and the constant class")
    model = run.metric(split, "accuracy") or 0.0
    return _judge(
        "below-constant",
        model <= line,
        f"{split} accuracy {model:.3f}, always {run.baselines['constant'].get('label')!r} {line:.3f}",
        "above the constant class",
        "The model learned nothing useful, or the labels shift: look at the confusion matrix and the label shift.",
    )


def label_shift(run: Contents) -> Finding:
    """Label shares differ between train and another split."""
    shifts = run.data.get("label_shift")
    if not shifts:
        return _missing("label-shift", "no labels, or no second split")
    worst = max(shifts, key=lambda shift: shift["total_variation"])
    return _judge(
        "label-shift",
        worst["total_variation"] > LABEL_SHIFT and worst["chi2_p"] < 0.01,
        f"total variation {worst['total_variation']:.2f}, {worst['a']} to {worst['b']} (p {worst['chi2_p']:.1g})",
        f"{LABEL_SHIFT:g}",
        "Read macro-F1 rather than accuracy, compare with the constant class, do not tune on such a split.",
    )


def train_dev_gap(run: Contents) -> Finding:
    """The validation loss is far above the training loss."""
    train, dev = run.curve("train", "loss"), run.curve("validation", "loss")
    if not train or not dev:
        return _missing("train-dev-gap", "no training and validation loss yet")
    recent = [value for _, value in train[-10:]]
    gap = dev[-1][1] - sum(recent) / len(recent)
    return _judge(
        "train-dev-gap",
        gap > TRAIN_DEV_GAP,
        f"validation loss {gap:+.2f} nats above the last training losses",
        f"{TRAIN_DEV_GAP:g} nats",
        "Stop earlier (config.train.patience), train fewer layers (config.transfer.method=top-layers), or add data.",
    )


def truncation(run: Contents) -> Finding:
    """Many texts are cut."""
    shares = {name: s["truncated_share"] for name, s in run.data.get("splits", {}).items() if "truncated_share" in s}
    if not shares:
        return _missing("truncation", "texts of this task are not truncated, or data.json is not there")
    name = max(shares, key=lambda split: shares[split])
    return _judge(
        "truncation",
        shares[name] > TRUNCATED,
        f"{shares[name]:.1%} of {name} is longer than {run.data.get('max_length')} tokens",
        f"{TRUNCATED:.0%}",
        "Raise config.data.max_length; what is cut off cannot be learned.",
    )


def insufficient_n(run: Contents) -> Finding:
    """A class has too few rows for its score to say much."""
    split = "test" if "test" in run.data.get("splits", {}) else "validation"
    counts = run.data.get("splits", {}).get(split, {}).get("labels")
    if not counts:
        return _missing("insufficient-n", "no labels")
    few = {label: count for label, count in counts.items() if count < MINIMUM_ROWS}
    smallest = min(counts.items(), key=lambda item: item[1])
    return _judge(
        "insufficient-n",
        bool(few),
        f"the smallest class of {split} is {smallest[0]!r} with {smallest[1]} rows",
        f"{MINIMUM_ROWS} rows",
        f"Do not rank models by the F1 of {', '.join(map(repr, few))}; merge classes or collect rows.",
    )


def wide_interval(run: Contents) -> Finding:
    """The macro-F1 is known only roughly."""
    split = _scored_split(run)
    ends = run.interval(split, "macro_f1") if split else None
    if ends is None:
        return _missing("wide-interval", "no interval of macro-F1")
    return _judge(
        "wide-interval",
        ends[1] - ends[0] > WIDE_INTERVAL,
        f"{split} macro-F1 between {ends[0]:.3f} and {ends[1]:.3f}",
        f"width {WIDE_INTERVAL:g}",
        "Differences smaller than this interval are noise: use more test rows, several seeds and paired tests.",
    )


def worst_class(run: Contents) -> Finding:
    """One class is far worse than the mean."""
    split = _scored_split(run)
    if split is None:
        return _missing("worst-class", "no scores by class")
    metrics = run.evaluation.get(split, {}).get("metrics", {})
    by_class = {name.removeprefix("f1/"): value for name, value in metrics.items() if name.startswith("f1/")}
    if not by_class or not metrics.get("macro_f1"):
        return _missing("worst-class", "no scores by class")
    label = min(by_class, key=lambda name: by_class[name])
    return _judge(
        "worst-class",
        by_class[label] < WORST_CLASS * metrics["macro_f1"],
        f"F1 of {label!r} is {by_class[label]:.3f}, the mean {metrics['macro_f1']:.3f}",
        f"{WORST_CLASS:g} x the mean",
        "Try config.train.class_weights=balanced, and read what the class is confused with.",
    )


def near_duplicate_leak(run: Contents) -> Finding:
    """Test rows stand, nearly the same, in train or validation."""
    if "test" not in run.data.get("splits", {}):
        return _missing("near-duplicate-leak", "no test split")
    leaked = len(run.data.get("near_duplicate_ids", {}).get("test", []))
    rows = max(run.data["splits"]["test"]["rows"], 1)
    return _judge(
        "near-duplicate-leak",
        leaked / rows > LEAK,
        f"{leaked} of {rows} test rows",
        "none",
        "Report the score on the clean part too (test_clean below leaves these rows out).",
    )


def label_only_in_test(run: Contents) -> Finding:
    """A split has labels that the model cannot predict."""
    if not run.data.get("labels"):
        return _missing("label-only-in-test", "no labels")
    only = run.data.get("labels_only_in", {})
    shown = "; ".join(f"{split}: {', '.join(labels)}" for split, labels in only.items()) or "none"
    return _judge(
        "label-only-in-test",
        bool(only),
        shown,
        "none",
        "These rows count as wrong; mend the labels or add training rows.",
    )


def unknown_tokens(run: Contents) -> Finding:
    """The tokenizer does not know the script."""
    shares = {n: s["unknown_token_share"] for n, s in run.data.get("splits", {}).items() if "unknown_token_share" in s}
    if not shares:
        return _missing("unknown-tokens", "not counted for this task")
    name = max(shares, key=lambda split: shares[split])
    return _judge(
        "unknown-tokens",
        shares[name] > UNKNOWN,
        f"{shares[name]:.2%} of the tokens of {name}",
        f"{UNKNOWN:.0%}",
        "Choose a base whose tokenizer has the Ethiopic script: an unknown token carries nothing.",
    )


def non_finite_steps(run: Contents) -> Finding:
    """Updates were skipped because the loss or a gradient was not finite."""
    if not run.metrics:
        return _missing("non-finite-steps", "no step yet")
    skipped = len({event["step"] for event in run.events if event.get("event") == "non_finite"})
    return _judge(
        "non-finite-steps",
        skipped > SKIPPED,
        f"{skipped} updates skipped",
        f"{SKIPPED}",
        "Lower config.optim.lr, lengthen config.optim.warmup, or look at the rows named in events.jsonl.",
    )


def unfinished_run(run: Contents) -> Finding:
    """The run has not come to its end."""
    return _judge(
        "unfinished-run",
        run.status != "completed",
        f"status {run.status}",
        "completed",
        "The figures are those so far; type the same command again to go on.",
    )


RULES: tuple[Rule, ...] = (
    below_tfidf,
    below_constant,
    label_shift,
    train_dev_gap,
    truncation,
    insufficient_n,
    wide_interval,
    worst_class,
    near_duplicate_leak,
    label_only_in_test,
    unknown_tokens,
    non_finite_steps,
    unfinished_run,
)


def findings(run: Contents) -> list[Finding]:
    """Every rule's finding: what asks for action first, then what is fine, then what was not measured."""
    order = {"act": 0, "fine": 1, "not measured": 2}
    return sorted((rule(run) for rule in RULES), key=lambda finding: order[finding.state])
