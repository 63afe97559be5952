"""A step compiled for a topology: what it needs of each device's memory by kind, and what it sends."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

import jax

from amharic_tl.distributed.collectives import collectives, sent_by_axis
from amharic_tl.errors import BadInputError
from amharic_tl.studies.plan.outlined import Outlined

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


@dataclass(frozen=True)
class Memory:
    """Bytes of each device.

    Attributes:
      parameters: with the average of the trainable ones where one is kept.
      optimiser: what it keeps.
      gradients: of what trains; all of them at once, which a compiler may avoid.
      activations: the rest of what the compiler lays out while the step runs: activations, and what it computes with.
      programme: the batch, the compiled code, and what is neither.
      capacity: what the compiler lets a step take; None where it says nothing.
    """

    parameters: int
    optimiser: int
    gradients: int
    activations: int
    programme: int
    capacity: int | None = None

    @property
    def total(self) -> int:
        """All of them."""
        return self.parameters + self.optimiser + self.gradients + self.activations + self.programme

    def to_dict(self) -> dict[str, int | None]:
        """Plain values for JSON."""
        return {**asdict(self), "total": self.total}


@dataclass(frozen=True)
class Compiled:
    """What compilation told. ``sent`` (bytes a device sends, by axis and kind) is None where the compiler refused the
    step for its memory, or where a loop's length is not known.
    """

    memory: Memory
    refused: bool
    sent: dict[str, dict[str, float]] | None


def compile_step(outlined: Outlined) -> Compiled:
    """Compiles a step and looks at it; nothing is run.

    Raises:
      BadInputError: the compiler refuses the step for another reason than its memory.
    """
    lowered = outlined.step.lower()
    try:
        compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        wanted = out_of_memory(str(error))
        if wanted is None:
            said = str(error).splitlines()[0]
            raise BadInputError(f"the step could not be compiled: {said}") from error
        used, capacity, alone = wanted
        if alone:
            used += _bytes(outlined.step.arguments)
        return Compiled(_by_kind(outlined, used, capacity), True, None)
    stats = compiled.memory_analysis()
    total = (
        stats.argument_size_in_bytes
        + stats.output_size_in_bytes
        - stats.alias_size_in_bytes
        + stats.temp_size_in_bytes
        + stats.generated_code_size_in_bytes
    )
    programme = stats.generated_code_size_in_bytes + stats.output_size_in_bytes - stats.alias_size_in_bytes
    try:
        sent = sent_by_axis(collectives(compiled.as_text(), outlined.mesh))
    except ValueError:
        sent = None
    return Compiled(_by_kind(outlined, total, None, programme), False, sent)


def state_bytes(outlined: Outlined) -> tuple[int, int, int]:
    """Bytes of each device for parameters (and their average), optimiser and gradients, as they are placed."""
    state = outlined.step.state
    trainable = _bytes(state.trainable)
    parameters = trainable + _bytes(state.frozen) + _bytes(state.average)
    return parameters, _bytes(state.optimizer), trainable


def _by_kind(outlined: Outlined, total: int, capacity: int | None, programme: int = 0) -> Memory:
    parameters, optimiser, gradients = state_bytes(outlined)
    programme += _bytes(outlined.step.arguments[1])
    rest = max(0, total - parameters - optimiser - programme)
    gradients = min(gradients, rest)
    return Memory(parameters, optimiser, gradients, rest - gradients, programme, capacity)


def _bytes(tree: Any) -> int:
    """Of one device's share of every leaf."""
    return sum(math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def out_of_memory(message: str) -> tuple[int, int, bool] | None:
    """What the TPU compiler wanted and could have, in bytes, and whether it wanted that for temporaries alone; None: it
    failed for another reason.
    """
    amount = r"([\d.]+)([KMGT]?)i?B?"
    whole = re.search(rf"Used {amount} of {amount} hbm", message)
    alone = re.search(rf"HLO temporaries \({amount}\) exceeds available HBM \({amount}\)", message)
    found = whole or alone
    if found is None:
        return None
    used, used_unit, limit, limit_unit = found.groups()
    return int(float(used) * _UNITS[used_unit]), int(float(limit) * _UNITS[limit_unit]), whole is None
