"""``table.md`` from ``runs.jsonl``: what is measured, what is not, and what the differences say."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from scipy.stats import t

sys.path.insert(0, str(Path(__file__).parent))
from sets import MEASURES  # noqa: E402

from amharic_tl.evaluation.multiplicity import holm  # noqa: E402
from amharic_tl.records.files import read_lines, write_text  # noqa: E402

ORDER = ("full", "lp-ft", "gradual", "plateau", "top-layers", "surgical", "lora")
TITLES = {"trac": "TRAC-2024, category", "ner": "MasakhaNER", "news": "MasakhaNEWS, 20 articles a class, five draws"}
TFIDF = {"trac": 0.679, "ner": None, "news": 0.880}
PLANNED = 5


def write_table(results: Path) -> None:
    """Writes the table beside the runs it is made from."""
    path = results / "runs.jsonl"
    lines = read_lines(path) if path.exists() else []
    parts = [_methods(lines, name) for name in MEASURES]
    on_trac = [line for line in lines if line["set"] == "trac"]
    compared = [line for line in on_trac if line["part"] == "final"]
    depths = [line for line in compared if _method(line) in ("full", "top-layers")]
    parts += [_depth([line for line in on_trac if line["part"] == "depth"] + depths)]
    plain = [line for line in compared if _method(line) == "full"]
    parts += [_adaptation([line for line in on_trac if line["part"] == "adaptation"] + plain)]
    write_text(results / "table.md", "\n".join(parts))


def _methods(lines: Sequence[dict[str, Any]], name: str) -> str:
    found: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for line in lines:
        if line["part"] == "final" and line["set"] == name:
            found[_method(line)][line["seed"]] = line
    control = found.get("full", {})
    differences = {method: _paired(found[method], control) for method in ORDER[1:] if method in found}
    tested = {method: one for method, one in differences.items() if one is not None}
    corrected = dict(zip(tested, holm([one[3] for one in tested.values()]), strict=True))
    tfidf = f"; TF-IDF {TFIDF[name]:.3f}" if TFIDF[name] is not None else ""
    out = [f"## {TITLES[name]}: test {MEASURES[name]}{tfidf}", ""]
    out += [
        "| method | rate, chosen on dev | seeds | test | against full, paired by seed | p (Holm) |",
        "| --- " * 6 + "|",
    ]
    for method in ORDER:
        runs = found.get(method, {})
        if not runs:
            out.append(f"| {method} | | 0 of {PLANNED} | not measured | not measured | |")
            continue
        rates = sorted({line["arm"]["rate"] for line in runs.values()})
        difference = tested.get(method)
        against = f"{difference[0]:+.3f} [{difference[1]:+.3f}, {difference[2]:+.3f}]" if difference else ""
        p = f"{corrected[method]:.3f}" if method in corrected else ""
        shown = _spread([line["test"] for line in runs.values()])
        rate = ", ".join(f"{rate:g}" for rate in rates)
        out.append(f"| {method} | {rate} | {len(runs)} of {PLANNED} | {shown} | {against} | {p} |")
    return "\n".join([*out, ""])


def _depth(lines: Sequence[dict[str, Any]]) -> str:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        blocks = line["arm"].get("blocks")
        method = _method(line)
        found[f"{blocks} blocks and the head" if blocks else "everything" if method == "full" else "the head"].append(
            line
        )
    out = ["## Frozen depth on TRAC-2024", ""]
    out += [
        "| trains | parameters | FLOPs an example | seconds a step | peak memory, MB | test macro-F1 |",
        "| --- " * 6 + "|",
    ]
    rows = sorted(found.items(), key=lambda item: item[1][0]["trainable"])
    for what, runs in rows:
        seconds, memory = (mean(run[key] or 0 for run in runs) for key in ("step_seconds", "memory_bytes"))
        out.append(
            f"| {what} | {runs[0]['trainable']:,} | {runs[0]['step_flops']:.3g} | {seconds:.3f} | {memory / 1e6:.0f} | "
            f"{_spread([run['test'] for run in runs])} |"
        )
    return "\n".join([*out, *([] if rows else ["| not measured | | | | | |"]), ""])


def _adaptation(lines: Sequence[dict[str, Any]]) -> str:
    adapted = {line["seed"]: line for line in lines if line["arm"].get("tapt_steps")}
    plain = {line["seed"]: line for line in lines if not line["arm"].get("tapt_steps")}
    out = ["## Further pretraining on the task's own texts (TAPT), TRAC-2024", ""]
    if not adapted or not plain:
        return "\n".join([*out, "not measured", ""])
    difference = _paired(adapted, plain)
    out += [
        f"off {_spread([line['test'] for line in plain.values()])}, on {_spread([x['test'] for x in adapted.values()])}"
    ]
    if difference:
        out[-1] += f": {difference[0]:+.3f} [{difference[1]:+.3f}, {difference[2]:+.3f}], p {difference[3]:.3f}"
    return "\n".join([*out, ""])


def _method(line: dict[str, Any]) -> str:
    return str(line["arm"]["method"])


def _paired(one: dict[int, Any], other: dict[int, Any]) -> tuple[float, float, float, float] | None:
    """Mean difference over the seeds that both have, its 95% t interval and two-sided p."""
    seeds = sorted(one.keys() & other.keys())
    if len(seeds) < 3:
        return None
    values = np.asarray([one[seed]["test"] - other[seed]["test"] for seed in seeds])
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = float(t.ppf(0.975, len(values) - 1) * error)
    p = float(2 * t.sf(abs(values.mean()) / error, len(values) - 1)) if error else float(values.mean() == 0)
    return float(values.mean()), float(values.mean()) - half, float(values.mean()) + half, p


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else "")
