"""What a launcher does about an exit code: 75 goes on, a user's mistake ends the job, anything else counts as a try."""

from __future__ import annotations

from amharic_tl.errors import AmharicTLError, Preempted

AGAIN = Preempted.exit_code
USAGE = 2
# How often a job is started again by itself before somebody has to look.
RESTARTS = 100
# Seconds between the signal and the end: one step, one save.
GRACE = 180


def final_codes() -> list[int]:
    """Codes after which the same command would fail again."""
    found = {USAGE, AmharicTLError.exit_code}
    waiting = [AmharicTLError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        found.add(error.exit_code)
    return sorted(found - {AGAIN})
