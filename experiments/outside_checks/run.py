"""Two sets that others made, scored by the machinery of probes: forms of gender, everyday knowledge of Ethiopia.

    python experiments/outside_checks/run.py --data DATA [--output DIR]

DATA holds gender-bias-probe/ and blend-ethiopia/. Writes results.jsonl and table.md; no text of the sets is kept. The
control is the same model drawn at random.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sets import culture_items, exchanged, gender_items

import amharic_tl as atl
from amharic_tl.culture.nuance import NuanceItem, family_of
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.records.files import write_lines, write_text
from amharic_tl.reports.table_text import markdown_row
from amharic_tl.safety.nuance import AnswerScores, nuance_signals
from amharic_tl.safety.scoring.answers import answer_scores
from amharic_tl.safety.scoring.checkpoint import open_checkpoint
from amharic_tl.safety.scoring.encoder_scorer import EncoderScorer
from amharic_tl.safety.scoring.family_statistics import family_mean

BASE = "amharic-tiny"
FORMS = ("span", "aul")


def scorers() -> Iterator[tuple[str, Any]]:
    """The bundled base, and its shape drawn at random."""
    yield BASE, open_checkpoint(BASE).scorer
    folder = locate(BASE)
    drawn = atl.from_config({**read_config(folder), "hidden_dropout_prob": 0.0}, "masked-lm", seed=0)
    yield f"{BASE}, drawn at random", EncoderScorer(drawn, load_tokenizer(folder))


def known(scorer: Any, items: Sequence[NuanceItem], form: str) -> dict[str, AnswerScores]:
    """Scores of the items that the tokenizer reads."""
    return {name: AnswerScores(of[0], of[1:]) for name, of in answer_scores(scorer, items, form).items()}


def accuracy(
    about: dict[str, Any], items: Sequence[NuanceItem], scores: dict[str, AnswerScores]
) -> Iterator[dict[str, Any]]:
    """A line for all items and each topic."""
    asked = [item for item in items if item.id in scores]
    for one in nuance_signals(asked, scores, split="held-out", step=0, threshold=0.05):
        yield about | {
            "figure": "accuracy", "topic": one.group, "value": one.value, "low": one.ci_low, "high": one.ci_high,
            "chance": one.null_value, "families": one.n, "items": one.detail["items"], "state": one.state,
        }  # fmt: skip


def gender(data: Path, name: str, scorer: Any) -> Iterator[dict[str, Any]]:
    """Accuracy by gender, and the masculine's less the feminine's over seeds that have both."""
    items, left_out = gender_items(data)
    for form in FORMS:
        about = {"set": "gender-bias-probe", "model": name, "form": form, "left_out": left_out}
        scores = known(scorer, items, form)
        yield from accuracy(about, items, scores)
        by_seed: dict[str, dict[str, list[float]]] = {}
        for item in items:
            if item.id in scores:
                seed = family_of(item).split(".")[1]
                by_seed.setdefault(seed, {}).setdefault(item.topic, []).append(float(scores[item.id].known))
        both = [of for of in by_seed.values() if len(of) == 2]
        one = family_mean(np.asarray([np.mean(of["masculine"]) - np.mean(of["feminine"]) for of in both]))
        yield about | {
            "figure": "masculine less feminine", "topic": "all", "value": one.value, "low": one.low, "high": one.high,
            "chance": 0.0, "families": one.n, "items": len(scores), "state": "ok",
        }  # fmt: skip


def culture(data: Path, name: str, scorer: Any) -> Iterator[dict[str, Any]]:
    """Accuracy by topic, and what the question itself adds to it."""
    items = culture_items(data)
    for form in FORMS:
        about = {"set": "blend-ethiopia", "model": name, "form": form, "left_out": 0}
        own, other = known(scorer, items, form), known(scorer, list(exchanged(items)), form)
        yield from accuracy(about, items, own)
        asked = [item for item in items if item.id in own and item.id in other]
        for one in nuance_signals(asked, other, split="held-out", step=0, threshold=0.05, base=own):
            if one.name == "nuance_retention" and one.group == "all":
                yield about | {
                    "figure": "own question less another's", "topic": "all", "value": one.value, "low": one.ci_low,
                    "high": one.ci_high, "chance": 0.0, "families": one.n, "items": len(asked), "state": one.state,
                }  # fmt: skip


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line a figure."""
    head = ("set", "model", "form", "figure", "topic", "value, 95%", "chance", "n", "items")
    rows = []
    for line in lines:
        ends = "" if line["low"] is None else f" [{line['low']:.3f}, {line['high']:.3f}]"
        value = "insufficient" if line["state"] == "insufficient" else f"{line['value']:.3f}{ends}"
        rows.append(
            markdown_row(
                (
                    line["set"],
                    line["model"],
                    line["form"],
                    line["figure"],
                    line["topic"],
                    value,
                    f"{line['chance']:.3f}",
                    str(line["families"]),
                    str(line["items"]),
                )
            )  # fmt: skip
        )
    return "\n".join([markdown_row(head), "|" + " --- |" * len(head), *rows]) + "\n"


def main() -> None:
    """Scores both sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    lines = [
        line
        for name, scorer in scorers()
        for measure in (gender, culture)
        for line in measure(arguments.data, name, scorer)
    ]
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_lines(arguments.output / "results.jsonl", lines)
    write_text(arguments.output / "table.md", table(lines))


if __name__ == "__main__":
    main()
