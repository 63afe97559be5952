"""Which dtype of matrix products the devices at hand are made for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

# From here on NVIDIA's tensor cores multiply bfloat16 (Ampere). A T4 has 7.5: it knows float16 alone, whose small
# range would need the loss to be scaled, so that float32 it is.
_BFLOAT16_CAPABILITY = (8, 0)


def compute_dtype(devices: Sequence[Any] | None = None) -> str:
    """``bfloat16`` where all devices multiply it in hardware (TPUs, NVIDIA from capability 8.0), else ``float32``.

    A value for ``config.model.compute_dtype``.
    """
    found = jax.devices() if devices is None else devices
    return "bfloat16" if found and all(map(_multiplies_bfloat16, found)) else "float32"


def _multiplies_bfloat16(device: Any) -> bool:
    if device.platform == "tpu":
        return True
    capability = getattr(device, "compute_capability", None)
    if device.platform not in ("gpu", "cuda") or capability is None:
        return False  # CPUs, and GPUs of which it is not known
    try:
        major, _, minor = str(capability).partition(".")
        return (int(major), int(minor or 0)) >= _BFLOAT16_CAPABILITY
    except ValueError:  # such as gfx90a
        return False
