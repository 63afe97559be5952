"""``amharic-tl select-base``: which pretrained model to transfer. The same command goes on with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import UsageError, load_config, parse, require

OPTIONS = ("config", "output", "memory", "rows", "words", "rank-by", "fine-tune", "seeds", "rates")
FLAGS = ()
WORDS = ()
SEVERAL = ("DIR_OR_ID", "pretraining-text", "waive")

HELP = """usage: amharic-tl select-base DIR_OR_ID ... [--config FILE_OR_PRESET] [--config.a.b=value ...] --output DIR

Judges each base by gates (its tokenizer on the task's text, length, memory, family, licence) before anything is
computed with it, scores those that pass on features of the training and validation rows, layer by layer (linear probe,
nearest neighbours, LogME, regularised H-score), and ranks them. The test split is never read. Writes
DIR/selection.json and DIR/selection.html; no text of the data is in either.

  DIR_OR_ID ...         bases, as config.model.path; random:NAME is NAME with random weights, a control
  --config.a.b=value    the task, as for train: --config.data.train, --config.task.kind, --config.train.batch_size ...
  --output DIR          a new directory, or that of the same choice, which is gone on with
  --memory 15GiB        of each device that will train (mesh: config.mesh); otherwise of the devices that are here
  --waive GATE ...      gates that are measured and reject nothing
  --rows N, --words N   at most so many rows (1000), and words where words have tags (3000), are scored
  --rank-by SCORE       probe (default), knn, logme, h_score
  --pretraining-text BASE=FILES ...
                        files of what a base was pretrained on: how far the task's text lies from it
  --fine-tune K         then fine-tunes the K best and a random lower one as train would, and says whether each score
                        foretold what came out
  --seeds N             runs of each (3)
  --rates 1e-4,3e-4     first one run of each at each rate, with a seed of its own; each base then takes its best

Exits with 65 where no base passes the gates.
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, FLAGS, WORDS, SEVERAL)
    if parsed.help:
        print(HELP)
        return 0
    if not parsed.several["DIR_OR_ID"]:
        raise UsageError(
            "no base is named, for example: amharic-tl select-base amharic-tiny path/to/model --output choice"
        )
    output = Path(require(parsed.options, "output", "choices/mine"))
    memory = parsed.options.get("memory")
    config = load_config(parsed.options.get("config"), parsed.overrides)

    from amharic_tl.studies.select_base.request import Request, bytes_of

    numbers = {
        name: _whole(parsed.options[name], name) for name in ("rows", "words", "seeds") if name in parsed.options
    }
    best = parsed.options.get("fine-tune")
    try:
        device = None if memory is None else bytes_of(memory)
    except ValueError as error:
        raise UsageError(f"--memory: {error}") from None
    request = Request(
        models=tuple(parsed.several["DIR_OR_ID"]),
        memory=device,
        rank_by=parsed.options.get("rank-by", "probe"),
        waived=tuple(name for word in parsed.several["waive"] for name in word.split(",")),
        pretraining_text=dict(map(_named_files, parsed.several["pretraining-text"])),
        fine_tune=None if best is None else _whole(best, "fine-tune"),
        rates=_rates(parsed.options["rates"]) if "rates" in parsed.options else (),
        **numbers,
    )
    from amharic_tl.training.interruption import Interruption

    with Interruption().listening() as interruption:
        from amharic_tl.studies.select_base.study import select_base

        select_base(config, output, request, interruption)
    return 0


def _whole(text: str, name: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise UsageError(f"--{name}: expected a whole number above 0, found {text!r}")
    return int(text)


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(float(word) for word in text.split(","))
    except ValueError:
        rates = ()
    if not rates or not all(0 < rate < 1 for rate in rates) or len(set(rates)) < len(rates):
        raise UsageError(f"--rates: expected different learning rates such as 1e-4,3e-4, found {text!r}")
    return rates


def _named_files(text: str) -> tuple[str, tuple[str, ...]]:
    """``BASE=a.txt,b.txt`` as a base and its files."""
    name, equals, files = text.rpartition("=")
    found = tuple(file.strip() for file in files.split(",") if file.strip())
    if not equals or not name or not found:
        raise UsageError(f"--pretraining-text: expected BASE=FILES, found {text!r}")
    return name, found
