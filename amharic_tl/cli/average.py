"""``amharic-tl average``: a run's weights averaged with their pretrained base, or with those of other runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from amharic_tl.cli.arguments import UsageError, parse, require

OPTIONS = ("alphas", "soup", "output")
WORDS = ()
SEVERAL = ("RUN",)

HELP = """usage: amharic-tl average RUN [--alphas 0,0.25,0.5,0.75,1] --output DIR
       amharic-tl average RUN RUN ... --soup uniform|greedy --output DIR

With one run (WiSE-FT): scores (1 - alpha) x pretrained + alpha x fine-tuned weights on validation for each alpha, takes
the one that is best there, and scores it on test. A head that was drawn anew has no pretrained weights and stays as it
is. With several runs (a soup): the mean of their weights, of all of them (uniform) or of those that make validation no
worse (greedy). They must share data, labels, tokenizer, pretrained base and initial head; others are refused.

The runs are not changed. DIR is a new directory; it gets average.json and .html, scores and predictions that may be
compared like a workdir's (amharic-tl evaluate --compare), and the model under export.

How to read it: docs/optimisers.md.
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, words=WORDS, several=SEVERAL)
    if parsed.help:
        print(HELP)
        return 0
    runs, options = parsed.several["RUN"], parsed.options
    if not runs:
        raise UsageError("the run is missing, for example amharic-tl average runs/first --output runs/averaged")
    output = Path(require(options, "output", "runs/averaged"))
    if len(runs) > 1 and options.get("soup") not in ("uniform", "greedy"):
        raise UsageError(f"several runs need --soup=uniform or --soup=greedy, found {options.get('soup', 'none')!r}")
    if len(runs) == 1 and "soup" in options:
        raise UsageError("--soup needs two runs or more; one run is averaged with its base: leave --soup out")
    if len(runs) > 1 and "alphas" in options:
        raise UsageError("--alphas goes with one run; a soup has none")
    if len(set(runs)) < len(runs):
        raise UsageError("a run stands there twice; name each once")
    alphas = alphas_of(options.get("alphas", "0,0.25,0.5,0.75,1"))

    from amharic_tl.run.averaging import Soup, average_with_base, soup

    if len(runs) == 1:
        average_with_base(Path(runs[0]), alphas, output)
    else:
        soup([Path(run) for run in runs], cast("Soup", options["soup"]), output)
    print(f"written to {output}")
    return 0


def alphas_of(text: str) -> list[float]:
    """Numbers from 0 to 1, separated by commas.

    Raises:
      UsageError: anything else.
    """
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 <= alpha <= 1 for alpha in found):
        raise UsageError(f"--alphas: expected numbers from 0 to 1 such as 0,0.5,1, found {text!r}")
    return found
