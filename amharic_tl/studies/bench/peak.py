"""What the devices at hand could do at most: as their vendor says, or measured by products in the same run."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp

from amharic_tl.studies.plan.chips import CHIPS

# What JAX calls a chip, in lower case -> its name in studies/plan/chips.py; the first that is part of it holds.
_KINDS = (
    ("v5 lite", "v5e"),
    ("v5e", "v5e"),
    ("v6 lite", "v6e"),
    ("v6e", "v6e"),
    ("v5p", "v5p"),
    ("v5", "v5p"),
    ("v4", "v4"),
    ("a100-sxm4-40gb", "a100-40gb"),
    ("a100-pcie-40gb", "a100-40gb"),
    ("a100", "a100-80gb"),
    ("h200", "h200"),
    ("h100", "h100"),
)
PROBE = 2048


@dataclass(frozen=True)
class Peak:
    """FLOPs a second over all devices of the mesh; None where it is not known.

    ``source`` says where the figure is from: ``published`` (the chip and where its figures stand), ``measured`` (by
    products of this run) or ``unknown``.
    """

    flops: float | None
    source: str
    about: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def chip_of(device_kind: str) -> str | None:
    """The name in :data:`~amharic_tl.studies.plan.chips.CHIPS` of what JAX calls a device; None: not known."""
    kind = device_kind.lower()
    return next((name for part, name in _KINDS if part in kind), None)


def peak_of(devices: list[Any], dtype: str, probe: bool) -> Peak:
    """The peak of ``devices`` with products in ``dtype``; ``probe``: measure where no vendor's figure is known."""
    name = chip_of(devices[0].device_kind)
    if devices[0].platform != "cpu" and name is not None:
        chip = CHIPS[name]
        return Peak(chip.flops[dtype] * len(devices), "published", f"{len(devices)} x {chip.name}: {chip.source}")
    if not probe:
        return Peak(None, "unknown", f"no published figure for {devices[0].device_kind}, and --no-probe")
    measured = fastest_product(dtype)
    about = f"the fastest of products of {PROBE} x {PROBE} in {dtype} in this run"
    if devices[0].platform == "cpu":  # all CPU devices are the cores of one machine
        return Peak(measured, "measured", f"{about}, with all cores")
    return Peak(measured * len(devices), "measured", f"{about} on one device, times {len(devices)}")


def fastest_product(dtype: str, size: int = PROBE, times: int = 5) -> float:
    """FLOPs a second of the fastest of ``times`` square products on the first device."""
    device = jax.devices()[0]
    one = jax.device_put(jnp.ones((size, size), dtype), device)
    product = jax.jit(lambda a: a @ a)
    jax.block_until_ready(product(one))
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        jax.block_until_ready(product(one))
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best
