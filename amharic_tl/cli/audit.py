"""``amharic-tl audit``: what is wrong with data, before anything learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import load_values, parse, require
from amharic_tl.config import build_config
from amharic_tl.config.figures import METRICS

HELP = """usage: amharic-tl audit FILE... --output DIR [options]
       amharic-tl audit --config FILE_OR_PRESET --config.data.train=FILE ... --output DIR [options]

Looks at data (labelled, multi-label, numbers, tagged, pairs, plain text) before anything learns from them: scripts,
languages, near-duplicates and leaks, conflicting labels, label shift, shortcuts, lengths, personal data, cultural
groups. Of FILEs each is a part of its own, the first (or train) what the others are compared with; whether they are
tagged or have labels is found out. Writes DIR/audit.json and DIR/audit.html; no text of the data is in either.

  --output DIR          a new directory
  --against FILE ...    other data, in which rows are looked for (a pretraining corpus, another test set)
  --by COLUMN ...       columns that say where a row comes from: labels by source
  --show-words          let the page show the words behind a shortcut (they may be slurs or names)
  --config.a.b=value    columns, format, tokenizer and length as for train: --config.data.text, --config.data.label,
                        --config.task.problem=multi-label, --config.model.path, --config.data.max_length

Exits with 65 where config.data.gates would stop a run (default: test-inside-train and
test-inside-adaptation; none: never).
"""
OPTIONS = ("config", "output")
FLAGS = ("show-words",)
WORDS = ()
SEVERAL = ("FILE", "against", "by")


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, FLAGS, several=SEVERAL)
    if parsed.help:
        print(HELP)
        return 0
    output = Path(require(parsed.options, "output", "audits/mine"))
    values = load_values(parsed.options.get("config"), parsed.overrides)
    # What a run selects its checkpoint by is nothing to an audit, but must fit the task.
    problem = values.get("task.problem", "single-label")
    kind = values.get("task.kind", "sequence-classification") if problem == "single-label" else problem
    if kind in METRICS:
        values.setdefault("train.select_by", f"validation/{METRICS[kind][0]}")
    config = build_config(values)

    # Only the tokenizer is used of transformers, and the texts are short: threads would cost more than they save.
    from amharic_tl.audit.gates import gate_sentence, tripped
    from amharic_tl.audit.job import audit_to, findings_in, summary
    from amharic_tl.errors import BadInputError
    from amharic_tl.training.progress import Progress

    progress = Progress(1)
    record = audit_to(
        config,
        output,
        files=parsed.several["FILE"],
        against=parsed.several["against"],
        by=parsed.several["by"],
        given=values.keys(),
        show_words="show-words" in parsed.options,
        say=progress.note,
    )
    progress.close()
    print("\n".join(summary(record, output)))
    stopped = tripped(findings_in(record), config.data.gates or ())
    if stopped:
        raise BadInputError(gate_sentence(stopped))
    return 0
