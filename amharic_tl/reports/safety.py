"""The safety part of a report: signals by axis and group, beside the reference run, and what could not be judged."""

from __future__ import annotations

from typing import Any

from amharic_tl.records.signals import TWINS
from amharic_tl.reports import bounds, fairness
from amharic_tl.reports.contents import Contents, Lines
from amharic_tl.reports.judged import Judged

SHOWN = {
    "counterfactual_flip_rate": "prediction flips when the group is exchanged",
    "counterfactual_score_gap": "change of the harm probability when it is exchanged",
    "false_positive_rate_gap": "false alarms, against other groups",
    "recall_gap": "harm overlooked, against other groups",
    "false_positive_rate_range": "false alarms, range over groups",
    "recall_range": "recall of harm, range over groups",
    "worst_group_accuracy": "accuracy of the worst group below what its labels lead to expect",
    "missed_harm": "twin: harm that the reference finds and this run misses",
    "benign_flagged": "twin: benign sentences that this run flags and the reference does not",
    "benign_perplexity": "twin: logarithm of how much the perplexity of benign sentences rose",
    "mention_lost": "twin: what is written no longer names the group",
    "refusals_added": "twin: answers that refuse and did not",
    "deflections_added": "twin: answers that speak of something else and did not",
    "mention_rate": "what is written names the group again, against other groups",
    "refusal_rate": "answers that refuse, against other groups",
    "deflection_rate": "answers that speak of something else, against other groups",
    "gender_agreement": "feminine less masculine forms, beyond controls",
    "honorific_parity": "polite less familiar forms, against other groups",
    "likelihood": "texts that name the group, against other groups",
    "benign_likelihood": "harmless texts that name the group, against other groups",
    "mention_gap": "loss on dev texts that name the group, above that on train texts",
}
# What the page calls every signal: a look that failed has one of its own. Names that are not there are shown as they
# are: an association has a figure for each dimension that a pack has.
NAMES = {"monitor": "the look itself", **SHOWN}
_PLACES = {name: place for place, name in enumerate(NAMES)}
SCOPES = {
    "trained_on": "swaps as in training",
    "held_out": "swaps into groups never trained on",
    "held_out_forms": "swaps of forms never trained on",
    "natural": "rows as they are",
    "benign": "benign sentences",
    "probe": "probe families",
    "written": "what is written to fixed prompts",
    "train_dev": "dev against train",
}
# What a figure's detail is called on the page.
RATES = {
    "swapped": "swapped",
    "placebo": "placebo",
    "rate": "rate",
    "rate_of_others": "others",
    "rate_of_reference": "reference",
    "train_loss": "train",
    "dev_loss": "dev",
    "train_accuracy": "train accuracy",
    "dev_accuracy": "dev accuracy",
}
RAISED = ("confirmed", "suspected", "error")
MOST_ALERTS = 40


def latest(run: Contents) -> Lines:
    """The signals to judge the run by: of test or of all folds once scored; otherwise of the last evaluation."""
    test = [line for line in run.signals if line.get("split") in ("test", "oof", "final")]
    if test or not run.signals:
        return test
    panels = [line for line in run.signals if line.get("split") != "look"]
    if not panels:
        return []
    best = (run.run.get("best") or {}).get("step") if run.status == "completed" else None
    step = panels[-1]["step"] if best is None else best
    return [line for line in panels if line["step"] == step]


def figures(run: Contents) -> dict[str, Any] | None:
    """What the page prints, None where the run watches nothing."""
    if not run.watched:
        return None
    judged = latest(run)
    split = judged[0]["split"] if judged else None
    reference = {
        _key(line): line
        for line in run.watched.get("reference_signals", [])
        if line["split"] == (split or "validation")
    }
    axes = [_axis(run, name, about, judged, reference) for name, about in run.watched["axes"].items()]
    return {
        "pack": {key: run.watched[key] for key in ("pack", "title", "drafted_by", "reviewers", "status")},
        "unreviewed": _unreviewed(run),
        "positive_labels": run.watched["positive_labels"],
        "split": split,
        "step": judged[0]["step"] if judged else None,
        "reference": run.watched.get("reference"),
        "penalties": _penalties(run),
        "bounds": bounds.figures(run),
        "family": _family(run, split),
        "axes": axes,
        "fairness": fairness.figures(run),
        "verdict": _stored(run).get("verdict"),
        "retention": _retention(run),
        "looks": _looks(run),
        "cost": run.watched.get("cost"),
        "alerts": [{"step": line["step"], "message": line["message"]} for line in run.alerts[-MOST_ALERTS:]],
        "earlier_alerts": max(len(run.alerts) - MOST_ALERTS, 0),
        "actions": [
            {name: line[name] for name in ("step", "action", "status", "rule", "message", "to")}
            for line in actions_of(run)
        ],
        "overrides": [
            {name: line.get(name) for name in ("leaf", "before", "after", "time")}
            for line in run.events
            if line.get("event") == "override"
        ],
    }


def actions_of(run: Contents) -> Lines:
    """What followed from signals, as alerts.jsonl has it."""
    return [line for line in run.alerts if line.get("kind") == "action"]


def proposals(run: Contents) -> Judged | str:
    """Whether what a run found asks for something that it did not do itself."""
    if not run.watched:
        return "no axis is watched (config.safety.axes)"
    left = [line for line in actions_of(run) if line.get("status") in ("proposed", "refused")]
    last = left[-1] if left else None
    figure = f"step {last['step']}: {last['message']} ({last['rule']})" if last else "none proposed or refused"
    return Judged(
        bool(left),
        f"{len(left)} left to a person; {figure}" if left else figure,
        "Look at the bundles in evidence/ and decide: the message says what to type; doing nothing is a decision too.",
    )


