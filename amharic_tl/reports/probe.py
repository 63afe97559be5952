"""The probes part of a report: what a checkpoint's scores of a culture pack's texts showed, groups in order of id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from amharic_tl.records.files import read_lines, read_object
from amharic_tl.records.workdir import Workdir
from amharic_tl.reports.table_text import markdown_row

SHOWN = {
    "association": "words of traits beside a group's name",
    "gender_agreement": "feminine against masculine forms, beyond the controls",
    "honorific_parity": "polite against familiar forms",
    "likelihood": "how well texts about a group are known",
    "benign_likelihood": "how well harmless texts about a group are known",
    "benign_harm": "harm found in harmless texts",
    "counterfactual_gap": "change of a classifier's probabilities when groups are exchanged",
    "counterfactual_flips": "changed decisions when groups are exchanged",
    "mention_rate": "a written text names the group again",
    "generation_harm": "a judge finds harm in what is written",
    "refusal_rate": "requests refused",
    "deflection_rate": "requests answered with something else",
    "tokens_per_name": "tokens of a group's name, against other groups",
    "nuance_accuracy": "cultural knowledge: the right answer is preferred to every wrong one",
    "nuance_retention": "cultural knowledge lost: share known by the base model less share known",
}
# The axis of signals about what a model knows of a culture; it has topics, not groups.
NUANCE = "nuance"
READ = (
    "Groups stand in the order of their ids: this is no ranking. Of real groups the size of a difference is given, "
    "not in whose favour it is, unless that was asked for. n counts probe families, over which intervals are; fewer "
    "than eight are insufficient, which is no pass."
)


def figures(folder: Path) -> dict[str, Any] | None:
    """What the page prints; None where nothing was probed."""
    if not Workdir(folder).probe.is_file():
        return None
    about, lines = read_object(Workdir(folder).probe), read_lines(Workdir(folder).safety)
    return {
        **about,
        "retired": about.get("retired", []),
        "read": READ,
        "asked": asked(about),
        "parts": [
            {"axis": axis, **of, "rows": [_row(line, of["names"]) for line in lines if line["axis"] == axis]}
            for axis, of in about["axes"].items()
        ],
        "topics": [_row(line, {}) for line in lines if line["axis"] == NUANCE],
        "judged": None if not about["judge"] else {**about["judge"], "errors": list(judge_errors(about["judge"]))},
    }


def asked(about: Mapping[str, Any]) -> str:
    """How the pack's nuance items were asked, in a sentence; empty where it has none."""
    of = about.get("nuance")
    if not of:
        return ""
    if of["note"]:
        return f"Nuance: {of['items']} items; {of['note']}."
    unread = f", {len(of['unread'])} not read by a tokenizer" if of["unread"] else ""
    return (
        f"Nuance: {of['asked']} of {of['items']} items in {of['families']} families{unread}; score {of['form']}"
        + (f"; {of['watermark']}" if of["watermark"] else "")
        + "."
    )


def judge_errors(judge: Mapping[str, Any]) -> Iterable[tuple[str, str, dict[str, str]]]:
    """A judge's own error over all rows, then by axis and group: where, of whom, and each kind in words."""
    if judge["overall"]:
        yield "", "all rows", {kind: _error(of) for kind, of in judge["overall"].items()}
    for axis, groups in judge["errors"].items():
        for group, kinds in groups.items():
            yield axis, group, {kind: _error(of) for kind, of in kinds.items()}


def _error(of: Mapping[str, Any]) -> str:
    if of["value"] is None:
        return f"insufficient (n {of['n']})"
    return f"{of['value']:.3f} [{of['low']:.3f}, {of['high']:.3f}] (n {of['n']})"


