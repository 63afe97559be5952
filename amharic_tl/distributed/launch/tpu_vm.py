"""A script for the hosts of a Cloud TPU slice: it starts the command on all of them and follows the first one's log."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from amharic_tl.distributed.launch.codes import AGAIN, RESTARTS


@dataclass(frozen=True)
class TpuVm:
    """A slice that is there already.

    Attributes:
      name: of the TPU VM.
      zone: where it is.
      project: whose; None: gcloud's default.
      setup: a line of shell that each host runs first, such as activating an environment.
    """

    name: str
    zone: str
    project: str | None = None
    setup: str | None = None


def tpu_vm_script(command: Sequence[str], asked: TpuVm) -> str:
    """The script. JAX finds the hosts itself; each starts the command again on 75, and all meet again."""
    place = [asked.name, f"--zone={asked.zone}", *([f"--project={asked.project}"] if asked.project else [])]
    # Without a terminal of its own and apart from the ssh session, which may break.
    work = f"""{asked.setup or ":"}
for try in $(seq {RESTARTS}); do
  {shlex.join(command)}
  code=$?
  [ "$code" -eq {AGAIN} ] || break
  sleep 10
done
echo "ended with $code"
"""
    started = f"setsid nohup bash -c {shlex.quote(work)} > ~/{asked.name}.log 2>&1 < /dev/null &"
    return f"""#!/bin/bash
# Starts the run on every host of the TPU VM {asked.name}. To stop it, saved: the first gcloud line with
# --command='pkill -TERM -f "[a]mharic-tl train"'
# which ends the loops that start it again, too ([a]: the shell that says so is not meant).
set -eu
gcloud compute tpus tpu-vm ssh {shlex.join(place)} --worker=all --command={shlex.quote(started)}
gcloud compute tpus tpu-vm ssh {shlex.join(place)} --worker=0 --command={shlex.quote(f"tail -F ~/{asked.name}.log")}
"""
