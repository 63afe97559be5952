"""Named rules that look at a run's figures and say what to do. Each prints its figure and its threshold.

A rule whose figure is not there says "not measured": silence would read as a pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from amharic_tl.errors import name_some
from amharic_tl.records.signals import UNREVIEWED
from amharic_tl.reports import bounds
from amharic_tl.reports.contents import Contents
from amharic_tl.reports.judged import Judged
from amharic_tl.reports.safety import TWINS, latest, proposals
from amharic_tl.reports.stability import NO_TREND, spikes_of_training, trend_of_training
from amharic_tl.reports.text import visible

State = Literal["act", "fine", "not measured"]

TRAIN_DEV_GAP = 0.5  # nats by which the validation loss may exceed the training loss
RECENT_LINES = 10  # lines of the training loss that count as recent
LABEL_SHIFT = 0.1  # total variation between label shares
SHIFT_P = 0.01  # p of the label shift above which it may be chance
TRUNCATED = 0.05  # share of texts cut
MINIMUM_ROWS = 30  # rows of a class in a split, below which its F1 says little
LEAK = 0.0  # share of test rows with a near-duplicate in train or validation
CONFLICTING = 0.01  # share of training rows' texts that stand there with several labels
SKIPPED = 0  # updates skipped for non-finite values
UNKNOWN = 0.01  # share of tokens the tokenizer does not know
WIDE_INTERVAL = 0.1  # width of the 95% interval of the headline figure
WORST_CLASS = 0.5  # a class's F1 as a share of macro-F1
ONE_CLASS = 0.95  # share of the predictions that one class may have, unless as many rows belong to it


@dataclass(frozen=True)
class Finding:
    """What a rule found."""

    rule: str
    state: State
    figure: str
    threshold: str
    advice: str


# A rule gives its judgement, or says in words why it cannot.
Rule = Callable[[Contents], Judged | str]
RULES: dict[str, tuple[str, Rule]] = {}


def _rule(name: str, threshold: str) -> Callable[[Rule], Rule]:
    def enter(function: Rule) -> Rule:
        RULES[name] = (threshold, function)
        return function

    return enter


def findings(run: Contents) -> list[Finding]:
    """Every rule's finding: what asks for action first, then what was not measured, then what is fine."""
    order = {"act": 0, "not measured": 1, "fine": 2}
    return sorted((_apply(name, run) for name in RULES), key=lambda finding: order[finding.state])


def _apply(name: str, run: Contents) -> Finding:
    threshold, rule = RULES[name]
    try:
        judged = rule(run)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # A file of another version, or mended by hand. The rest of the report still stands.
        judged = f"the files lack what this rule reads ({type(error).__name__}: {visible(error)})"
    if isinstance(judged, str):
        return Finding(name, "not measured", judged, threshold, "")
    return Finding(name, "act" if judged.act else "fine", judged.figure, threshold, judged.advice if judged.act else "")


def _name(label: str) -> str:
    return f"“{visible(label, 60)}”"


@_rule("below-tfidf", "at least the line learned from train")
def below_tfidf(run: Contents) -> Judged | str:
    """The model does not beat the simple line that learned from train: TF-IDF, or a list of words with their tags."""
    split, name = run.judged_split(), run.short_names[run.learned_line]
    line = run.baseline(run.learned_line, split, run.headline) if split else None
    if split is None or line is None:
        reason = run.baselines.get(run.learned_line, {}).get("not_measured")
        return f"{name}: {reason}" if reason else f"no {run.headline_shown} of both the model and the {name} line"
    model, ends = run.metric(split, run.headline) or 0.0, run.interval(split, run.headline)
    inside = " (inside the model's interval)" if ends and ends[0] <= line <= ends[1] else ""
    return Judged(
        model < line,
        f"{split} {run.headline_shown} {model:.3f}, {name} {line:.3f}{inside}",
        "Train longer or at a larger rate, transfer from a larger base (config.model.path), or use the line itself.",
    )


@_rule("below-constant", "better than a constant prediction")
def below_constant(run: Contents) -> Judged | str:
    """The model is no better than always the same prediction: in accuracy, or in squared error."""
    split = run.judged_split()
    if run.problem == "regression":
        return _above_the_mean(run, split)
    line = run.baseline("constant", split, "accuracy") if split else None
    if split is None or line is None:
        return "no accuracy of both the model and the most frequent class"
    model = run.metric(split, "accuracy") or 0.0
    return Judged(
        model <= line,
        f"{split} accuracy {model:.3f}, always {_name(run.baselines['constant']['label'])} {line:.3f}",
        "The model learned nothing useful, or the labels shift: look at the confusion matrix and the label shift.",
    )


