"""What of this machine each of several runs at a time may use, so that they do not fight over it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from amharic_tl.errors import ConfigError
from amharic_tl.sweeps.place import Place

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def cores_of(slot: int, jobs: int) -> str:
    """The cores of a slot, as ``0,1``: equally many for every slot; "all" where the system cannot pin or one job runs.

    How many cores a run has can change the order of its sums, and with it the last bits of its scores.
    """
    if jobs == 1 or not hasattr(os, "sched_getaffinity"):
        return "all"
    here = sorted(os.sched_getaffinity(0))
    share = max(1, len(here) // jobs)
    return ",".join(str(here[(slot * share + index) % len(here)]) for index in range(share))


def accelerators() -> list[str]:
    """The NVIDIA devices this process may use: those ``CUDA_VISIBLE_DEVICES`` names, or all there are.

    None where JAX is told to use the processor alone.
    """
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        return []
    named = os.environ.get(_VISIBLE)
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    return sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))


def check_accelerators(jobs: int, devices: list[str]) -> None:
    """Refuses more runs at a time than there are accelerators: each takes most of its device's memory.

    Raises:
      ConfigError: there are accelerators, and fewer than jobs.
    """
    if devices and jobs > 1 and jobs > len(devices):
        raise ConfigError(
            f"-j: {jobs} runs at a time on {len(devices)} accelerators; at most {len(devices)}, or hide them with "
            f"{_VISIBLE}= to run on the processor"
        )


def environment(place: Place, slot: int | None, jobs: int, devices: list[str]) -> Mapping[str, str]:
    """Environment of a run: one compilation cache for the sweep, unless the user names another, and one device."""
    chosen = dict(os.environ)
    chosen.setdefault("JAX_COMPILATION_CACHE_DIR", str(place.compiled.resolve()))
    # Runs of a sweep share nearly all their programs, so small ones are worth keeping too.
    chosen.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    chosen.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    if slot is not None and jobs > 1 and devices:
        chosen[_VISIBLE] = devices[slot % len(devices)]
    chosen["JAX_NUM_PROCESSES"] = "1"  # a run of a sweep is alone, also where the launcher is one task of many
    checkout = Path(__file__).parents[2]
    if (checkout / "pyproject.toml").is_file():  # runs use the code that started them
        chosen["PYTHONPATH"] = os.pathsep.join([str(checkout), *filter(None, [chosen.get("PYTHONPATH")])])
    return chosen
