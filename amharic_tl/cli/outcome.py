"""What becomes of a verb's work: its exit code, or one sentence and the code of what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable

from amharic_tl.errors import AmharicTLError, Preempted

BUG = 70


def outcome(verb: str, work: Callable[[], int]) -> int:
    """Runs ``work`` and returns the exit code. Errors meant for the user are printed as a sentence, no traceback."""
    try:
        return int(work())
    except AmharicTLError as error:
        print(f"amharic-tl {verb}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        print(f"amharic-tl {verb}: stopped; type the same command again to go on", file=sys.stderr)
        return Preempted.exit_code
    except Exception:  # whatever else comes out is our own bug, and is shown in full
        import traceback

        traceback.print_exc()
        print(f"amharic-tl {verb}: this is a bug of amharic_tl, please report it with the lines above", file=sys.stderr)
        return BUG