def _above_the_mean(run: Contents, split: str | None) -> Judged | str:
    model = run.metric(split, "mse") if split else None
    line = run.baseline("constant", split, "mse") if split else None
    if model is None or line is None:
        return "no squared error of both the model and the mean"
    return Judged(
        model >= line,
        f"{split} mean squared error {model:.3f}, always the mean of train {line:.3f}",
        "The model learned nothing useful, or the numbers shift between the splits.",
    )


@_rule("collapsed-predictions", f"{ONE_CLASS:.0%} in one class, if fewer rows belong to it")
def collapsed_predictions(run: Contents) -> Judged | str:
    """Nearly all predictions are one class, though the rows are not."""
    split = run.judged_split()
    confusion = run.evaluation.get(split, {}).get("confusion") if split else None
    if not confusion or not any(map(any, confusion["counts"])):
        return "no confusion matrix"
    counts = confusion["counts"]
    total = sum(map(sum, counts))
    predicted = [sum(line[index] for line in counts) / total for index in range(len(counts))]
    most = max(range(len(counts)), key=lambda index: predicted[index])
    gold = sum(counts[most]) / total
    return Judged(
        predicted[most] > ONE_CLASS > gold,
        f"{predicted[most]:.0%} of {split} predicted {_name(confusion['labels'][most])}, {gold:.0%} of its rows are",
        "Train longer, try config.train.class_weights=balanced, or another config.optim.lr: one class was learned.",
    )


@_rule("worst-class", f"{WORST_CLASS:g} x the F1 over all")
def worst_class(run: Contents) -> Judged | str:
    """One class is far worse than the mean."""
    split = run.judged_split()
    metrics = run.evaluation.get(split, {}).get("metrics", {}) if split else {}
    by_class = {name.removeprefix("f1/"): value for name, value in metrics.items() if name.startswith("f1/")}
    whole = metrics.get(run.headline)
    if not by_class or not whole:
        return "no scores by class"
    label = min(by_class, key=lambda name: by_class[name])
    return Judged(
        by_class[label] < WORST_CLASS * whole,
        f"{split} F1 of {_name(label)} {by_class[label]:.3f}, {run.headline_shown} {whole:.3f}",
        "Read what the class is confused with; try config.train.class_weights=balanced, or collect rows of it.",
    )


@_rule("wide-interval", f"width {WIDE_INTERVAL:g}")
def wide_interval(run: Contents) -> Judged | str:
    """The headline figure is known only roughly."""
    split = run.judged_split()
    ends = run.interval(split, run.headline) if split else None
    if ends is None:
        return f"no interval of {run.headline_shown}"
    return Judged(
        ends[1] - ends[0] > WIDE_INTERVAL,
        f"{split} {run.headline_shown} between {ends[0]:.3f} and {ends[1]:.3f}, {ends[1] - ends[0]:.3f} wide",
        "Differences smaller than this interval are noise: use more test rows, several seeds and paired tests.",
    )


@_rule("train-dev-gap", f"{TRAIN_DEV_GAP:g} nats")
def train_dev_gap(run: Contents) -> Judged | str:
    """The validation loss is far above the training loss."""
    if run.is_classification and run.problem == "regression":
        return "squared errors are no nats"
    dev = run.curve("validation", "loss")
    train = [value for step, value in run.curve("train", "loss") if dev and step <= dev[-1][0]]
    if not train:
        return "no training and validation loss yet"
    recent = train[-RECENT_LINES:]
    gap = dev[-1][1] - sum(recent) / len(recent)
    return Judged(
        gap > TRAIN_DEV_GAP,
        f"validation loss {gap:+.2f} nats against the recent training loss, at step {dev[-1][0]:,}",
        "Stop earlier (config.train.patience), train fewer layers (config.transfer.method=top-layers), or add data.",
    )


