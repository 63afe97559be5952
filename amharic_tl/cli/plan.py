"""``amharic-tl plan``: what a run would need of a slice of devices, with none of them here."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import UsageError, load_config, parse, require
from amharic_tl.errors import ConfigError

OPTIONS = ("config", "topology", "memory", "chip", "tokens", "price-per-chip-hour", "labels", "output", "attempts")
FLAGS = ("no-batch",)
WORDS = ()

HELP = """usage: amharic-tl plan [--config FILE_OR_PRESET] [--config.a.b=value ...]
                       --topology v5e:4x4 [--output plan.json]

Compiles the training step of a config for devices that need not be here, and says what each of them would need of
memory by kind, whether that fits and what would, FLOPs, bytes sent by axis of the mesh, bounds of an update's time and
of MFU, and the largest batch. No data and no weights are read: of model.path, config.json alone.

  --topology T              TPUs by their chips along each dimension (v4:2x2x1, v5p:2x2x2, v5e:4x4, v6e:4x4), gpu:8
                            or cpu:8. TPUs need their compiler: pip install "amharic-tl[tpu-plan]"
  --memory 15GiB            of each device; otherwise that of the chip
  --chip h100               of gpu: a100-40gb, a100-80gb, h100 (unless --memory is given), h200
  --tokens 1e9              a budget, padding counted: updates, hours, chip hours
  --price-per-chip-hour X   and what they cost, in any currency
  --labels N                classes, where the model's config.json has others (2)
  --attempts N              other ways that are compiled at most where it does not fit (8); 0: none
  --no-batch                does not look for the largest batch
  --output FILE             the same and more as JSON; a file that is there is never overwritten

How to read it: docs/plan.md.
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, FLAGS)
    if parsed.help:
        print(HELP)
        return 0
    options = parsed.options
    from amharic_tl.studies.plan.topology import environment, parse_topology

    text = require(options, "topology", "v5e:4x4")
    try:
        memory = _memory(options.get("memory"))
        topology = parse_topology(text, memory, options.get("chip"))
    except ValueError as error:
        raise UsageError(f"--topology, --memory, --chip: {error}") from None
    tokens, price = (_number(options.get(name), name) for name in ("tokens", "price-per-chip-hour"))
    if price is not None and tokens is None:
        raise UsageError("--price-per-chip-hour is of a budget: name --tokens, such as --tokens 1e9")
    labels = _whole(options.get("labels"), "labels", least=1)
    most = _whole(options.get("attempts"), "attempts", least=0)
    output = Path(options["output"]) if "output" in options else None
    if output is not None and output.exists():
        raise ConfigError(f"--output: {output} is there already; name a new file")
    config = load_config(options.get("config"), parsed.overrides)

    os.environ.update(environment(topology, os.environ))
    from amharic_tl.records.files import write_json
    from amharic_tl.studies.plan.study import Request, plan
    from amharic_tl.studies.plan.telling import plan_lines

    request = Request(
        topology, tokens, price, labels, batch="no-batch" not in options, **({} if most is None else {"most": most})
    )
    shown = sys.stderr.isatty()
    found = plan(config, request, lambda line: print(line, file=sys.stderr) if shown else None)
    print("\n".join(plan_lines(found)))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, found.to_dict())
    return 0


def _memory(text: str | None) -> int | None:
    from amharic_tl.studies.select_base.request import bytes_of

    return None if text is None else bytes_of(text)


def _number(text: str | None, name: str) -> float | None:
    if text is None:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?([eE]\+?\d{1,2})?", text) or float(text) <= 0:
        raise UsageError(f"--{name}: expected a number above 0 such as 1e9, found {text!r}")
    return float(text)


def _whole(text: str | None, name: str, least: int) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or int(text) < least:
        raise UsageError(f"--{name}: expected a whole number from {least}, found {text!r}")
    return int(text)
