"""``amharic-tl train``: one run, from a config to a report. The same command resumes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from amharic_tl.cli.arguments import describe_leaves, load_config, parse, presets, require
from amharic_tl.cli.supervisor import supervised
from amharic_tl.config import Config
from amharic_tl.distributed.discovery import find_place
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.watchdog import watched


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

    if find_place(config.mesh).may_have_peers:
        return supervised("train", lambda joined: _train(config, workdir, joined))
    return _train(config, workdir)


def _train(config: Config, workdir: Path, joined: Callable[[], None] = lambda: None) -> int:
    with Interruption().listening() as interruption:
        from amharic_tl.distributed.multihost import membership, who
        from amharic_tl.run import train

        # Here and not in train(): a notebook's process is not ours to end.
        with membership(config.mesh, joined), watched(config.train.stuck_after, who()):
            train(config, workdir, interruption=interruption)
    return 0