@_rule("best-at-the-end", "the best evaluation is not the last one")
def best_at_the_end(run: Contents) -> Judged | str:
    """The best evaluation was the last one, so that more training may help."""
    if run.status != "completed":
        return "the run is not complete"
    steps = [int(line["step"]) for line in run.metrics if line.get("split") == "validation"]
    best = (run.run.get("best") or {}).get("step")
    if best is None or len(set(steps)) < 2:
        return "fewer than two evaluations"
    return Judged(
        best == max(steps),
        f"best at step {best:,} of {max(steps):,}",
        "The model was still improving: train longer (config.train.epochs or config.train.steps).",
    )


@_rule("non-finite-steps", f"{SKIPPED} updates")
def non_finite_steps(run: Contents) -> Judged | str:
    """Updates were skipped because the loss or a gradient was not finite."""
    if not run.metrics:
        return "no step yet"
    skipped = len({event.get("step") for event in run.events if event.get("event") == "non_finite"})
    return Judged(
        skipped > SKIPPED,
        f"{skipped} updates skipped",
        "Lower config.optim.lr, lengthen config.optim.warmup, or look at the rows named in events.jsonl.",
    )


_rule("training-trend", NO_TREND)(trend_of_training)
_rule("spikes", "none, and never gone back")(spikes_of_training)


@_rule("label-shift", f"total variation {LABEL_SHIFT:g} at p < {SHIFT_P:g}")
def label_shift(run: Contents) -> Judged | str:
    """Label shares differ between train and another split."""
    shifts = run.data.get("label_shift")
    if not shifts:
        return "no labels, or no second split"
    worst = max(shifts, key=lambda shift: float(shift["total_variation"]))
    return Judged(
        worst["total_variation"] > LABEL_SHIFT and worst["chi2_p"] < SHIFT_P,
        f"total variation {worst['total_variation']:.2f} from {worst['a']} to {worst['b']} (p {worst['chi2_p']:.1g})",
        "Read macro-F1 rather than accuracy, compare with the most frequent class, do not tune on such a split.",
    )


@_rule("label-only-in-test", "none")
def label_only_in_test(run: Contents) -> Judged | str:
    """A split has labels that the model cannot predict."""
    if not run.data.get("labels"):
        return "no labels"
    only = run.data.get("labels_only_in", {})
    shown = "; ".join(f"{split}: {name_some(map(_name, labels))}" for split, labels in only.items())
    return Judged(
        bool(only),
        shown or "every label of validation and test is in train",
        "These rows count as wrong; mend the labels or add training rows.",
    )


@_rule("insufficient-n", f"{MINIMUM_ROWS} rows of each class")
def insufficient_n(run: Contents) -> Judged | str:
    """A class has too few rows for its score to say much."""
    split = "test" if "test" in run.splits else "validation"
    held = run.splits.get(split, {}).get("labels")
    if not held:
        return "no labels"
    counts = {label: held.get(label, 0) for label in {**dict.fromkeys(run.data.get("labels", [])), **held}}
    few = [label for label, count in counts.items() if count < MINIMUM_ROWS]
    smallest = min(counts, key=lambda label: counts[label])
    unit = "tokens" if run.problem == "tags" else "rows"
    return Judged(
        bool(few),
        f"smallest class of {split}: {_name(smallest)}, {counts[smallest]} {unit}",
        f"Do not rank models by the F1 of {name_some(map(_name, few))}, and read the interval of {run.headline_shown} "
        "as too narrow; merge classes or collect rows.",
    )


@_rule("near-duplicate-leak", f"{LEAK:.0%} of the test rows")
def near_duplicate_leak(run: Contents) -> Judged | str:
    """Test rows stand, nearly the same, in train or validation."""
    if "test" not in run.splits:
        return "no test split"
    leaked, rows = len(run.data["near_duplicate_ids"].get("test", [])), run.splits["test"]["rows"]
    return Judged(
        leaked / max(rows, 1) > LEAK,
        f"{leaked:,} of {rows:,} test rows",
        "Report the score of test_clean beside that of test: it leaves these rows out."
        if run.metric("test_clean", run.headline) is not None
        else "Take these rows out of the training data, or say how many there are beside the score.",
    )


@_rule("conflicting-labels", f"{CONFLICTING:.0%} of the training rows")
def conflicting_labels(run: Contents) -> Judged | str:
    """Texts of the training data carry several labels."""
    train = run.splits.get("train", {})
    if not train.get("labels") or "conflicting_labels" not in train:
        return "no labels"
    conflicts, rows = train["conflicting_labels"], max(train["rows"], 1)
    return Judged(
        conflicts / rows > CONFLICTING,
        f"texts with several labels in train: {conflicts:,} ({rows:,} rows)",
        "Read these texts and settle their labels; no model can learn both.",
    )


