"""``amharic-tl train``: one run, from a config to a report. The same command resumes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amharic_tl.cli.arguments import describe_leaves, load_config, parse, presets, require
from amharic_tl.training.interruption import Interruption


def help_text() -> str:
    """The text of ``amharic-tl train --help``."""
    return f"""usage: amharic-tl train --config FILE_OR_PRESET [--config.a.b=value ...] --workdir DIR

Trains, evaluates and reports one run. DIR is new, or a run of the same config, which is then resumed.
FILE is a .py with get_config() (it is executed) or a .json (data); the presets are {", ".join(presets())}.

Leaves, with their defaults:
{describe_leaves()}
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, options=["config", "workdir"])
    if parsed.help:
        print(help_text())
        return 0
    require(parsed.options, "config", "classify")
    workdir = Path(require(parsed.options, "workdir", "runs/first"))
    config = load_config(parsed.options["config"], parsed.overrides)

    with Interruption().listening() as interruption:
        from amharic_tl.run import train

        train(config, workdir, interruption=interruption)
    return 0
