"""What a choice between bases says on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amharic_tl.studies.select_base.request import SCORES

_HEADS = {"probe": "linear probe", "knn": "10 neighbours", "logme": "LogME", "h_score": "H-score"}


def about_rejected(base: Mapping[str, Any]) -> str:
    """Why a base is rejected: each failed gate with figure and threshold."""
    failed = [gate for gate in base["gates"] if gate["verdict"] == "failed"]
    why = "\n".join(
        f"  {gate['name']}: {gate['figure']} (threshold {gate['threshold']}): {gate['sentence']}" for gate in failed
    )
    return f"rejected: {base['name']}\n{why}"


def table(record: Mapping[str, Any]) -> list[str]:
    """The ranking with every score and its interval, one line a base; then what was flagged."""
    bases = {base["name"]: base for base in record["bases"]}
    outcome = any(base["outcomes"] for base in record["bases"])
    heads = ["", *(_HEADS[name] for name in SCORES), *(["fine-tuned"] if outcome else []), "base"]
    lines = [heads]
    for place, name in enumerate(record["ranking"], start=1):
        base = bases[name]
        cells = [str(place), *(_cell(base["scores"][score]) for score in SCORES)]
        if outcome:
            cells.append(_outcome(base["outcomes"]))
        lines.append([*cells, name])
    said = []
    for name, base in bases.items():
        told = [gate for gate in base["gates"] if gate["verdict"] in ("flagged", "waived")]
        if told and base["verdict"] == "scored":
            said.append(f"note: {name}: " + ", ".join(f"{g['name']} {g['figure']} ({g['verdict']})" for g in told))
    unknown = [
        name
        for name, base in bases.items()
        if base["verdict"] == "scored"
        and any(g["name"] == "licence" and g["verdict"] == "unknown" for g in base["gates"])
    ]
    if unknown:
        said.append(f"note: no licence is known of {', '.join(unknown)}: ask before the model is used or passed on")
    notes = [f"note: {note}" for note in record["task"]["notes"]]
    return [*_aligned(lines), f"ranked by {_HEADS[record['rank_by']]}; 95% intervals", *said, *notes]


def about_self_check(check: Mapping[str, Any]) -> list[str]:
    """Each score's agreement with what fine-tuning gave, a sentence a line."""
    lines = [f"{_HEADS[name]}: {found['sentence']}" for name, found in check["agreement"].items()]
    return [*lines, *(f"note: {note}" for note in check["notes"])]


def _cell(score: Mapping[str, Any]) -> str:
    if score["value"] is None:
        return "not defined"
    ends = score["interval"]
    return f"{score['value']:.3f}" + ("" if ends is None else f" [{ends[0]:.3f}, {ends[1]:.3f}]")


def _outcome(values: Sequence[float] | None) -> str:
    if not values:
        return ""
    mean = abs(sum(values) / len(values))
    return f"{mean:.3f}" + (f" ({min(map(abs, values)):.3f}-{max(map(abs, values)):.3f})" if len(values) > 1 else "")


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=True)), line[-1]])
        for line in lines
    ]
