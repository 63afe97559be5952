"""A process of a job of several works in a child, whose end its parent turns into a sentence and an exit code.

JAX's coordination service aborts a process (SIGABRT, a stack of C++) when another one is gone: nothing in that process
can answer. So the work is done in a child; the parent passes signals on and says what happened.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

from amharic_tl.cli.outcome import BUG, outcome
from amharic_tl.errors import PeerLost

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_GONE = (
    "another process of the job is gone, and JAX ended this one; what that process says itself tells why. The same "
    "command goes on from the newest checkpoint"
)
_NEVER_MET = (
    "the processes of the job did not come together (config.mesh.join_within): were all of them started, with the same "
    "coordinator and the same number of processes, each with a number of its own?"
)


def supervised(verb: str, work: Callable[[Callable[[], None]], int]) -> int:
    """Runs ``work`` in a child and returns the exit code: its own, 75 where JAX ended it, 128 + n where signal n did.

    ``work`` gets what to call once the processes have met. It must not have used JAX before.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    child = os.fork()
    if child == 0:
        os.close(reading)
        os._exit(_work(verb, lambda: work(lambda: (os.write(writing, b"met"), None)[1])))
    os.close(writing)
    with _passing_on(child):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        _, status = os.waitpid(child, 0)
    met = os.read(reading, 3)
    os.close(reading)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGABRT:
        print(f"amharic-tl {verb}: {_GONE if met else _NEVER_MET}", file=sys.stderr)
        return PeerLost.exit_code
    return code if code >= 0 else 128 - code


def _work(verb: str, work: Callable[[], int]) -> int:
    """In the child. A group of its own: a terminal's Ctrl-C then comes once, from the parent."""
    code = BUG
    try:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        _end_with(os.getppid())
        code = outcome(verb, work)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else BUG
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
    return code


def _end_with(parent: int) -> None:
    """Ends this process soon after its parent is killed: nobody would pass a signal on to it any more."""
    import threading
    import time

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(PeerLost.exit_code)

    threading.Thread(target=look, name="parent", daemon=True).start()


@contextlib.contextmanager
def _passing_on(child: int) -> Iterator[None]:
    def pass_on(number: int, frame: FrameType | None) -> None:
        del frame
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)

    before = {number: signal.signal(number, pass_on) for number in _PASSED_ON}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