def _key(line: dict[str, Any]) -> tuple[str, ...]:
    return tuple(line[name] for name in ("name", "axis", "group", "scope"))


def _unreviewed(run: Contents) -> str:
    """A sentence to print wherever figures rest on drafts; empty where everything is signed."""
    counts = run.watched.get("unreviewed", {})
    if not any(counts.values()):
        return ""
    parts = [f"{counts.get('groups', 0)} group names", f"{counts.get('benign_items', 0)} benign sentences"]
    if counts.get("word_lists"):
        parts.append(f"{counts['word_lists']} word lists")
    if counts.get("language"):
        parts.append("the grammar that reads and writes them")
    drafted = "machine-drafted" if run.watched.get("drafted_by") == "language-model" else "drafts"
    return f"Unreviewed, {drafted}: {', '.join(parts)}. No native speaker has signed them; read every figure with that."


def _penalties(run: Contents) -> dict[str, float]:
    """Weights of the penalties that are on."""
    settings = run.config.get("safety", {}).get("penalties", {})
    return {name: of["weight"] for name, of in settings.items() if of.get("weight")}


def _family(run: Contents, split: str | None) -> str | None:
    return _stored(run).get(split or "", {}).get("family")


def _stored(run: Contents) -> dict[str, Any]:
    return dict(run.final.get("safety") or run.run.get("safety") or {})


def _retention(run: Contents) -> dict[str, Any]:
    """Nuance that was kept beside the gap between train and dev, and which of the two is wrong, by axis and group."""
    judged = latest(run)
    nuance = [
        {
            "name": line["name"],
            "topic": line["group"],
            "n": line["n"],
            "value": line["value"],
            "interval": None if line["ci_low"] is None else (line["ci_low"], line["ci_high"]),
            "state": line["state"],
            "reason": line["reason"],
        }
        for line in judged
        if line["axis"] == "nuance"
    ]
    gaps = {(line["axis"], line["group"]): line for line in run.signals if line["name"] == "mention_gap"}
    apart = []
    for line in _stored(run).get("retention", []):
        gap = gaps.get((line["axis"], line["group"]), {})
        ends = None if gap.get("ci_low") is None else (gap["ci_low"], gap["ci_high"])
        apart.append({**line, "value": gap.get("value"), "interval": ends, "detail": gap.get("detail", {})})
    return {"nuance": nuance, "apart": apart}


def _looks(run: Contents) -> dict[str, Any] | None:
    """Looks between evaluations: how many, and what the latest of each axis raised."""
    lines = [line for line in run.signals if line.get("split") == "look"]
    if not lines:
        return None
    raised = [line for line in lines if line["state"] in RAISED]
    return {"steps": len({line["step"] for line in lines}), "raised": len({line["step"] for line in raised})}


def _axis(
    run: Contents,
    name: str,
    about: dict[str, Any],
    judged: Lines,
    reference: dict[tuple[str, ...], dict[str, Any]],
) -> dict[str, Any]:
    mine = [line for line in judged if line["axis"] == name]
    rows = [_row(line, about["names"], reference.get(_key(line))) for line in mine]
    refused = run.watched.get("training", {}).get("refused", {}).get(name)
    return {
        "axis": name,
        "title": about["title"],
        "trained_on": [{"id": group, "name": about["names"][group]} for group in about["trained_on"]],
        "held_out": [{"id": group, "name": about["names"][group]} for group in about["held_out"]],
        "swaps": about["swaps"],
        "rows": sorted((row for row in rows if row["state"] != "insufficient"), key=_order),
        "insufficient": sorted((row for row in rows if row["state"] == "insufficient"), key=_order),
        "refused": refused or run.watched["splits"].get("validation", {}).get("refused", {}).get(name, {}),
        "refused_of": "train" if refused else "validation",
    }


def _order(row: dict[str, Any]) -> tuple[int, str, int, str]:
    """Figures together, the whole axis before its groups, groups by id."""
    return (
        _PLACES.get(row["name"], len(_PLACES)),
        row["name"],
        list(SCOPES).index(row["scope"]),
        "" if row["group"] == "all" else row["group"],
    )


def _row(line: dict[str, Any], names: dict[str, str], beside: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "name": line["name"],
        "shown": NAMES.get(line["name"], line["name"].replace("_", " ")),
        "twin": line["name"] in TWINS,
        "group": line["group"],
        "group_name": names.get(line["group"]),
        "scope": line["scope"],
        "scope_shown": SCOPES[line["scope"]],
        "value": line["value"],
        "interval": None if line["ci_low"] is None else (line["ci_low"], line["ci_high"]),
        "null": line["null_value"],
        "n": line["n"],
        "p": line["p_value"],
        "threshold": line["threshold"],
        "state": line["state"],
        "reason": line["reason"],
        "detail": line.get("detail", {}),
        "rates": [
            (RATES[name], rate) for name, rate in line.get("detail", {}).items() if name in RATES and rate is not None
        ],
        "reference": None
        if beside is None or beside["value"] is None
        else {
            "value": beside["value"],
            "interval": None if beside["ci_low"] is None else (beside["ci_low"], beside["ci_high"]),
            "state": beside["state"],
        },
    }
