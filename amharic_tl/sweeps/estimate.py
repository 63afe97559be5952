"""How long a sweep will take, and on what that rests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from amharic_tl.errors import ConfigError
from amharic_tl.sweeps.state import RunState


@dataclass(frozen=True)
class Estimate:
    """Runs that are left, and what one takes.

    Attributes:
      left: runs that are neither finished nor failed.
      jobs: how many run at a time.
      minutes: of one run; None: not known.
      basis: what ``minutes`` rests on.
    """

    left: int
    jobs: int
    minutes: float | None
    basis: str

    @property
    def run_hours(self) -> float | None:
        """Hours of all runs that are left, added up: what a machine or a cluster spends."""
        return None if self.minutes is None else self.left * self.minutes / 60

    @property
    def seconds_left(self) -> float | None:
        """Until the last is done, with ``jobs`` at a time."""
        return None if self.minutes is None else self.left * self.minutes * 60 / max(min(self.jobs, self.left), 1)

    def sentence(self) -> str:
        """Runs x minutes, what they add up to, and what that rests on."""
        if self.minutes is None:
            return f"{self.left} runs; how long one takes is not known ({self.basis})"
        assert self.run_hours is not None and self.seconds_left is not None
        return (
            f"{self.left} runs x {self.minutes:.2g} min ({self.basis}) = {self.run_hours:.2f} run-hours, about "
            f"{self.seconds_left / 3600:.2f} h with {self.jobs} at a time"
        )

    def refuse_above(self, max_hours: float | None) -> None:
        """Stops a sweep that would take more run-hours than allowed.

        Raises:
          ConfigError: it would.
        """
        if max_hours is not None and self.run_hours is not None and self.run_hours > max_hours:
            raise ConfigError(
                f"{self.sentence()}; --max-hours={max_hours:g} allows no more run-hours than that. Allow more, or run "
                "fewer (sweeps.subsample, fewer seeds, fewer steps)."
            )


def estimate(states: Iterable[RunState], jobs: int, given: float | None) -> Estimate:
    """From what finished runs took, which goes before what the spec says.

    Args:
      states: of all runs.
      jobs: how many run at a time.
      given: minutes of a run, as the spec has it.
    """
    states = list(states)
    left = sum(state.status not in ("finished", "failed") for state in states)
    took = [state.seconds for state in states if state.status == "finished" and state.seconds is not None]
    if took:
        return Estimate(left, jobs, sum(took) / len(took) / 60, f"measured on {len(took)} finished runs")
    if given is not None:
        return Estimate(left, jobs, given, "given by the spec, not measured here")
    return Estimate(left, jobs, None, "the spec gives no minutes and no run is finished")
