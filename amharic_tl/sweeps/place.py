"""The directory of a sweep: where its plan, its runs and what happened to them lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from amharic_tl.records.workdir import Workdir


@dataclass(frozen=True)
class Place:
    """Paths inside a sweep's directory. Holds no state and creates nothing.

    ``run`` below is the name of a run's folder, :func:`amharic_tl.sweeps.identity.file_name`.
    """

    root: Path

    @property
    def plan(self) -> Path:
        """The runs of the sweep and its question."""
        return self.root / "sweep.json"

    @property
    def compiled(self) -> Path:
        """JAX's compilation cache, shared by all runs."""
        return self.root / "compiled"

    @property
    def launcher(self) -> Path:
        """Locked by the one launcher at work; names its process."""
        return self.root / ".launcher"

    @property
    def stop(self) -> Path:
        """While this file is there, every run is told to save and exit, and none is started."""
        return self.root / "stop"

    @property
    def scheduler(self) -> Path:
        """What submitit writes: submission scripts, logs of jobs."""
        return self.root / "slurm"

    def config(self, run: str) -> Path:
        """The resolved config that ``train`` is given."""
        return self.root / "configs" / f"{run}.json"

    def workdir(self, run: str) -> Workdir:
        """The run's workdir."""
        return Workdir(self.root / "runs" / run)

    def attempts(self, run: str) -> Path:
        """Starts and ends of its attempts, a JSON object a line. Only grows."""
        return self.root / "attempts" / f"{run}.jsonl"

    def log(self, run: str) -> Path:
        """What its attempts printed."""
        return self.root / "logs" / f"{run}.txt"

    def lock(self, run: str) -> Path:
        """Locked while any process of an attempt is alive."""
        return self.root / "locks" / run
