"""``amharic-tl bench``: how fast a config trains on the devices at hand."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import UsageError, load_config, parse, require

OPTIONS = ("config", "workdir", "steps")
FLAGS = ("profile", "no-probe")
WORDS = ()

HELP = """usage: amharic-tl bench --config FILE_OR_PRESET [--config.a.b=value ...] --workdir DIR
                        [--steps 20] [--profile] [--no-probe]

Compiles the training step for each shape of the first batches, times steps that are fed as training feeds them, and
says shapes, tokens a second without padding, model FLOPs utilisation (of what trains), compile time, peak memory and
the share of time spent waiting for data. DIR is a new directory; it gets bench.json, and no model.

  --steps N     how many are timed (20), after one of each shape that is not
  --profile     a trace of three more, in DIR/profile, for TensorBoard or ui.perfetto.dev
  --no-probe    where the chip's peak is not known (a CPU), do not measure one: MFU is unknown then

How to read it: docs/bench.md. Settings of --config are those of amharic-tl train (amharic-tl train --help).
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, FLAGS)
    if parsed.help:
        print(HELP)
        return 0
    options = parsed.options
    require(options, "config", "classify")
    workdir = Path(require(options, "workdir", "bench/first"))
    steps = options.get("steps", "20")
    if not steps.isdecimal():
        raise UsageError(f"--steps: expected a whole number from 2, found {steps!r}")
    config = load_config(options["config"], parsed.overrides)

    from amharic_tl.studies.bench.study import bench, bench_lines

    shown = sys.stderr.isatty()
    found = bench(
        config,
        workdir,
        int(steps),
        profile="profile" in options,
        probe="no-probe" not in options,
        say=lambda line: print(line, file=sys.stderr) if shown else None,
    )
    print("\n".join(bench_lines(found)))
    return 0
