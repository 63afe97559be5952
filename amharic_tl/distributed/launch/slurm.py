"""An sbatch script: one task a GPU (a node where there is none), saved before the time limit, queued again on 75.

JAX finds the tasks' places itself. On GPUs it gives each task the device of its local number, so that all of a node's
must be visible to each of its tasks (``--gpus-per-node``, not ``--gpus-per-task``).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from amharic_tl.distributed.launch.codes import AGAIN, GRACE, RESTARTS


@dataclass(frozen=True)
class Slurm:
    """What is asked of SLURM.

    Attributes:
      name: of the job and its log.
      nodes: how many.
      gpus: on each node; 0 for none.
      time: limit, as sbatch takes it; the job goes on in the next one.
      partition: where; None: the cluster's default.
      account: who pays; None: the cluster's default.
      setup: a line of shell that each node runs first, such as activating an environment.
    """

    name: str
    nodes: int
    gpus: int = 0
    time: str = "24:00:00"
    partition: str | None = None
    account: str | None = None
    setup: str | None = None


def slurm_script(command: Sequence[str], asked: Slurm) -> str:
    """The script that runs ``command`` (its words) in every task."""
    settings = {
        "job-name": asked.name,
        "nodes": asked.nodes,
        "ntasks-per-node": max(asked.gpus, 1),
        "gpus-per-node": asked.gpus or None,
        "time": asked.time,
        "partition": asked.partition,
        "account": asked.account,
        "signal": f"TERM@{GRACE}",
        "output": f"{asked.name}-%j.log",
        "open-mode": "append",
    }
    lines = [f"#SBATCH --{name}={value}" for name, value in settings.items() if value is not None]
    return f"""#!/bin/bash
{chr(10).join(lines)}
#SBATCH --requeue
# SIGTERM comes {GRACE} seconds before the time limit, or at a preemption: all tasks then save, and exit {AGAIN}.
set -u
{asked.setup or "# environments are activated here: source .venv/bin/activate"}

# srun returns the largest code of its tasks, which hides why the first one failed: each notes its own.
codes=$(mktemp -p "$SLURM_SUBMIT_DIR" ".{asked.name}-codes.XXXXXX")
srun --kill-on-bad-exit=1 bash -c 'trap : TERM; "$@"; code=$?; echo "$code" >> "$0"; exit "$code"' "$codes" \\
  {shlex.join(command)}
code=$?
failed=$(grep -vxE '0|{AGAIN}' "$codes" | sort -n | head -n 1)
rm -f "$codes"
if [ -n "$failed" ]; then exit "$failed"; fi
if [ "$code" -eq 0 ]; then exit 0; fi
if [ "${{SLURM_RESTART_COUNT:-0}}" -lt {RESTARTS} ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit {AGAIN}
"""
