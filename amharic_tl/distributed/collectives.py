"""What a compiled programme sends between devices, by axis of the mesh, read from its text with its loops' trip counts.

XLA prints, for each collective, which devices take part, and for each loop how often it runs, or up to which number it
counts (from 0, as JAX's scans and XLA's own loops do).
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jax.sharding import Mesh

KINDS = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute")
_BITS = {"pred": 8, "bf16": 16, "c64": 64, "c128": 128}
_COMPUTATION = re.compile(r"^(ENTRY\s+)?%?([\w.\-]+)\s*\(.*\)\s*->\s*.*\{\s*$")
_OPERATION = re.compile(r"^\s*(?:ROOT\s+)?%?[\w.\-]+\s*=\s*(\(.*?\)|\S+)\s+([\w\-]+)\(")
_SHAPE = re.compile(r"\b([a-z]+\d*(?:e\d+m\d+\w*)?)\[([\d,]*)\]")
_CALLED = re.compile(r"\b(?:calls|to_apply|body|condition|async_computation)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"\b(?:branch_computations|called_computations)=\{([^}]*)\}")
_TRIPS = re.compile(r'known_trip_count[\\"]*:?\s*=?\s*\{[\\"]*n[\\"]*:[\\"]*(\d+)')


@dataclass(frozen=True)
class Collective:
    """One collective of a programme.

    Attributes:
      kind: one of :data:`KINDS`.
      axes: of the mesh, along which its groups of devices lie; ``("other",)`` for groups that are along none.
      group: how many devices take part in each group.
      times: how often a run of the programme reaches it.
      whole: bytes of the whole array: what a gather gives, a reduction takes, a permutation moves.
    """

    kind: str
    axes: tuple[str, ...]
    group: int
    times: int
    whole: int

    @property
    def sent(self) -> float:
        """Bytes that each device sends in all, where a ring of the group's n devices does the work: (n - 1) / n of the
        array for a gather, a scattered reduction or an exchange, twice that for a whole reduction (Patarasuk & Yuan
        2009), all of it for a permutation.
        """
        if self.kind == "collective-permute":
            return float(self.times * self.whole)
        passes = 2 if self.kind == "all-reduce" else 1
        return self.times * passes * self.whole * (self.group - 1) / self.group


def collectives(text: str, mesh: Mesh) -> list[Collective]:
    """The collectives of a compiled programme among more than one device.

    Args:
      text: ``jax.jit(...).lower(...).compile().as_text()``.
      mesh: that it was compiled for; its devices in order are the programme's partitions.

    Raises:
      ValueError: a collective stands in a loop of unknown length, or among devices that are named in an unknown way.
    """
    computations, entry = _computations(text)
    along = _Axes(mesh)
    found = []
    seen: dict[tuple[str, ...], str] = {}
    for line, times, inside in _reached(computations, entry, 1, ()):
        shape, operation = _operation(line)
        kind = operation.removesuffix("-start")
        if kind not in KINDS:
            continue
        channel = re.search(r"channel_id=(\d+)", line)
        if channel is not None:
            # One that runs beside products is written into each of the fusions that it is spread over. Those of a
            # shard_map share a channel, but come from different places.
            place = re.search(r"metadata=\{[^}]*\}", line)
            written = channel[1], kind, shape, place[0] if place else ""
            if seen.setdefault(written, inside[-1]) != inside[-1]:
                continue
        if times is None:
            raise ValueError(f"a loop of unknown length holds {line.strip()[:120]}")
        axes, group = along.of(line, kind)
        if group < 2:
            continue
        whole = _bytes(shape, operation)
        if kind == "reduce-scatter":
            whole *= group  # its result is one share
        elif kind == "all-reduce" and any("all-reduce-scatter" in name for name in inside):
            kind = "reduce-scatter"  # a TPU's fusion of a reduction and the slice that each device keeps of it
        found.append(Collective(kind, axes, group, times, whole))
    return found


def sent_by_axis(found: list[Collective]) -> dict[str, dict[str, float]]:
    """Bytes that each device sends, by axis (``data+fsdp`` for groups along both) and kind."""
    sums: dict[str, dict[str, float]] = {}
    for one in found:
        of_axis = sums.setdefault("+".join(one.axes), {})
        of_axis[one.kind] = of_axis.get(one.kind, 0.0) + one.sent
    return sums


def _computations(text: str) -> tuple[dict[str, list[str]], str]:
    """The lines of each computation by name, and the name of the first to run."""
    found: dict[str, list[str]] = {}
    entry, current = "", ""
    for line in text.splitlines():
        opened = _COMPUTATION.match(line)
        if opened is not None:
            current = opened[2]
            found[current] = []
            entry = current if opened[1] else entry
        elif line.startswith("}"):
            current = ""
        elif current:
            found[current].append(line)
    return found, entry


def _reached(
    computations: Mapping[str, list[str]], name: str, times: int | None, inside: tuple[str, ...]
) -> Iterator[tuple[str, int | None, tuple[str, ...]]]:
    """Every line that runs, how often (None: not known), and the computations that it stands in."""
    here = (*inside, name)
    for line in computations.get(name, ()):
        yield line, times, here
        called = _CALLED.findall(line)
        for group in _BRANCHES.findall(line):
            called += [part.strip().lstrip("%") for part in group.split(",") if part.strip()]
        if not called:
            continue
        inner = times
        if re.search(r"\bbody=", line):
            trips = _trips(line, computations)
            inner = None if trips is None or times is None else times * trips
        for other in called:
            yield from _reached(computations, other, inner, here)


def _trips(line: str, computations: Mapping[str, list[str]]) -> int | None:
    """How often a loop runs: as it says, or as its condition does, which counts up to a constant; None: not known."""
    said = _TRIPS.search(line)
    if said is not None:
        return int(said[1])
    condition = re.search(r"\bcondition=%?([\w.\-]+)", line)
    lines = [at for at, *_ in _reached(computations, condition[1], 1, ())] if condition else []
    bounds = [int(bound) for at in lines for bound in re.findall(r"[su]32\[\]\S* constant\((\d+)\)", at)]
    counts_up = any(re.search(r" compare\(.*direction=LT", at) for at in lines)
    return bounds[0] if counts_up and len(bounds) == 1 else None


def _operation(line: str) -> tuple[str, str]:
    found = _OPERATION.match(line)
    return (found[1], found[2]) if found is not None else ("", "")


def _bytes(shape: str, operation: str) -> int:
    """Of a result; an asynchronous gather or permutation gives its operand too, before the result."""
    sizes = [_size(dtype, extents) for dtype, extents in _SHAPE.findall(shape)]
    if operation == "all-gather-start":
        return sum(sizes[len(sizes) // 2 :])
    if operation == "collective-permute-start":
        return sizes[0]
    return sum(sizes)


def _size(dtype: str, extents: str) -> int:
    digits = re.search(r"\d+", dtype)
    bits = _BITS.get(dtype) or (int(digits[0]) if digits else 0)
    return math.prod(int(extent) for extent in extents.split(",") if extent) * bits // 8


class _Axes:
    """Along which axes of a mesh the groups of a collective lie."""

    def __init__(self, mesh: Mesh) -> None:
        self._names, self._extents = tuple(mesh.axis_names), tuple(mesh.devices.shape)
        places = np.arange(mesh.devices.size).reshape(self._extents)
        self._known: dict[frozenset[frozenset[int]], tuple[str, ...]] = {}
        wide = [axis for axis, extent in enumerate(self._extents) if extent > 1]
        for count in range(1, len(wide) + 1):
            for chosen in itertools.combinations(wide, count):
                rest = [axis for axis in range(places.ndim) if axis not in chosen]
                rows = places.transpose(*rest, *chosen).reshape(-1, math.prod(self._extents[a] for a in chosen))
                groups = frozenset(frozenset(row) for row in rows.tolist())
                self._known[groups] = tuple(self._names[axis] for axis in chosen)

    def of(self, line: str, kind: str) -> tuple[tuple[str, ...], int]:
        """The axes, and the size of a group."""
        if kind == "collective-permute":
            return self._of_pairs(line)
        groups = _groups(line)
        if not groups:
            groups = [list(range(math.prod(self._extents)))]
        key = frozenset(frozenset(group) for group in groups)
        return self._known.get(key, ("other",)), len(groups[0])

    def _of_pairs(self, line: str) -> tuple[tuple[str, ...], int]:
        found = re.search(r"source_target_pairs=\{(.*?\})\}", line)
        pairs = re.findall(r"\{(\d+),(\d+)\}", found[1]) if found else []
        differ: set[int] = set()
        for source, target in pairs:
            of_both = [np.unravel_index(int(device), self._extents) for device in (source, target)]
            differ |= {axis for axis, (one, other) in enumerate(zip(*of_both, strict=True)) if one != other}
        names = tuple(self._names[axis] for axis in sorted(differ))
        return names or ("other",), 2 if differ else 1


def _groups(line: str) -> list[list[int]]:
    """The groups of devices as XLA writes them: ``{{0,1},{2,3}}``, ``[2,2]<=[4]`` (an iota, perhaps transposed), or
    ``mesh['x'=2,'y'=2] {'y'}`` (along axes of a mesh of its own, whose devices may be counted in another order:
    ``mesh[...]<=[4,2]T(1,0)`` or ``mesh[...], device_ids=([4,2]T(1,0))``).
    """
    order = r"(?:(?:<=|,\s*device_ids=\()\[([\d,]+)\](?:T\(([\d,]+)\))?\)?)?"
    named = re.search(rf"replica_groups=mesh\[([^\]]*)\]{order}\s*\{{([^}}]*)\}}", line)
    if named is not None:
        return _along_axes(*named.groups())
    iota = re.search(r"replica_groups=\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?", line)
    if iota is not None:
        return _counted(*iota.groups()[1:]).reshape(_numbers(iota[1])).tolist()
    listed = re.search(r"replica_groups=\{(\{.*?\})\}", line)
    if listed is None:
        if "replica_groups=" in line and "replica_groups={}" not in line:
            raise ValueError(f"groups of devices that cannot be read: {line.strip()[:200]}")
        return []
    return [_numbers(group) for group in re.findall(r"\{([\d,]+)\}", listed[1])]


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _counted(shape: str, permutation: str | None) -> np.ndarray:
    """Devices counted through ``shape``, its dimensions perhaps permuted."""
    devices = np.arange(math.prod(_numbers(shape))).reshape(_numbers(shape))
    return devices.transpose(_numbers(permutation)) if permutation else devices


def _along_axes(mesh: str, shape: str | None, permutation: str | None, chosen: str) -> list[list[int]]:
    """Groups along ``'x','y':(2)4`` of ``'x'=2,'y'=8``; ``'y':(2)4`` is the part of y behind a factor of 2."""
    extents = {name: int(extent) for name, extent in re.findall(r"'([^']+)'=(\d+)", mesh)}
    devices = np.arange(math.prod(extents.values())) if shape is None else _counted(shape, permutation)
    axes = re.findall(r"'([^']+)'(?::\((\d+)\)(\d+))?", chosen)
    dimensions: list[int] = []
    wanted: list[int] = []
    for name, extent in extents.items():
        parts = [(int(before), int(size)) for of, before, size in axes if of == name and size]
        if not parts:
            wanted += [len(dimensions)] if any(of == name for of, _, _ in axes) else []
            dimensions.append(extent)
            continue
        done = 1
        for before, size in sorted(parts):
            if before > done:
                dimensions.append(before // done)
            wanted.append(len(dimensions))
            dimensions.append(size)
            done = before * size
        dimensions.append(extent // done)
    rest = [axis for axis in range(len(dimensions)) if axis not in wanted]
    size = math.prod(dimensions[axis] for axis in wanted)
    return devices.reshape(dimensions).transpose(*rest, *wanted).reshape(-1, size).tolist()
