"""What would fit: changes of a config that need less memory, and the largest batch. Each is compiled, none guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from amharic_tl.config import Config
from amharic_tl.errors import AmharicTLError, ConfigError
from amharic_tl.studies.plan.candidate import Candidate

Change = dict[str, Any]
Try = Callable[[Change], Candidate]


def changes(config: Config, devices: int) -> Iterator[Change]:
    """What to try, from what changes nothing of the result to what trains less, with the cheapest first.

    Args:
      config: the user's.
      devices: of the topology.
    """
    mesh, train = config.mesh, config.train
    shared = mesh.fsdp * mesh.tensor < devices
    spread: Change = {"mesh.fsdp": devices // mesh.tensor, "mesh.data": 1}
    if train.remat == "none":
        yield {"train.remat": "dots"}
    if shared:
        yield spread
    if train.remat != "full":
        yield {"train.remat": "full"}
    if shared and train.remat != "full":
        yield {**spread, "train.remat": "full"}
    rows = train.microbatch or train.batch_size
    shards = devices // mesh.tensor
    for part in (rows // 2, rows // 4, shards):
        if shards <= part < rows and train.batch_size % part == 0 and part % shards == 0:
            yield {"train.microbatch": part, "train.remat": "full"}
            if shared:
                yield {**spread, "train.microbatch": part, "train.remat": "full"}
    if config.transfer.method == "full":
        if config.model.initialise == "pretrained":
            yield {"transfer.method": "lora", "train.remat": "full"}
        yield {"transfer.method": "head"}


def what_fits(config: Config, devices: int, attempt: Try, most: int) -> list[Candidate]:
    """Tries changes in their order until one fits, at most ``most`` of them.

    A change that the config or the compiler refuses for another reason than memory is passed over.
    """
    tried: list[Candidate] = []
    for change in changes(config, devices):
        if len(tried) == most:
            break
        try:
            tried.append(attempt(change))
        except AmharicTLError:
            continue
        if tried[-1].fits:
            break
    return tried


def largest_batch(found: Candidate, shards: int, attempt: Try, most: int) -> Candidate | None:
    """The largest batch in one part that fits, within a sixteenth; None where none does.

    From two compiled sizes the memory of others is foretold along a line; what is foretold is compiled too, and
    bisected where it was wrong.

    Args:
      found: the config that fits, or does not.
      shards: groups of devices that a batch is split over.
      attempt: compiles a change.
      most: so many are compiled at most.
    """
    limit, rows = found.limit, found.config.train.microbatch or found.config.train.batch_size
    if limit is None:
        return None
    best: Candidate | None = None
    sizes: dict[int, Candidate] = {}
    lowest, highest = 0, 0
    if found.fits and found.config.train.microbatch is None:
        best, lowest, sizes[rows] = found, rows, found
    elif found.fits is False and found.config.train.microbatch is None:
        highest, sizes[rows] = rows, found
    size = _rounded(rows if not sizes else 2 * rows if best else rows // 2, shards)
    for _ in range(most):
        if size in sizes or size <= lowest or (highest and size >= highest):
            break
        try:
            whole = {} if found.config.train.microbatch is None else {"train.microbatch": None}
            sizes[size] = attempt({**found.change, "train.batch_size": size, **whole})
        except ConfigError:
            break
        if sizes[size].fits:
            best, lowest = sizes[size], size
        else:
            highest = size
        if highest and highest - lowest <= max(shards, lowest // 16):
            break
        size = _rounded(_foretold(sizes, limit, lowest, highest), shards)
    return best


def _foretold(sizes: dict[int, Candidate], limit: int, lowest: int, highest: int) -> int:
    if len(sizes) > 1:
        (first, one), (last, other) = sorted(sizes.items())[-2:]
        slope = (other.compiled.memory.total - one.compiled.memory.total) / (last - first)
        if slope > 0:
            foretold = int(first + (limit - one.compiled.memory.total) / slope)
            if lowest < foretold and (not highest or foretold < highest):
                return foretold
    return (lowest + highest) // 2 if highest else 2 * lowest


def _rounded(size: int, shards: int) -> int:
    return max(size // shards, 1) * shards