def shown(name: str) -> str:
    """A figure's name in words."""
    change = name.endswith("_change")
    name = name.removesuffix("_change")
    apart = name.endswith("_spread")
    name = name.removesuffix("_spread")
    known = max((key for key in SHOWN if name == key or name.startswith(f"{key}_")), key=len, default=None)
    words = SHOWN[known] if known else name.replace("_", " ")
    rest = name.removeprefix(known or name).strip("_")
    return (
        words
        + (f" ({rest})" if rest else "")
        + (", how far groups are apart" if apart else "")
        + (", change from the base model" if change else "")
    )


def table(lines: Iterable[Mapping[str, Any]], about: Mapping[str, Any]) -> str:
    """The signals as Markdown: a table, what it rests on above it."""
    head = ("axis", "figure", "group", "value", "95% interval", "null", "n", "p", "state")
    text = [f"# {about['model']} probed with the pack {about['pack']['id']}", ""]
    if about["watermark"]:
        text += [f"**{about['watermark'].capitalize()}.** No native speaker has signed what this rests on.", ""]
    if about.get("retired"):
        text += [f"Used although retired: {', '.join(about['retired'])}.", ""]
    text += [f"Score: {about['form']}. {about['tests']}.", "", READ, ""]
    text += [asked(about), ""] if asked(about) else []
    text += [markdown_row(head), "|" + " --- |" * len(head)]
    thin: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        name = line["name"].replace("_", " ")
        if line["state"] == "insufficient":
            thin.setdefault((f"{line['axis']}: {name}", line["reason"]), []).append(line["group"])
            continue
        interval = "–" if line["ci_low"] is None else f"[{_figure(line['ci_low'])}, {_figure(line['ci_high'])}]"
        state = f"{line['state']}: {line['reason']}" if line["reason"] else line["state"]
        figures = (_figure(line["value"]), interval, _figure(line["null_value"]), str(line["n"]))
        text.append(markdown_row((line["axis"], name, line["group"], *figures, _figure(line["p_value"]), state)))
    if thin:
        text += ["", "Insufficient:", ""]
        text += [f"- {name} ({', '.join(groups)}): {reason}" for (name, reason), groups in thin.items()]
    text += [line for axis, written in about["written"].items() for line in _answers(axis, written)]
    if about["judge"]:
        text += [
            "",
            f"What is written was judged by {about['judge']['model']}; its own error: {about['judge']['error']}.",
        ]
        known = list(judge_errors(about["judge"]))
        text += [
            f"- {axis and f'{axis}, '}{group}: "
            + "; ".join(f"{kind.replace('_', ' ')} {figure}" for kind, figure in kinds.items())
            for axis, group, kinds in known
        ]
        text += [f"- {line}" for line in _unmeasured(about)]
    return "\n".join([*text, ""])


def _unmeasured(about: Mapping[str, Any]) -> list[str]:
    """Groups of the probe of which the judge's error is not known at all."""
    errors = about["judge"]["errors"]
    found = []
    for axis, of in about["axes"].items():
        missing = [group for group in of["names"] if group not in errors.get(axis, {})]
        if missing:
            found.append(f"{axis}, error not measured: {', '.join(missing)}")
    return found


def _answers(axis: str, written: Mapping[str, Any]) -> list[str]:
    """The shares of answers, with the error of what told them apart."""
    answers = written.get("answers")
    if written.get("answers_are_drafts"):
        return ["", f"{axis}: answers were not told apart: no native speaker has signed the pack's phrases."]
    if not answers:
        return []
    shares = ", ".join(f"{answers[kind]:.1%} {kind}" for kind in ("comply", "refuse", "deflect"))
    return ["", f"{axis}: of {answers['texts']} answers {shares}, told by phrases; error of that: {answers['error']}."]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _row(line: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": line["name"],
        "shown": shown(line["name"]),
        "group": line["group"],
        "group_name": names.get(line["group"]),
        "value": line["value"],
        "interval": None if line["ci_low"] is None else (line["ci_low"], line["ci_high"]),
        "null": line["null_value"],
        "n": line["n"],
        "p": line["p_value"],
        "state": line["state"],
        "reason": line["reason"],
    }
