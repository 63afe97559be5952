"""One way to run a config on a topology: what its step needs and how long an update takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amharic_tl.config import Config, build_config, flatten, to_dict
from amharic_tl.models.attention import Choice, listening, only_xla
from amharic_tl.models.remat import without_remat
from amharic_tl.studies.plan.compiled import Compiled, compile_step
from amharic_tl.studies.plan.outlined import Outlined, outline_run
from amharic_tl.studies.plan.roofline import StepTime, Work, step_time, traffic
from amharic_tl.studies.plan.topology import Topology
from amharic_tl.training.flops import count_flops

# Of the memory that is named: the rest is the programme's runtime, and lost between blocks. A compiler for the chip
# itself knows what it may take.
USABLE = 0.9


@dataclass(frozen=True)
class Candidate:
    """A config on a topology.

    Attributes:
      change: what of the user's config was changed, as it is typed; empty for the config itself.
      compiled: what its compilation told.
      limit: bytes of each device that it may take; None where none is known.
      work: of an update.
      time: of an update; None where the chip is not known, or not what is sent.
      attention: which implementations the compiled step takes.
    """

    change: dict[str, Any]
    config: Config
    outlined: Outlined
    compiled: Compiled
    limit: int | None
    work: Work
    time: StepTime | None
    attention: tuple[str, ...]

    @property
    def fits(self) -> bool | None:
        """Whether it does; None where no limit is known."""
        if self.compiled.refused:
            return False
        return None if self.limit is None else self.compiled.memory.total <= self.limit

    def named(self) -> str:
        """The change as it is typed behind a command."""
        typed = (f"--config.{name}={'none' if value is None else value}" for name, value in self.change.items())
        return " ".join(typed) or "as configured"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "change": self.change,
            "fits": self.fits,
            "memory": self.compiled.memory.to_dict(),
            "limit": self.limit,
            "refused_by_the_compiler": self.compiled.refused,
            "model_flops": self.work.model_flops,
            "flops": self.work.flops,
            "sent": self.compiled.sent,
            "tokens": self.work.tokens,
            "attention": list(self.attention),
            "step_time": None if self.time is None else self.time.to_dict(),
        }


def consider(
    config: Config, change: dict[str, Any], topology: Topology, devices: list[Any], labels: int | None
) -> Candidate:
    """Compiles the step of ``config`` (the user's with ``change``) for a topology.

    Raises:
      ConfigError: it does not fit the devices or the model.
    """
    outlined = outline_run(config, devices, labels)
    taken: list[Choice] = []
    with listening(taken.append):
        compiled = compile_step(outlined)
    limit = _limit(topology, compiled)
    work = _work(outlined, compiled)
    chip, time = topology.chip, None
    if chip is not None and (compiled.sent is not None or len(devices) == 1):
        time = step_time(work, chip, len(devices), config.model.compute_dtype)
    paths = tuple(sorted({choice.path for choice in taken}))
    return Candidate(change, config, outlined, compiled, limit, work, time, paths)


def _limit(topology: Topology, compiled: Compiled) -> int | None:
    if topology.memory is not None:
        return int(USABLE * topology.memory)
    if topology.kind == "tpu":
        if compiled.memory.capacity is not None:
            return compiled.memory.capacity
        return None if topology.chip is None else topology.chip.memory
    return None


def _work(outlined: Outlined, compiled: Compiled) -> Work:
    step, config, memory = outlined.step, outlined.config, compiled.memory
    with only_xla():  # no count sees into a kernel
        flops = count_flops(step.untraced(), *step.arguments)
        with without_remat():
            model_flops = count_flops(step.untraced(), *step.arguments)
    ids = step.arguments[1]["input_ids"]
    rows, length = ids.shape
    tensor = outlined.mesh.shape["tensor"]
    everything = sum(row.parameters for row in outlined.plan.rows.values()) * 4 // tensor
    moved = traffic(
        everything,
        memory.gradients,
        memory.optimiser,
        memory.activations,
        rows // (config.train.microbatch or rows),
        flops > model_flops,
    )
    sent = sum(value for kinds in (compiled.sent or {}).values() for value in kinds.values())
    return Work(model_flops, flops, moved, sent, rows * length)


def changed(config: Config, change: dict[str, Any]) -> Config:
    """A config with other leaves.

    Raises:
      ConfigError: they do not fit together.
    """
    values = {**flatten(to_dict(config)), **change}
    if "transfer.method" in change and change["transfer.method"] != config.transfer.method:
        # Leaves of the other method would be refused beside this one.
        values = {name: value for name, value in values.items() if not name.startswith("transfer.") or name in change}
    return build_config(values)
