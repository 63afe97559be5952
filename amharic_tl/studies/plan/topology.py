"""The devices that a plan is for: as they are typed, and as JAX compiles for them with none of them here."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError, MissingInputError
from amharic_tl.studies.plan.chips import CHIPS, TPUS, Chip

DEFAULT_GPU = "h100"
EXAMPLES = "v5e:4x4, v4:2x2x1, gpu:8 or cpu:8"


@dataclass(frozen=True)
class Topology:
    """Devices of one kind.

    Attributes:
      text: as it was typed.
      kind: ``tpu``, ``gpu`` or ``cpu``.
      count: of devices.
      chip: what is known of each; None where none is named.
      memory: bytes of each device that a step may take; None: as far as its compiler says.
    """

    text: str
    kind: str
    count: int
    chip: Chip | None
    memory: int | None

    @property
    def is_compiled_for(self) -> bool:
        """Whether what is compiled is the programme of these devices, and not one for CPUs in their place."""
        return self.kind in ("tpu", "cpu")


def parse_topology(text: str, memory: int | None = None, chip: str | None = None) -> Topology:
    """``v5e:4x4`` (chips along each dimension), ``gpu:8`` or ``cpu:8``.

    Args:
      text: as typed.
      memory: bytes of each device; None: the chip's.
      chip: of GPUs; None: h100, unless a memory is named.

    Raises:
      ValueError: anything else, with what was expected.
    """
    kind, _, extents = text.partition(":")
    if kind in TPUS and re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", extents):
        if chip is not None:
            raise ValueError(f"{kind} is a chip already; a chip is named for gpu alone")
        sizes = [int(extent) for extent in extents.split("x")]
        dimensions = CHIPS[kind].dimensions
        if len(sizes) != dimensions:
            example = "x".join(["2", "2", "1"][:dimensions])
            raise ValueError(f"a slice of {kind} has {dimensions} dimensions, such as {kind}:{example}, found {text!r}")
        return Topology(text, "tpu", math.prod(sizes), CHIPS[kind], memory)
    if kind in ("gpu", "cpu") and re.fullmatch(r"[1-9]\d*", extents):
        if kind == "cpu":
            if chip is not None:
                raise ValueError("a chip is named for gpu alone")
            return Topology(text, "cpu", int(extents), None, memory)
        if chip is not None and (chip not in CHIPS or chip in TPUS):
            raise ValueError(f"the chips of gpu are {', '.join(c for c in CHIPS if c not in TPUS)}, found {chip!r}")
        named = CHIPS[chip or DEFAULT_GPU] if chip or memory is None else None
        return Topology(text, "gpu", int(extents), named, memory or (named.memory if named else None))
    raise ValueError(f"expected such as {EXAMPLES} (TPUs: {', '.join(TPUS)}), found {text!r}")


def environment(topology: Topology, given: Mapping[str, str]) -> dict[str, str]:
    """What must stand in the environment before JAX starts, beside what is ``given`` there.

    Raises:
      MissingInputError: the TPU compiler is not installed.
    """
    # The compiler's warnings about what it had to gather whole show in the figures.
    wanted = {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": given.get("TF_CPP_MIN_LOG_LEVEL", "2")}
    if topology.kind != "tpu":
        others = re.sub(r"--xla_force_host_platform_device_count=\d+", "", given.get("XLA_FLAGS", ""))
        flag = f"--xla_force_host_platform_device_count={topology.count}"
        return {**wanted, "XLA_FLAGS": f"{others} {flag}".strip()}
    library = given.get("TPU_LIBRARY_PATH") or _libtpu()
    if library is None or not Path(library).is_file():
        raise MissingInputError(
            f"--topology {topology.text}: the TPU compiler is not here (TPU_LIBRARY_PATH={library}); "
            'pip install "amharic-tl[tpu-plan]" brings it, and needs no TPU'
        )
    # Otherwise it asks the cloud's metadata server which TPU it is on, and waits; the other three say what is asked.
    alone = {
        "TPU_SKIP_MDS_QUERY": "1",
        "TPU_WORKER_HOSTNAMES": "localhost",
        "TPU_WORKER_ID": "0",
        "TPU_ACCELERATOR_TYPE": "v5litepod-1",
    }
    quiet = {"TPU_STDERR_LOG_LEVEL": "3", "TPU_MIN_LOG_LEVEL": "3", "TPU_LOG_DIR": "disabled"}
    # Its lock keeps two processes from one TPU; here is none, and several may compile.
    return {**wanted, **alone, **quiet, "ALLOW_MULTIPLE_LIBTPU_LOAD": "1", "TPU_LIBRARY_PATH": library}


def _libtpu() -> str | None:
    found = find_spec("libtpu")
    if found is None or not found.submodule_search_locations:
        return None
    return os.fspath(Path(next(iter(found.submodule_search_locations))) / "libtpu.so")


def devices_of(topology: Topology) -> list[Any]:
    """The devices to compile for. JAX must have started in :func:`environment`.

    Raises:
      BadInputError: the compiler knows no such slice, or JAX was started with fewer devices.
    """
    import jax

    if topology.kind != "tpu":
        here = jax.devices("cpu")
        if len(here) < topology.count:
            raise BadInputError(f"--topology {topology.text}: JAX was started with {len(here)} CPU devices")
        return list(here[: topology.count])
    from jax.experimental import topologies

    # Both cores of a v4 chip are one device, as they are on a real one.
    settings: dict[str, Any] = {"chip_config_name": "megacore"} if topology.text.startswith("v4:") else {}
    sizes = [int(extent) for extent in topology.text.partition(":")[2].split("x")]
    if topology.count > 1:
        bounds = [math.gcd(size, 2) for size in sizes[:2]]
        settings["chips_per_host_bounds"] = (*bounds, 1)
    try:
        found = topologies.get_topology_desc(platform="tpu", topology_name=topology.text, **settings).devices
    except Exception as error:  # whatever the compiler's own library raises
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadInputError(f"--topology {topology.text}: the TPU compiler refuses it: {said}") from error
    if len(found) != topology.count:
        raise BadInputError(f"--topology {topology.text}: {topology.count} chips, but {len(found)} devices")
    return list(found)
