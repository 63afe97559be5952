"""Whether fine-tuning a base fits the memory of each device: parameters, gradients, optimiser, activations.

The activations are what JAX says it would keep for the backward pass of one microbatch: its trace is counted, nothing
is run or compiled. On ``amharic-tiny`` this was within a sixth of what XLA's own plan of the step took.
"""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from typing import Any

from amharic_tl.config import Config
from amharic_tl.studies.select_base.gates.gate import Gate

_FLOAT = 4  # bytes: parameters, gradients and both moments are float32
USABLE = 0.9  # of a device's memory: the rest is the programme's, and lost between blocks
GIB = 2**30


@dataclass(frozen=True)
class Memory:
    """Bytes on each device."""

    parameters: int
    gradients: int
    optimiser: int
    activations: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.parameters + self.gradients + self.optimiser + self.activations

    def to_dict(self) -> dict[str, int]:
        """Plain values for JSON."""
        return {**asdict(self), "total": self.total}


def estimate(outline: Any, config: Config, length: int) -> Memory:
    """What a step of the config needs on each device of its mesh.

    Args:
      outline: the base's model for the task, of shapes.
      config: of the task: plan, batch, mesh, dtype.
      length: of the longest input, in tokens.

    Raises:
      ConfigError: ``config.transfer`` does not fit the base.
    """
    from amharic_tl.transfer.plan import make_plan

    totals = make_plan(outline, config.transfer, config.optim.weight_decay).totals
    shards = config.mesh.fsdp * config.mesh.tensor
    copies = (config.mesh.data or 1) * config.mesh.fsdp
    rows = max(1, (config.train.microbatch or config.train.batch_size) // copies)
    return Memory(
        parameters=_FLOAT * totals["parameters"] // shards,
        gradients=_FLOAT * totals["trainable"] // shards,
        optimiser=2 * _FLOAT * totals["trainable"] // shards,
        activations=_activations(outline, config, rows, length) // config.mesh.tensor,
    )


def _activations(outline: Any, config: Config, rows: int, length: int) -> int:
    """Bytes that are kept for the backward pass of ``rows`` texts, the parameters themselves left out."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    parts: Any = nnx.split(outline, nnx.Param, ...)
    graph, parameters, others = parts
    ids = jax.ShapeDtypeStruct((rows, length), jnp.int32)

    def kept(parameters: Any, others: Any, ids: Any, key: Any) -> Any:
        def logits(parameters: Any) -> Any:
            model = nnx.merge(graph, parameters, others, copy=True)
            model.compute_dtype = config.model.compute_dtype
            model.attention_path = "xla"  # that of a kernel is smaller
            return model(ids, attention_mask=jnp.ones_like(ids), dropout_key=key).logits

        return jax.vjp(logits, parameters)[1]

    key = jax.eval_shape(lambda: jax.random.key(0))
    residuals = jax.tree.leaves(jax.eval_shape(kept, parameters, others, ids, key))
    held = jax.tree.leaves(parameters)
    return max(0, sum(map(_bytes, residuals)) - sum(map(_bytes, held)))


def _bytes(leaf: Any) -> int:
    return 0 if not hasattr(leaf.dtype, "itemsize") else math.prod(leaf.shape) * leaf.dtype.itemsize


def memory_here() -> int:
    """Bytes of one device that is here: what the accelerator says, otherwise the machine's memory."""
    import jax

    stats = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def memory_gate(needed: Memory, available: int) -> Gate:
    """Judges an estimate against the memory of a device."""
    parts = {name: value for name, value in needed.to_dict().items() if name != "total"}
    said = ", ".join(f"{name} {value / GIB:.2f}" for name, value in parts.items())
    failed = needed.total > USABLE * available
    advice = "; use config.train.microbatch, config.mesh.fsdp, bfloat16 or a smaller base" if failed else ""
    threshold = f"<= {USABLE:.0%} of {available / GIB:.1f} GiB"
    verdict = "failed" if failed else "passed"
    return Gate("memory", f"{needed.total / GIB:.2f} GiB", threshold, verdict, f"GiB a device: {said}{advice}")  # type: ignore[arg-type]
