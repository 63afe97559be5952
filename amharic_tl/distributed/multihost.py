"""One job of several processes: they meet, fail together where they can, and part.

A process that ends by itself leaves the others waiting in a collective. What one process alone can find wrong is
therefore told to all (:func:`together`, :func:`by_first`) wherever that can be foreseen; what cannot, the others notice
by a broken connection or a missing heartbeat (:class:`~amharic_tl.errors.PeerLost`).
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
import numpy as np

from amharic_tl.config.machine import MeshConfig
from amharic_tl.distributed.discovery import Place, find_place
from amharic_tl.errors import AmharicTLError, ConfigError, PeerLost

# How long a process that is done waits for the others before it ends.
PARTING_SECONDS = 60
_ROOM = 8192  # bytes of a message between processes
_LOST = re.compile(
    "gloo|nccl|connection (?:closed|reset|refused)|socket closed|broken pipe|coordination service|heartbeat|barrier|"
    "unhealthy|megascale|UNAVAILABLE|DEADLINE_EXCEEDED|ABORTED",
    re.IGNORECASE,
)
T = TypeVar("T")


def join(mesh: MeshConfig) -> bool:
    """Joins the job that the config or a cluster names; whether there is one. Call before JAX is used.

    Raises:
      PeerLost: nothing listens at the coordinator's address within ``config.mesh.join_within``.
      ConfigError: fewer or more processes came than were said.
    """
    place = find_place(mesh)
    if not place.may_have_peers:
        return False
    if place.coordinator is not None and place.process_id not in (0, None):
        _wait_for(place.coordinator, mesh.join_within)
    try:
        jax.distributed.initialize(
            place.coordinator,
            place.processes,
            place.process_id,
            cluster_detection_method="deactivate" if place.found_by is None else None,
            initialization_timeout=mesh.join_within,
            heartbeat_timeout_seconds=mesh.heartbeat,
            shutdown_timeout_seconds=PARTING_SECONDS,
        )
    except ValueError as error:
        # "cluster" is a guess: a pod or a TPU VM by itself has nobody to meet.
        if place.found_by == "cluster" and place.coordinator is None and "should be defined" in str(error):
            return False
        raise ConfigError(f"this process cannot join its job: {error}; see config.mesh.coordinator") from error
    except RuntimeError as error:
        if not _LOST.search(str(error)):
            raise
        raise PeerLost(f"this process could not join its job: {' '.join(str(error).split())[:300]}") from error
    with together():
        _check_count(place)
    return jax.process_count() > 1


def _wait_for(coordinator: str, seconds: float) -> None:
    """Waits until something listens there: JAX itself ends the process where nothing does."""
    host, _, port = coordinator.rpartition(":")
    deadline, why = time.monotonic() + seconds, "no answer"
    while (left := deadline - time.monotonic()) > 0:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=min(left, 5.0)).close()
            return
        except OSError as error:
            why = error.strerror or str(error)
        time.sleep(min(0.5, max(deadline - time.monotonic(), 0)))
    raise PeerLost(
        f"nothing answers at {coordinator} ({why}), where process 0 should be, within {seconds:g} seconds: was it "
        "started, on that host, and does the network let it through? See config.mesh.coordinator and join_within"
    )


def _check_count(place: Place) -> None:
    if place.processes is not None and jax.process_count() != place.processes:
        raise ConfigError(
            f"config.mesh.processes: this process was told of {place.processes} processes, {jax.process_count()} came; "
            "give all the same number"
        )


@contextlib.contextmanager
def membership(mesh: MeshConfig, joined: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Joins, lets the block work, and parts: all at once where the block ends alike in all, else at once.

    An error of all processes is told by the first alone (the others raise SystemExit with its code); that of one names
    it. ``joined`` is called once the processes have met.
    """
    if not join(mesh):
        yield
        return
    joined()
    try:
        with peers_watched():
            yield
    except AmharicTLError as error:
        if not error.in_all_processes:
            error.args = (f"{who()}{error}",)
            raise
        _part()
        if jax.process_index() != 0:
            raise SystemExit(error.exit_code) from error
        raise
    else:
        _part()


def _part() -> None:
    with contextlib.suppress(RuntimeError, ValueError):  # what is done is done, whoever is late
        jax.distributed.shutdown()


def who() -> str:
    """``process 2 of 4: `` (from 0); empty for a process that is alone."""
    count = jax.process_count()
    return f"process {jax.process_index()} of {count}: " if count > 1 else ""


@contextlib.contextmanager
def peers_watched() -> Iterator[None]:
    """Turns what JAX raises where another process is gone into :class:`PeerLost`."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        if jax.process_count() == 1 or not _LOST.search(str(error)):
            raise
        raise PeerLost(
            "another process of the job is gone, or cannot be reached; what it says itself tells why. The same command "
            f"goes on from the newest checkpoint. ({' '.join(str(error).split())[:200]})"
        ) from error


@contextlib.contextmanager
def together() -> Iterator[None]:
    """What fails in one process fails in all, with that one's sentence and exit code. All must come here.

    The block must compute nothing over the mesh: the others would wait there.
    """
    if jax.process_count() == 1:
        yield
        return
    try:
        yield
    except Exception as error:
        _exchange({"code": getattr(error, "exit_code", AmharicTLError.exit_code), "text": str(error)[:2000]})
        if isinstance(error, AmharicTLError):
            error.in_all_processes = True
            error.args = (f"{who()}{error}",)
        raise
    for number, said in enumerate(_exchange(None)):
        if said is not None:
            failed = AmharicTLError(f"process {number} of {jax.process_count()}: {said['text']}")
            failed.exit_code, failed.in_all_processes = said["code"], True
            raise failed


def by_first(find: Callable[[], T]) -> T:
    """What ``find`` returns in process 0 (anything that JSON holds), or its error, in all. All must come here."""
    if jax.process_count() == 1:
        return find()
    found: Any = None
    with together():
        if jax.process_index() == 0:
            found = find()
    return _exchange(found)[0]


def _exchange(value: Any) -> list[Any]:
    """The JSON value of every process, by its number."""
    from jax.experimental import multihost_utils

    encoded = json.dumps(value).encode()
    if len(encoded) > _ROOM:
        raise ValueError(f"{len(encoded)} bytes are too many to tell the other processes")
    room = np.zeros(_ROOM, np.uint8)
    room[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    everyone = np.asarray(multihost_utils.process_allgather(room)).reshape(-1, _ROOM)
    return [json.loads(bytes(one).rstrip(b"\0")) for one in everyone]
