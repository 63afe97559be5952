"""How much memory training has needed at most, as far as the device keeps count."""

from __future__ import annotations

import resource

import jax


def peak_memory() -> tuple[int, str]:
    """Peak bytes and whose they are: of the first ``device``, or of this ``process`` where a device keeps no count (a
    CPU).
    """
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        return int(stats["peak_bytes_in_use"]), "device"
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "process"
