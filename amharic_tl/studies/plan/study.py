"""The plan of a run on a topology: what its step needs, what would fit, how long it takes and what that costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amharic_tl.config import Config, to_dict
from amharic_tl.distributed.mesh import batch_shards
from amharic_tl.studies.plan.candidate import Candidate, changed, consider
from amharic_tl.studies.plan.roofline import budget
from amharic_tl.studies.plan.search import largest_batch, what_fits
from amharic_tl.studies.plan.topology import Topology, devices_of


@dataclass(frozen=True)
class Request:
    """What is asked.

    Attributes:
      topology: the devices.
      tokens: of a budget; None: no budget.
      price: of a chip for an hour.
      labels: how many classes; None: those of the model's config.json.
      most: how many other ways are compiled at most where the config does not fit; 0: none.
      batch: whether the largest batch is looked for.
    """

    topology: Topology
    tokens: float | None = None
    price: float | None = None
    labels: int | None = None
    most: int = 8
    batch: bool = True


@dataclass(frozen=True)
class Plan:
    """What was found. ``tried`` are other ways, the last of which fits where any does; ``largest`` is the largest batch
    of the first way that fits.
    """

    request: Request
    config: Config
    asked: Candidate
    tried: tuple[Candidate, ...]
    largest: Candidate | None
    mesh: dict[str, int]

    @property
    def fitting(self) -> Candidate | None:
        """The config where it fits (or nothing is known of the memory), otherwise the way that does."""
        if self.asked.fits is not False:
            return self.asked
        return next((one for one in self.tried if one.fits), None)

    def budget(self) -> dict[str, Any] | None:
        """What the token budget takes of the way that fits."""
        best, request = self.fitting, self.request
        if request.tokens is None or best is None or best.time is None:
            return None
        return budget(best.work, best.time, request.tokens, request.topology.count, request.price)

    def to_dict(self) -> dict[str, Any]:
        """What --output holds."""
        topology, fitting = self.request.topology, self.fitting
        return {
            "topology": {
                "name": topology.text,
                "devices": topology.count,
                "chip": None if topology.chip is None else topology.chip.to_dict(),
                "compiled_for_it": topology.is_compiled_for,
            },
            "mesh": self.mesh,
            "parameters": self.asked.outlined.plan.totals,
            "asked": self.asked.to_dict(),
            "tried": [one.to_dict() for one in self.tried],
            "fitting": None if fitting is None else fitting.change,
            "largest_batch": None if self.largest is None else self.largest.to_dict(),
            "budget": self.budget(),
            "notes": list(self.asked.outlined.notes),
            "config": to_dict(self.config),
        }


def plan(config: Config, request: Request, say: Callable[[str], None] = lambda line: None) -> Plan:
    """Compiles the step of a config for a topology, and other ways where it does not fit.

    JAX must have been started in :func:`~amharic_tl.studies.plan.topology.environment`.

    Args:
      config: of the run.
      request: what is asked.
      say: is told what is compiled.

    Raises:
      AmharicTLError: a config that fits neither model nor devices, or a step that cannot be compiled.
    """
    devices = devices_of(request.topology)

    def attempt(change: dict[str, Any]) -> Candidate:
        other = changed(config, change)
        said = " ".join(f"{name}={value}" for name, value in change.items())
        say(f"compiling {said}")
        return consider(other, change, request.topology, devices, request.labels)

    say("compiling the step as configured")
    asked = consider(config, {}, request.topology, devices, request.labels)
    tried = what_fits(config, len(devices), attempt, request.most) if asked.fits is False else []
    found = asked if asked.fits else next((one for one in tried if one.fits), None)
    largest = None
    if request.batch and found is not None:
        shards = batch_shards(found.outlined.mesh)
        largest = largest_batch(found, shards, attempt, most=4)
    return Plan(request, config, asked, tuple(tried), largest, dict(asked.outlined.mesh.shape))
