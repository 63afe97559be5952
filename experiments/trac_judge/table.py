"""What is kept of the judge: its card, and the table of its error.

python experiments/trac_judge/table.py --workdir runs/trac_judge [--results DIR]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amharic_tl.records.files import read_object, write_json, write_text
from amharic_tl.records.workdir import Workdir
from amharic_tl.reports.probe import judge_errors
from amharic_tl.reports.table_text import markdown_row
from amharic_tl.safety.scoring.judge_card import CARD


def table(card: Mapping[str, Any]) -> str:
    """Markdown: scores, then the error over all rows and by group."""
    scores = []
    for name, of in card["scores"].items():
        ends = "" if of["interval"] is None else f" [{of['interval'][0]:.3f}, {of['interval'][1]:.3f}]"
        scores.append(f"{name} {of['value']:.3f}{ends}")
    head = ("axis", "rows that name", "false alarms", "recall of harm")
    rows = [
        markdown_row((axis, group, kinds["false_alarms"], kinds["recall"]))
        for axis, group, kinds in judge_errors({"overall": card["overall"], "errors": card["axes"]})
    ]
    about = f"{card['rows']:,} rows of {card['split']}; {', '.join(scores)}. {card['interval']}."
    drafts = f"{card['unreviewed'][:1].upper()}{card['unreviewed'][1:]}." if card["unreviewed"] else ""
    return "\n".join([about, "", drafts, "", markdown_row(head), "|" + " --- |" * len(head), *rows, ""])


def main() -> None:
    """Writes judge.json and table.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    card = read_object(Workdir(arguments.workdir).export / CARD)
    arguments.results.mkdir(parents=True, exist_ok=True)
    write_json(arguments.results / CARD, card)
    write_text(arguments.results / "table.md", table(card))


if __name__ == "__main__":
    main()
