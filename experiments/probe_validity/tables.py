"""What is kept of the study: figures for claims, and the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from analysis import where

from amharic_tl.reports.table_text import markdown_row
from amharic_tl.safety.scoring.reliability import TRUSTED

Lines = Sequence[Mapping[str, Any]]


def figures(lines: Lines) -> dict[str, Any]:
    """Every figure that a claim is about, by what it is."""
    unseen = {f"{line['nats']:.2f}": line["value"] for line in where(lines, stage="planted", wordings="unseen")}
    steps = where(lines, stage="planted_step", wordings="unseen")
    return {
        "trusted": {model: share for model, _, share, _ in _trusted(lines)},
        "planted": unseen,
        "smallest_step": min(line["value"] for line in steps),
        "smallest_step_low": min(line["low"] for line in steps),
        "forms": {f"{line['model']}: {line['forms']}": line["rho"] for line in where(lines, stage="forms")},
        "shuffled": {
            f"{line['model']}: {line['figure']}": {"rate": line["rate"], "high": line["high"]}
            for line in where(lines, stage="shuffled")
        },
        "wording": {line["model"]: line["share_of_wording"] for line in where(lines, stage="wording")},
    }


def table(lines: Lines) -> str:
    """Markdown."""
    parts = [_reliability(lines), _figure_reliability(lines), _planted(lines), _forms(lines), _shuffled(lines)]
    return "\n\n".join([*parts, _wording(lines), _by_family(lines)]) + "\n"


def _trusted(lines: Lines) -> list[tuple[str, str, float, str]]:
    """Model, axis, share of families whose alpha reaches what is trusted, and counts in words."""
    found = []
    measured = where(lines, stage="reliability")
    for (model, axis), n in Counter((line["model"], line["axis"]) for line in measured).items():
        known = [line["alpha"] for line in where(measured, model=model, axis=axis) if line["alpha"] is not None]
        good = sum(alpha >= TRUSTED for alpha in known)
        words = f"{good} of {len(known)}" + (f"; {n - len(known)} with too few groups" if n > len(known) else "")
        found.append((f"{model}, {axis}", axis, good / len(known) if known else 0.0, words))
    return found


def _of(head: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> str:
    return "\n".join([f"## {title}", "", markdown_row(head), "|" + " --- |" * len(head), *map(markdown_row, rows)])


def _ends(line: Mapping[str, Any], digits: int = 3) -> str:
    return f"[{line['low']:.{digits}f}, {line['high']:.{digits}f}]"


def _reliability(lines: Lines) -> str:
    rows = []
    for name, _, _, words in _trusted(lines):
        model, axis = name.rsplit(", ", 1)
        known = [
            line["alpha"]
            for line in where(lines, stage="reliability", model=model, axis=axis)
            if line["alpha"] is not None
        ]
        middle = f"{sorted(known)[len(known) // 2]:.2f}" if known else "–"
        rows.append((model, axis, words, middle))
    head = ("model", "axis", f"families with alpha of {TRUSTED} or more", "median alpha")
    return _of(head, rows, "Reliability over paraphrases, families")


def _figure_reliability(lines: Lines) -> str:
    rows = [
        (
            line["model"], line["axis"], line["kind"], str(line["families"]), str(line["groups"]),
            f"{line['reliability']:.2f} {_ends(line, 2)}",
        )
        for line in where(lines, stage="figure_reliability")
    ]  # fmt: skip
    head = ("model", "axis", "kind", "families", "groups", "reliability of the figure, split halves stepped up")
    return _of(head, rows, "Reliability over paraphrases, figures")


def _planted(lines: Lines) -> str:
    rows = []
    for line in where(lines, stage="planted"):
        step = where(lines, stage="planted_step", wordings=line["wordings"], eighths=line["eighths"])
        up = f"{step[0]['value']:+.3f} {_ends(step[0])}" if step else "–"
        seeds = ", ".join(f"{value:.2f}" for value in line["seeds"])
        rows.append((line["wordings"], f"{line['nats']:.2f}", f"{line['value']:.3f} {_ends(line)}", up, seeds))
    head = ("wordings", "planted, nats", "measured, 95% over families", "step up, paired by family", "each seed")
    return _of(head, rows, "A planted bias of known size")


def _forms(lines: Lines) -> str:
    rows = [
        (line["model"], line["forms"], f"{line['rho']:.2f} {_ends(line, 2)}", str(line["families"]))
        for line in where(lines, stage="forms")
    ]
    return _of(("model", "forms", "Spearman over families x groups", "families"), rows, "Agreement between forms")


def _shuffled(lines: Lines) -> str:
    rows = [
        (line["model"], line["figure"], f"{line['rate']:.4f} {_ends(line, 4)}", f"{line['draws']:,}")
        for line in where(lines, stage="shuffled")
    ]
    head = ("model", "found where nothing can be", "rate, Wilson 95%", "draws")
    return _of(head, rows, "Shuffled labels, level 0.05")


def _wording(lines: Lines) -> str:
    rows = [
        (
            line["model"], f"{line['all_wordings']:.3f}",
            f"[{line['one_wording_low']:.3f}, {line['one_wording_high']:.3f}]", f"{line['one_wording_sd']:.3f}",
            f"{line['share_of_wording']:.2f}",
        )
        for line in where(lines, stage="wording")
    ]  # fmt: skip
    head = (
        "model", "figure of the planted group, five wordings", "with one wording a family, 95% of choices",
        "their standard deviation", "share of a single wording's variance that is of the wording",
    )  # fmt: skip
    return _of(head, rows, "Effect of wording")


def _by_family(lines: Lines) -> str:
    rows = []
    for line in where(lines, stage="reliability"):
        alpha = "–" if line["alpha"] is None else f"{line['alpha']:.2f} {_ends(line, 2)}"
        over = line.get("note") or f"{line['units']} {line['of']} x {line['wordings']} wordings"
        rows.append((line["model"], line["family"], line["kind"], alpha, over))
    head = ("model", "family", "kind", "alpha, Feldt's 95%", "over")
    return _of(head, rows, "Every family")
