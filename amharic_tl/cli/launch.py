"""``amharic-tl launch``: a file that starts a run on several hosts of a cluster, on standard output."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

from amharic_tl.cli.arguments import Arguments, UsageError, load_config, parse, require
from amharic_tl.config import Config
from amharic_tl.errors import ConfigError

KINDS = ("slurm", "jobset", "tpu-vm")
WORDS = ["cluster"]
OPTIONS = [
    *("config", "workdir", "name"),
    *("nodes", "gpus", "time", "partition", "account", "setup"),
    *("hosts", "image", "claim", "mount", "tpu", "topology", "chips", "queue"),
    *("zone", "project"),
]
_NUMBERS = ("nodes", "gpus", "hosts", "chips")
_READ_BY = {
    "slurm": ("name", "nodes", "gpus", "time", "partition", "account", "setup"),
    "jobset": ("name", "hosts", "image", "claim", "mount", "tpu", "topology", "chips", "gpus", "queue"),
    "tpu-vm": ("name", "zone", "project", "setup"),
}

HELP = """usage: amharic-tl launch CLUSTER --config FILE_OR_PRESET [--config.a.b=value ...] --workdir DIR [options]

Prints the file that starts `amharic-tl train` with the same words in every process of a job; nothing is started.
FILE_OR_PRESET, data, model and DIR must be seen under the same path by all hosts.

slurm      a script for sbatch: one task a GPU, or a node
  --name NAME --nodes N [--gpus PER_NODE] [--time 24:00:00] [--partition P] [--account A] [--setup 'LINE OF SHELL']
jobset     a manifest for kubectl apply (JobSet v1alpha2): one pod a host
  --name NAME --hosts N --image IMAGE [--claim PVC] [--mount /data] [--gpus PER_HOST] [--queue KUEUE]
  [--tpu tpu-v5-lite-podslice --topology 4x4 --chips 4]
tpu-vm     a script that starts it on all hosts of a Cloud TPU VM, over gcloud
  --name TPU --zone ZONE [--project P] [--setup 'LINE OF SHELL']
"""


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, words=WORDS)
    if parsed.help:
        print(HELP)
        return 0
    print(render(parsed), end="")
    return 0


def render(parsed: Arguments) -> str:
    """The file.

    Raises:
      UsageError: an option is missing, or is none of this cluster.
      ConfigError: the config is not valid, or a batch cannot be divided over the processes.
    """
    options = dict(parsed.options)
    cluster = options.get("cluster", "")
    if cluster not in KINDS:
        raise UsageError(f"launch needs a cluster, one of {', '.join(KINDS)}; found {cluster or 'none'}")
    config = load_config(require(options, "config", "classify"), parsed.overrides)
    workdir = require(options, "workdir", "runs/first")
    command = ["amharic-tl", "train", "--config", options["config"]]
    command += [f"--config.{name}={value}" for name, value in parsed.overrides.items()]
    command += ["--workdir", workdir]
    given = {name: value for name, value in options.items() if name not in ("cluster", "config", "workdir")}
    strange = [name for name in given if name not in _READ_BY[cluster]]
    if strange:
        raise UsageError(f"--{strange[0]} says nothing to {cluster}, which reads --{', --'.join(_READ_BY[cluster])}")
    return _file(cluster, command, config, {name: _converted(name, value) for name, value in given.items()})


def _converted(name: str, value: str) -> Any:
    if name not in _NUMBERS:
        if "\n" in value or not value:
            raise UsageError(f"--{name}: expected one line, found {value!r}")
        return value
    if not re.fullmatch(r"\d{1,6}", value):
        raise UsageError(f"--{name}: expected a whole number, found {value!r}")
    return int(value)


def _file(cluster: str, command: list[str], config: Config, given: dict[str, Any]) -> str:
    if cluster == "slurm":
        from amharic_tl.distributed.launch.slurm import Slurm, slurm_script

        asked = _asked(Slurm, given)
        _check_batch(config, asked.nodes * max(asked.gpus, 1))
        return slurm_script(command, asked)
    if cluster == "jobset":
        from amharic_tl.distributed.launch.jobset import JobSet, jobset

        wanted = _asked(JobSet, given)
        _check_batch(config, wanted.hosts)
        return jobset(command, wanted)
    from amharic_tl.distributed.launch.tpu_vm import TpuVm, tpu_vm_script

    return tpu_vm_script(command, _asked(TpuVm, given))


def _asked(kind: Any, given: dict[str, Any]) -> Any:
    needed = [field.name for field in fields(kind) if field.default is MISSING]
    missing = [name for name in needed if name not in given]
    if missing:
        raise UsageError(f"--{missing[0]} is missing; this cluster needs --{', --'.join(needed)}")
    return kind(**given)


def _check_batch(config: Config, processes: int) -> None:
    rows = config.train.microbatch or config.train.batch_size
    if processes < 1 or rows % processes:
        raise ConfigError(
            f"config.train.batch_size (or config.train.microbatch): {rows} rows cannot be divided over {processes} "
            "processes"
        )


def understand(words: Sequence[str]) -> None:
    """Renders what a page shows, for the test that reads pages."""
    render(parse(words, OPTIONS, words=WORDS))
