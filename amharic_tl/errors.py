"""Errors a user can cause or meet, each with the exit code the command line returns for it.

A message says what was expected, what was found, where (file, line, key) and what to type. The command line prints the
message alone; anything that is not an :class:`AmharicTLError` is our own bug and exits with 70.
"""

from __future__ import annotations

from collections.abc import Iterable

MAX_OFFENDERS = 10


class AmharicTLError(Exception):
    """Base of all errors that have a clear sentence for the user. ``exit_code`` is what a process exits with."""

    exit_code: int = 70
    # Whether every process of a job raises it, so that one of them says it and all part in order.
    in_all_processes: bool = False


class ConfigError(AmharicTLError):
    """Wrong before any input is opened, or a workdir that belongs to another config."""

    exit_code = 78


class MissingInputError(AmharicTLError):
    """A path, shard or tokenizer is absent."""

    exit_code = 66


class BadInputError(AmharicTLError):
    """An input was opened and is wrong: no such column, a malformed row, an unknown model type, a misfit checkpoint."""

    exit_code = 65


class UnsafeInputError(AmharicTLError):
    """An input that could do harm: a malicious pickle, a path that escapes its folder."""

    exit_code = 77


class CannotCreateError(AmharicTLError):
    """The disk is full or a file cannot be created."""

    exit_code = 73


class InputOutputError(AmharicTLError):
    """Any other failure to read or write."""

    exit_code = 74


class TrainingStopped(AmharicTLError):
    """Training stopped for non-finite values or a safety gate."""

    exit_code = 71
    in_all_processes = True


class Preempted(AmharicTLError):
    """The run was told to stop, saved, and continues when the same command is typed again."""

    exit_code = 75
    in_all_processes = True


class PeerLost(Preempted):
    """Another process of the job is gone or never came; the job continues when the same command is typed again."""

    in_all_processes = False


def name_some(offenders: Iterable[object], limit: int = MAX_OFFENDERS) -> str:
    """Joins up to ``limit`` offenders with commas and counts the rest: ``a, b, c and 5 more``."""
    items = [str(item) for item in offenders]
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
