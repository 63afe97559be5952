"""``amharic-tl vocabulary``: the tokenizer of a model and its tables, looked at, extended, replaced or trimmed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amharic_tl.cli.arguments import Arguments, UsageError, parse, require

HELP = """usage: amharic-tl vocabulary audit|extend|replace|trim MODEL --text FILE ... --output DIR [options]

Writes a new Hugging Face directory, model and tokenizer, and says what the change did to how texts are cut:
DIR/vocabulary.json and DIR/vocabulary.html. MODEL (a directory, a bundled base or a hub id) is left as it is.

  audit     writes the figures alone
  extend    adds pieces learned from the text to the tokenizer's own model; ids of old tokens stay
  replace   learns a tokenizer of the same kind from the text; pieces that both have keep their rows
  trim      leaves out pieces that the text does not use; Ethiopic ones, digits, marks and special tokens stay

  --text FILE ...        running text to learn from, or to count: .txt, .jsonl, .csv, .parquet, also .gz; tfds:, hf:
  --heldout FILE ...     text to measure on; without it, every tenth row of --text, which is then not learned from
  --column text          the column that holds the text
  --output DIR           a new directory
  --size N               extend: new pieces (5000); replace: tokens in all (32000)
  --initialise METHOD    of new rows: subword-mean (default), focus (pip install "amharic-tl[vocabulary]"), or as
                         controls mean (of all rows), random
  --script ethiopic|any  extend: learn pieces of Ethiopic letters alone (default), so that other texts are cut as before
  --minimum-count M      trim: how often the text must use a piece (1)
  --counts-alone         trim: drop Ethiopic pieces too that the text uses less often; a control, it harms Amharic
  --task TASK            which head is kept, where config.json does not say; backbone for none
  --seed N               of draws and of focus (0)
  --without-pretraining  let a task be learned on the new rows as they are; a control

An extended or replaced vocabulary must be pretrained further; the last line says how, and a task is refused until then.
"""
WORDS = ("ACTION", "MODEL")
SEVERAL = ("WORD", "text", "heldout")
OPTIONS = ("output", "column", "size", "initialise", "script", "minimum-count", "task", "seed")
FLAGS = ("counts-alone", "without-pretraining")
ACTIONS = ("audit", "extend", "replace", "trim")
# Which options mean something for which action; the rest would be read by nothing.
_ONLY_FOR = {
    "size": ("extend", "replace"),
    "initialise": ("extend", "replace"),
    "script": ("extend",),
    "minimum-count": ("trim",),
    "counts-alone": ("trim",),
    "seed": ("extend", "replace"),
    "without-pretraining": ("extend", "replace"),
    "task": ("extend", "replace", "trim"),
}
_SIZES = {"extend": 5_000, "replace": 32_000}


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, FLAGS, WORDS, SEVERAL)
    if parsed.help:
        print(HELP)
        return 0
    settings = settings_of(parsed)
    output = Path(require(parsed.options, "output", "runs/vocabulary"))

    from amharic_tl.reports.vocabulary_page import summary, write_vocabulary_page
    from amharic_tl.training.progress import Progress
    from amharic_tl.transfer.vocabulary.job import Wanted, run

    progress = Progress(1)
    try:
        record = run(Wanted(**settings), output, progress.note)
    finally:
        progress.close()
    write_vocabulary_page(output)
    print("\n".join(summary(record, output)))
    return 0


def settings_of(parsed: Arguments) -> dict[str, Any]:
    """What the job is asked for.

    Raises:
      UsageError: a word too many or too few, an option that means nothing for the action, no number.
    """
    options, several = parsed.options, parsed.several
    if several["WORD"]:
        raise UsageError(f"{several['WORD'][0]!r} is one word too many; text is named with --text FILE ...")
    action = options.get("ACTION")
    if action not in ACTIONS:
        raise UsageError(f"expected one of {', '.join(ACTIONS)}, found {action!r}")
    if "MODEL" not in options:
        raise UsageError(
            f"the model is missing, for example amharic-tl vocabulary {action} amharic-tiny --text FILE ..."
        )
    for name, actions in _ONLY_FOR.items():
        if name in options and action not in actions:
            raise UsageError(f"--{name} is of {' and '.join(actions)}, and means nothing for {action}")
    settings: dict[str, Any] = {
        "action": action,
        "model": options["MODEL"],
        "text": tuple(several["text"]),
        "heldout": tuple(several["heldout"]),
        "counts_alone": "counts-alone" in options,
        "without_pretraining": "without-pretraining" in options,
        "size": _SIZES.get(action, 1),
    }
    settings |= {name: options[name] for name in ("column", "initialise", "script", "task") if name in options}
    for name in ("size", "minimum-count", "seed"):
        if name in options:
            settings[name.replace("-", "_")] = _number(name, options[name])
    return settings


def _number(name: str, text: str) -> int:
    try:
        return int(text.replace("_", "").replace(",", ""))
    except ValueError:
        raise UsageError(f"--{name}: expected a whole number, found {text!r}") from None
