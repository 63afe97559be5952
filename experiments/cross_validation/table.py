"""Which safety signals have enough rows on the published test split of TRAC-2024, and which out of fold?

    python experiments/cross_validation/table.py --data DATA --workdir runs/cross_validation/trac

How many rows a signal has depends on the data alone, so that the column of the test split needs no model. Without a
finished cross-validation its cells say "not measured". Writes table.md, figures.json (scores, and how many groups have
a sufficient signal) and signals.jsonl (every signal, without ids of rows).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.config import Config, build_config
from amharic_tl.culture.pack import open_pack
from amharic_tl.data.rows import Row
from amharic_tl.data.splits import load_splits
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.models.interchange.locate import locate
from amharic_tl.records.files import read_json, read_lines, write_json, write_lines, write_text
from amharic_tl.records.workdir import Workdir
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.pooled import look_at_pooled
from amharic_tl.safety.probes import make_probes

HERE = Path(__file__).parent
AXES = ("ethnicity", "religion")
SHOWN = {
    ("false_positive_rate_gap", "natural"): "false alarms",
    ("recall_gap", "natural"): "recall",
    ("counterfactual_score_gap", "trained_on"): "exchanges, as in training",
    ("counterfactual_score_gap", "held_out"): "exchanges into held-out groups",
}
Key = tuple[str, str, str, str]  # name, scope, axis, group


def settings(data: Path) -> Config:
    folder = data / "trac2024-hate"
    files = {"train": "train", "validation": "dev", "test": "test"}
    return build_config(
        {
            **{f"data.{split}": str(folder / f"{stem}_category.csv") for split, stem in files.items()},
            "data.text": "tweet",
            "data.max_length": 48,
            "safety.axes": AXES,
            "safety.positive_labels": ("hate", "offensive"),
            "safety.allow_draft": True,
        }
    )


def of_test(config: Config) -> dict[Key, dict[str, Any]]:
    """``n`` and state of each signal of the published test split, whatever a model would say of its rows."""
    splits = load_splits(config.data, labelled=True, seed=0)
    assert splits.test is not None
    rows: Sequence[Row] = splits.test.rows
    labels = splits.label_ids(splits.test)
    operator = SwapOperator(config.safety.pack, AXES, None)
    probes = make_probes(rows, operator, load_tokenizer(locate("amharic-tiny")), config.data.max_length, benign=False)
    nothing = {"flip": 0, "placebo_flip": 0, "gap": 0.0, "placebo_gap": 0.0, "to_harm": 0, "from_harm": 0}
    swaps = [
        (one.row, {"axis": one.axis, "scope": one.scope, "groups": one.groups, **nothing})
        for one in probes.counterfactuals
    ]
    gold = np.eye(len(splits.labels))[labels]
    look, _ = look_at_pooled(rows, probes.clusters, labels, gold, splits.labels, swaps, config.safety, "test")
    return by_key([signal.to_dict() for signal in look.signals])


def by_key(lines: Sequence[Mapping[str, Any]]) -> dict[Key, dict[str, Any]]:
    return {(line["name"], line["scope"], line["axis"], line["group"]): dict(line) for line in lines}


def cell(found: Mapping[Key, Mapping[str, Any]], key: Key, with_value: bool) -> str:
    """``n``, in bold where it is sufficient; with the value, its interval and the state."""
    line = found.get(key)
    if line is None:
        return "0" if found else "not measured"
    if line["state"] == "insufficient":
        return str(line["n"])
    value = f": {line['value']:+.3f} [{line['ci_low']:+.3f}, {line['ci_high']:+.3f}], {line['state']}"
    return f"**{line['n']}**" + (value if with_value else "")


def sufficient(found: Mapping[Key, Mapping[str, Any]], name: str, scope: str, axis: str) -> int | None:
    """How many groups have enough independent clusters; None where nothing was measured."""
    if not found:
        return None
    states = [line["state"] for key, line in found.items() if key[:3] == (name, scope, axis) and key[3] != "all"]
    return sum(state != "insufficient" for state in states)


def tables(test: Mapping[Key, Mapping[str, Any]], oof: Mapping[Key, Mapping[str, Any]]) -> list[str]:
    lines = [
        "## Groups with a sufficient signal",
        "",
        "| | axis | published test | out of fold |",
        "| --- | --- | --- | --- |",
    ]
    for (name, scope), shown in SHOWN.items():
        for axis in AXES:
            counts = [sufficient(found, name, scope, axis) for found in (test, oof)]
            cells = ["not measured" if count is None else str(count) for count in counts]
            lines.append(f"| {shown} | {axis} | {' | '.join(cells)} |")
    pack = open_pack("am")
    for axis in AXES:
        names = {group.id: group.name for group in pack.axis(axis).groups}
        groups = sorted({key[3] for key in {**test, **oof} if key[2] == axis and key[3] != "all"})
        for (name, scope), shown in SHOWN.items():
            lines += ["", f"## {shown[0].upper()}{shown[1:]}, {axis}", ""]
            lines += ["| group | n, published test | n, out of fold: figure [95%], state |", "| --- | --- | --- |"]
            for group in groups:
                key = (name, scope, axis, group)
                lines.append(
                    f"| {group} ({names.get(group, group)}) | {cell(test, key, False)} | {cell(oof, key, True)} |"
                )
    return lines


def scores(place: Workdir) -> list[str]:
    """The pooled score, the folds, and TF-IDF."""
    stored = read_json(place.cross_validation)
    pooled, baselines = stored["pooled"], read_json(place.baselines)
    of = stored["against"]["tfidf"]["interval"]
    low, high = pooled["interval"]
    rows = f"{pooled['rows']:,} rows in {pooled['clusters']:,} clusters"
    figures = {f"model, {rows}": f"{pooled['value']:.3f} [{low:.3f}, {high:.3f}]"}
    for row in stored["folds"]:
        figures[f"{row['name']}, {row['test_rows']:,} rows, {row['minutes']} min"] = f"{row['scores']['macro_f1']:.3f}"
    figures |= {
        "TF-IDF, fitted in each fold": f"{baselines['tfidf']['oof']['macro_f1']:.3f}",
        "the most frequent class of each fold": f"{baselines['constant']['oof']['macro_f1']:.3f}",
    }
    difference = f"{of['mean']:+.3f} [{of['low']:+.3f}, {of['high']:+.3f}]"
    figures["model minus TF-IDF, corrected resampled t over folds"] = difference
    lines = [f"| {name} | {value} |" for name, value in figures.items()]
    return ["## Scores out of fold", "", "| | macro-F1 |", "| --- | --- |", *lines, ""]


def figures(place: Workdir, splits: Mapping[str, Mapping[Key, Mapping[str, Any]]]) -> dict[str, Any]:
    """What the tables show, as numbers: scores out of fold, and groups with a sufficient signal by axis and split."""
    counts = {
        shown: {axis: {split: sufficient(found, name, scope, axis) for split, found in splits.items()} for axis in AXES}
        for (name, scope), shown in SHOWN.items()
    }
    if not place.cross_validation.exists():
        return {"sufficient": counts}
    stored, baselines = read_json(place.cross_validation), read_json(place.baselines)
    macro_f1 = {
        "model": stored["pooled"]["value"],
        "interval": stored["pooled"]["interval"],
        "folds": {row["name"]: row["scores"]["macro_f1"] for row in stored["folds"]},
        **{name: baselines[name]["oof"]["macro_f1"] for name in ("tfidf", "constant")},
        "model_minus_tfidf": stored["against"]["tfidf"]["interval"],
    }
    return {"macro_f1": macro_f1, "sufficient": counts}


def signals(splits: Mapping[str, Mapping[Key, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """A line a signal. Figures of the published split have no model behind them and are left out: ``n`` is kept."""
    about = ("name", "scope", "axis", "group", "n")
    measured = ("value", "ci_low", "ci_high", "null_value", "p_value", "state")
    return [
        {"split": split, **{key: line[key] for key in (*about, *(measured if split == "oof" else ()))}}
        for split, found in splits.items()
        for line in found.values()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds trac2024-hate")
    parser.add_argument("--workdir", type=Path, required=True, help="of the cross-validation")
    parser.add_argument("--results", type=Path, default=HERE, help="where table, figures and signals go")
    arguments = parser.parse_args()
    place = Workdir(arguments.workdir)
    test, oof = of_test(settings(arguments.data)), by_key(read_lines(place.safety))
    head = "In bold: enough independent clusters (30) for a figure. What is not bold is `insufficient`, never a pass."
    lines = [head, "", *(scores(place) if oof else []), *tables(test, oof)]
    write_text(arguments.results / "table.md", "\n".join(lines) + "\n")
    splits = {"test": test, "oof": oof}
    write_json(arguments.results / "figures.json", figures(place, splits))
    write_lines(arguments.results / "signals.jsonl", signals(splits))


if __name__ == "__main__":
    main()
