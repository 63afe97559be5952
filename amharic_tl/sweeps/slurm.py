"""The runs of a sweep as one SLURM array, over submitit: each task is one run, which is requeued when it is cut off."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from amharic_tl.errors import ConfigError, InputOutputError, MissingInputError
from amharic_tl.records.files import append_line, read_lines
from amharic_tl.sweeps import locks
from amharic_tl.sweeps.attempt import Attempt
from amharic_tl.sweeps.cores import environment
from amharic_tl.sweeps.local import TRAIN, command
from amharic_tl.sweeps.place import Place
from amharic_tl.sweeps.state import RETRIES, look, note_start

_IN_QUEUE = ("PENDING", "RUNNING", "REQUEUED", "SUSPENDED", "CONFIGURING", "COMPLETING", "RESIZING", "READY")
# Time limits that a run may meet; one that gets no further between two of them is given up long before.
_REQUEUES = 1000
_SETTINGS = {"job_name": "amharic-tl-sweep", "time": 60}


class ArrayTask:
    """What a task of the array does; pickled by submitit, so it holds texts and numbers only.

    Args:
      root: the sweep's directory, on a disk that all nodes see.
      run: the name of the run's folder.
      retries: see :func:`amharic_tl.sweeps.state.look`.
      train: the command that takes ``--config FILE --workdir DIR``.
    """

    def __init__(self, root: str, run: str, retries: int = RETRIES, train: Sequence[str] = TRAIN) -> None:
        self.root, self.run, self.retries, self.train = root, run, retries, tuple(train)
        self._attempt: Attempt | None = None

    def __call__(self) -> str:
        """Runs, and goes on after a save or a kill, until the run is finished or failed; returns its status."""
        place = Place(Path(self.root))
        while True:
            state = look(place, self.run, self.retries)
            if state.status in ("finished", "failed") or place.stop.exists():
                return state.status
            lock = locks.take(place.lock(self.run), patience=2.0)
            if lock is None:
                return "running"  # another task, or a launcher, has it
            try:
                locks.sign(lock)
                note_start(place, self.run)
                train = command(place, self.run, self.train)
                self._attempt = Attempt(place, self.run, train, lock, environment(place, None, 1, []))
                self._attempt.watch()
                self._attempt = None
            finally:
                os.close(lock)

    def checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """Called by submitit before the time limit or a preemption: the run saves, the task is queued again."""
        from submitit.helpers import DelayedSubmission

        del args, kwargs
        if self._attempt is not None:
            self._attempt.end_now()
        return DelayedSubmission(ArrayTask(self.root, self.run, self.retries, self.train))


def submit(
    place: Place,
    runs: Sequence[str],
    jobs: int,
    settings: Mapping[str, Any],
    *,
    retries: int = RETRIES,
    train: Sequence[str] = TRAIN,
    cluster: str = "slurm",
    in_queue: Callable[[Place, str], bool] | None = None,
) -> list[Any]:
    """Submits the runs that are left as one array and returns submitit's jobs; nothing waits for them.

    Args:
      place: of the sweep.
      runs: folders of all its runs; finished, failed, running and queued ones are left out.
      jobs: how many tasks run at a time.
      settings: of sbatch, in submitit's names (``partition``, ``time`` in minutes, 60 unless said, ``gpus_per_node``).
      retries: see :class:`ArrayTask`.
      train: see :class:`ArrayTask`.
      cluster: ``slurm``; submitit's ``local`` and ``debug`` run the same tasks on this machine.
      in_queue: whether a job is still in the queue, by its id.

    Raises:
      MissingInputError: submitit or SLURM's commands are not there.
      ConfigError: a setting that sbatch does not have.
      InputOutputError: sbatch refused.
    """
    try:
        import submitit
    except ImportError:
        raise MissingInputError("--engine=slurm needs submitit: pip install 'amharic-tl[slurm]'") from None
    asked = in_queue or _in_queue
    left = [run for run in runs if look(place, run, retries).status not in ("finished", "failed", "running")]
    left = [run for run in left if (job := _job(place, run)) is None or not asked(place, job)]
    if not left:
        return []
    try:
        often = {} if cluster == "debug" else {f"{cluster}_max_num_timeout": _REQUEUES}
        executor = submitit.AutoExecutor(folder=place.scheduler / "%j", cluster=cluster, **often)
        executor.update_parameters(
            **{f"slurm_{name}": value for name, value in {**_SETTINGS, **settings}.items()},
            slurm_array_parallelism=jobs,
            slurm_additional_parameters={"requeue": True},
        )
    except RuntimeError as error:
        raise MissingInputError(f"--engine=slurm: SLURM's commands are not on this machine: {error}") from None
    except (ValueError, NameError, TypeError) as error:
        raise ConfigError(f"--slurm: {' '.join(str(error).split())}") from None
    tasks = [ArrayTask(str(place.root.resolve()), run, retries, train) for run in left]
    try:
        submitted = executor.submit_array(tasks)
    except submitit.core.utils.FailedJobError as error:
        raise InputOutputError(f"--engine=slurm: sbatch refused: {error}") from None
    for run, one in zip(left, submitted, strict=True):
        append_line(place.attempts(run), {"event": "submitted", "clock": time.time(), "job": one.job_id})
    return list(submitted)


def _job(place: Place, run: str) -> str | None:
    """The id of the job that a run was last submitted as."""
    found = [line["job"] for line in read_lines(place.attempts(run)) if line["event"] == "submitted"]
    return str(found[-1]) if found else None


def _in_queue(place: Place, job: str) -> bool:
    import submitit

    return submitit.SlurmJob(folder=place.scheduler / "%j", job_id=job).state in _IN_QUEUE
