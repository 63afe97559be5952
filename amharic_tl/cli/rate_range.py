"""``amharic-tl rate-range``: between which learning rates the loss of a run falls, in a hundred steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import UsageError, load_config, parse, require
from amharic_tl.training.interruption import Interruption

OPTIONS = ("config", "workdir", "lowest", "highest", "steps")
WORDS = ()

HELP = """usage: amharic-tl rate-range --config FILE_OR_PRESET [--config.a.b=value ...] --workdir DIR
         [--lowest 1e-7] [--highest 1] [--steps 100]

Trains some steps at rates that rise from step to step, until the loss is four times its lowest, and says between which
rates it fell: a range to search in, no rate to take. What trains, the optimiser, batches and dropout are those of the
run; the schedule is not used. DIR is a new directory; it gets rate_range.html, .json and .jsonl, and no model.

How to read it: docs/optimisers.md. Settings of --config are those of amharic-tl train (amharic-tl train --help).
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS)
    if parsed.help:
        print(HELP)
        return 0
    options = parsed.options
    require(options, "config", "classify")
    output = Path(require(options, "workdir", "rates/first"))
    lowest, highest = _number(options, "lowest", 1e-7), _number(options, "highest", 1.0)
    steps = _number(options, "steps", 100.0)
    if steps != int(steps):
        raise UsageError(f"--steps: expected a whole number, found {options['steps']!r}")
    config = load_config(options["config"], parsed.overrides)

    with Interruption().listening() as interruption:
        from amharic_tl.run.rate_range import rate_range

        found = rate_range(config, output, lowest, highest, int(steps), interruption=interruption)
    print("\n".join(found["sentences"]))
    print(f"the curve: {output / 'rate_range.html'}")
    return 0


def _number(options: dict[str, str], name: str, default: float) -> float:
    try:
        return float(options.get(name, default))
    except ValueError:
        raise UsageError(f"--{name}: expected a number, found {options[name]!r}") from None