@_rule("truncation", f"{TRUNCATED:.0%} of a split")
def truncation(run: Contents) -> Judged | str:
    """Many texts are cut."""
    shares = {name: s["truncated_share"] for name, s in run.splits.items() if "truncated_share" in s}
    if not shares:
        return "texts of this task are not cut, or data.json is not there"
    name = max(shares, key=lambda split: shares[split])
    return Judged(
        shares[name] > TRUNCATED,
        f"{shares[name]:.1%} of {name} is longer than {run.data.get('max_length')} tokens",
        "Raise config.data.max_length, or set config.data.long_text=windows; what is cut off cannot be learned.",
    )


@_rule("unknown-tokens", f"{UNKNOWN:.0%} of a split's tokens")
def unknown_tokens(run: Contents) -> Judged | str:
    """The tokenizer does not know the script."""
    shares = {name: s["unknown_token_share"] for name, s in run.splits.items() if "unknown_token_share" in s}
    if not shares:
        return "not counted for this task"
    name = max(shares, key=lambda split: shares[split])
    return Judged(
        shares[name] > UNKNOWN,
        f"{shares[name]:.2%} of the tokens of {name}",
        "Choose a base whose tokenizer has the Ethiopic script: an unknown token carries nothing.",
    )


@_rule("unreviewed-data", "no notice")
def unreviewed_data(run: Contents) -> Judged | str:
    """The data carries a notice, such as that nobody has reviewed it."""
    if not run.data:
        return "data.json is not there"
    notices = [*run.data.get("notices", []), *run.run.get("notices", [])]
    return Judged(
        bool(notices),
        f"{len(notices)} notices" if len(notices) != 1 else "1 notice",
        "Do not publish these scores as the quality of a model: see the notice at the top of this page.",
    )


@_rule("safety-signal", "no confirmed signal")
def safety_signal(run: Contents) -> Judged | str:
    """A bias is established."""
    return _confirmed(
        [line for line in latest(run) if line["name"] not in TWINS],
        "no axis is watched (config.safety.axes)" if not run.watched else "no signal has enough rows",
        "See the safety part. A penalty (config.safety.penalties) pushes back; judge it on swaps it never trained on.",
    )


@_rule("erasure-twin", "no confirmed twin")
def erasure_twin(run: Contents) -> Judged | str:
    """A penalty made the model worse for a group."""
    return _confirmed(
        [line for line in latest(run) if line["name"] in TWINS],
        "no reference run (config.safety.reference), or too few rows",
        "A run that is safer with a worse twin has failed: lower the penalty's weight, or change its groups.",
    )


@_rule("safety-bounds", "constraints in reach, limits kept to")
def safety_bounds(run: Contents) -> Judged | str:
    """A bound on a safety figure is not kept to."""
    return bounds.judged(run)


def _confirmed(lines: list[dict[str, Any]], absent: str, advice: str) -> Judged | str:
    tested = [line for line in lines if line["state"] != "insufficient"]
    if not tested:
        return absent
    raised = [line for line in tested if line["state"] == "confirmed"]
    names = name_some(f"{line['name']} {line['axis']}/{line['group']}" for line in raised)
    drafts = f" ({UNREVIEWED})" if any(line.get("unreviewed") for line in tested) else ""
    figure = f"{len(raised)} of {len(tested)} confirmed{f': {names}' if names else ''}{drafts}"
    return Judged(bool(raised), figure, advice)


@_rule("unfinished-run", "status completed")
def unfinished_run(run: Contents) -> Judged | str:
    """The run has not come to its end."""
    if not run.run:
        return "run.json is not there"
    if run.status == "running":
        return "the run is still going on, or was killed: nothing else has been recorded"
    return Judged(
        run.status != "completed",
        f"status {run.status}",
        "The figures are those so far; to go on after an interruption, type the same command again.",
    )


@_rule("safety-proposals", "no action is left to a person")
def safety_proposals(run: Contents) -> Judged | str:
    """A return to a checkpoint or a stop was proposed, or could not be made."""
    return proposals(run)
