"""Whether this process is one of several, from the config and what a cluster leaves in the environment. Without JAX."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from amharic_tl.config.machine import MeshConfig
from amharic_tl.errors import ConfigError

COORDINATOR, PROCESSES, PROCESS_ID = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
# How many tasks a launcher started, as it tells each of them, and which of them this one is.
_LAUNCHERS = {
    "SLURM": ("SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID"),
    "Open MPI": ("OMPI_MCA_orte_hnp_uri", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
}
# Set by GKE in every pod with a TPU, and by JobSet and indexed Jobs in every pod.
_IN_PODS = ("TPU_WORKER_HOSTNAMES", "TPU_PROCESS_ADDRESSES", "JOB_COMPLETION_INDEX")


@dataclass(frozen=True)
class Place:
    """This process's place in its job, as far as it is said: the arguments of ``jax.distributed.initialize``.

    Attributes:
      coordinator: ``HOST:PORT`` of process 0.
      processes: how many there are.
      process_id: which of them this is.
      found_by: what else says it: ``SLURM``, ``Open MPI``, ``cluster`` (JAX looks whether there is one); None: nothing.
    """

    coordinator: str | None = None
    processes: int | None = None
    process_id: int | None = None
    found_by: str | None = None

    @property
    def may_have_peers(self) -> bool:
        """False where this process is known to be alone."""
        return self.processes != 1 and (self.processes is not None or self.found_by is not None)


def find_place(mesh: MeshConfig, environment: Mapping[str, str] | None = None) -> Place:
    """What the leaves of ``config.mesh`` say, then the environment; what is left JAX asks the cluster for.

    Raises:
      ConfigError: values that are no numbers, do not fit together, or are missing where no cluster is seen.
    """
    environment = os.environ if environment is None else environment
    coordinator = mesh.coordinator or environment.get(COORDINATOR)
    processes = mesh.processes if mesh.processes is not None else _number(environment, PROCESSES)
    process_id = mesh.process_id if mesh.process_id is not None else _number(environment, PROCESS_ID)
    if processes == 1:
        return Place(processes=1)
    if coordinator is not None and not re.fullmatch(r"\S+:\d{1,5}", coordinator):
        raise ConfigError(f"config.mesh.coordinator: expected HOST:PORT, such as 10.0.0.1:8476, found {coordinator!r}")
    if processes is not None and process_id is not None and process_id >= processes:
        raise ConfigError(
            f"config.mesh.process_id: {process_id} is not below the {processes} processes of the job; they count from 0"
        )
    found_by = None
    for name, (mark, count, _) in _LAUNCHERS.items():
        if mark in environment and (number := _number(environment, count)) is not None:
            if number == 1 and processes is None and coordinator is None:
                return Place(processes=1)
            found_by = name
            break
    else:
        if any(name in environment for name in _IN_PODS) or _has_tpu(environment):
            found_by = "cluster"
    said = {"coordinator": coordinator, "processes": processes, "process_id": process_id}
    missing = [f"config.mesh.{name}" for name, value in said.items() if value is None]
    if 0 < len(missing) < len(said) and found_by is None:
        raise ConfigError(
            f"a job of several processes needs {', '.join(missing)} too (or {', '.join(map(_variable, missing))}): no "
            "cluster was seen that says it. config.mesh.processes=1 runs this process alone"
        )
    return Place(coordinator, processes, process_id, None if not missing else found_by)


def _variable(leaf: str) -> str:
    variables = {"coordinator": COORDINATOR, "processes": PROCESSES, "process_id": PROCESS_ID}
    return f"${variables[leaf.rpartition('.')[2]]}"


def _number(environment: Mapping[str, str], name: str) -> int | None:
    value = environment.get(name, "").strip()
    if not value:
        return None
    if not value.isdecimal():
        raise ConfigError(f"${name}: expected a whole number, found {value!r}")
    return int(value)


def _has_tpu(environment: Mapping[str, str]) -> bool:
    """Whether this may be a TPU VM: JAX then asks Google's metadata server who the others are."""
    platforms = environment.get("JAX_PLATFORMS", "")
    if platforms and "tpu" not in platforms:
        return False
    there = any(os.path.exists(path) for path in ("/dev/accel0", "/dev/vfio/0"))  # noqa: PTH110
    return there and importlib.util.find_spec("libtpu") is not None
