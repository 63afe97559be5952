"""What vendors say of their chips: peak rates, memory, and how fast they talk to each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_TERA, _GIGA, _GIB = 1e12, 1e9, 2**30


@dataclass(frozen=True)
class Chip:
    """A chip, which is one device.

    Attributes:
      name: as it is typed.
      flops: dense matrix products a second, by the dtype of the operands.
      memory: bytes.
      bandwidth: bytes a second to and from its own memory.
      interconnect: bytes a second that it can send to its neighbours, over all its links together.
      dimensions: of the torus that a slice of them is; 0 for none.
      source: where these figures stand.
    """

    name: str
    flops: dict[str, float]
    memory: int
    bandwidth: float
    interconnect: float
    dimensions: int
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def _tpu(name: str, tera: float, gib: int, bandwidth: float, interconnect: float, dimensions: int) -> Chip:
    # By default JAX multiplies float32 on a TPU in one pass of bfloat16: the same peak.
    return Chip(
        name,
        {"bfloat16": tera * _TERA, "float32": tera * _TERA},
        gib * _GIB,
        bandwidth * _GIGA,
        interconnect * _GIGA,
        dimensions,
        f"https://docs.cloud.google.com/tpu/docs/{name}",
    )


def _gpu(name: str, tera: tuple[float, float], giga: int, bandwidth: float, nvlink: float, source: str) -> Chip:
    # float32 at the rate of TF32, which XLA takes for products on these.
    rates = {"bfloat16": tera[0] * _TERA, "float32": tera[1] * _TERA}
    return Chip(name, rates, int(giga * _GIGA), bandwidth * _GIGA, nvlink * _GIGA, 0, source)


# Interconnect: half of the bidirectional bandwidth of a chip, where that is what is published. v4: six links of 50 GB/s
# each way (Jouppi et al. 2023, table 4). GPUs: without sparsity; NVLink each way.
CHIPS: dict[str, Chip] = {
    chip.name: chip
    for chip in (
        _tpu("v4", 275, 32, 1200, 300, 3),
        _tpu("v5e", 197, 16, 819, 200, 2),
        _tpu("v5p", 459, 95, 2765, 600, 3),
        _tpu("v6e", 918, 32, 1638, 400, 2),
        _gpu("a100-40gb", (312, 156), 40, 1555, 300, "NVIDIA A100 Tensor Core GPU datasheet"),
        _gpu("a100-80gb", (312, 156), 80, 2039, 300, "NVIDIA A100 Tensor Core GPU datasheet"),
        _gpu("h100", (989.4, 494.7), 80, 3350, 450, "NVIDIA H100 Tensor Core GPU architecture whitepaper (SXM5)"),
        _gpu("h200", (989.4, 494.7), 141, 4800, 450, "NVIDIA H200 Tensor Core GPU datasheet"),
    )
}
TPUS = tuple(name for name, chip in CHIPS.items() if chip.dimensions)
