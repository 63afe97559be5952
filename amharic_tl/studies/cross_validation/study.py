"""A cross-validation from end to end: divide, state the cost, train what is not trained, pool, report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from amharic_tl.config import Config, to_dict
from amharic_tl.errors import AmharicTLError, ConfigError, Preempted
from amharic_tl.records.files import read_json, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.studies.cross_validation.dividing import folds_of, read_rows
from amharic_tl.studies.cross_validation.estimate import seconds_of_run
from amharic_tl.studies.cross_validation.request import FoldRun, Request, check, runs_of, whole
from amharic_tl.studies.cross_validation.running import Train, completed, run_all, seconds_taken, train_here
from amharic_tl.studies.cross_validation.summary import fold_table, summary_path
from amharic_tl.tasks.base import lower_is_better
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.progress import Progress, duration
from amharic_tl.training.provenance import now, provenance
from amharic_tl.training.workdir_guard import locked, workdir_state


def cross_validate(
    config: Config,
    workdir: str | Path,
    request: Request,
    interruption: Interruption | None = None,
    train: Train = train_here,
) -> dict[str, Any]:
    """Cross-validates a config, or goes on with it; what ``amharic-tl cross-validate`` calls.

    Args:
      config: of every fold; ``data.train``, ``data.validation`` and ``data.test`` are pooled.
      workdir: a new directory, or that of the same cross-validation.
      request: how to divide and what to choose.
      interruption: one that has listened for signals already; None: listens from here on.
      train: trains one fold in this process.

    Returns:
      What run.json holds.

    Raises:
      ConfigError: what cross-validation does not serve; a workdir of another config, other rows or other folds.
      BadInputError: rows that cannot be divided as asked.
      Preempted: told to stop; saved.
      AmharicTLError: what a fold raises.
    """
    check(config, request)
    interruption = interruption or Interruption()
    place = Workdir(Path(workdir))
    base = whole(config, place.root / "folds.json")
    with interruption.listening():
        workdir_state(place, base)
        with locked(place):
            return _Study(config, base, place, request, interruption, train).go()


class _Study:
    """The work on one cross-validation by the process that holds its folder."""

    def __init__(
        self, config: Config, base: Config, place: Workdir, request: Request, interruption: Interruption, train: Train
    ) -> None:
        self.config, self.base, self.place, self.request = config, base, place, request
        self.interruption, self.train = interruption, train
        self.progress = Progress(1)
        self.began = time.monotonic()
        self.asked = {**request.settings(config.train.seed), "choose": {k: list(v) for k, v in request.choose.items()}}
        self.lower = lower_is_better(config.train.select_by.split("/", 1)[1])
        self._refuse_other_request()

    def _refuse_other_request(self) -> None:
        path = summary_path(self.place)
        before = read_json(path)["request"] if path.exists() else self.asked
        different = [
            f"{name} was {before.get(name)!r}, is {value!r}"
            for name, value in self.asked.items()
            if before.get(name) != value
        ]
        if different:
            raise ConfigError(
                f"--workdir: {self.place.root} is a cross-validation of another kind ({'; '.join(different)}); nothing "
                "was changed. Name a new directory, or take that back"
            )

    def go(self) -> dict[str, Any]:
        """Everything that is left to do."""
        if self.place.run.exists() and read_json(self.place.run).get("status") == "completed":
            self.progress.say(f"{self.place.root} is complete; its report is {self.place.report}")
            return dict(read_json(self.place.run))
        self.record: dict[str, Any] = {"status": "running", "provenance": provenance(self.config.train.seed)}
        if self.place.run.exists():
            self.record["provenance"]["started"] = read_json(self.place.run)["provenance"]["started"]
        write_json(self.place.config, to_dict(self.base))
        write_json(self.place.run, self.record)
        self.progress.note("reading and dividing rows")
        try:
            self.pool = read_rows(self.config, self.request)
            self.folds = folds_of(self.config, self.request, self.pool, self.place.root / "folds.json")
            self.runs = runs_of(self.config, self.request, self.folds.folds, self.place.root)
            self._say_plan()
            self._summarise()
            self._train()
            self._finish()
        except AmharicTLError as error:
            self.record["status"] = "preempted" if isinstance(error, Preempted) else "failed"
            self.record["stopped_because"] = str(error)
            self._close(error)
            raise
        finally:
            self.progress.close()
        return self.record

    def _say_plan(self) -> None:
        """What was divided, and runs x minutes, before anything is trained."""
        say, folds, settings = self.progress.say, self.folds.folds, self.folds.settings
        clusters = len(set(self.folds.clusters.values()))
        tested = len({identity for fold in folds for identity in fold.test})
        say(
            f"{self.folds.rows:,} rows in {clusters:,} clusters ({settings['group_by']}), {len(folds)} folds, "
            f"{tested:,} rows are tested"
        )
        for note in (*self.pool.notes, *self.folds.notes):
            say(f"note: {note}")
        left = [run for run in self.runs if not completed(run.workdir)]
        done = [seconds for run in self.runs if (seconds := seconds_taken(run.workdir)) is not None]
        if not left:
            return
        self.progress.note("measuring how long a fold takes")
        seconds = sum(done) / len(done) if done else seconds_of_run(left[0].config)
        how = f"as the {len(done)} finished ones took" if done else "measured on a few steps, without safety probes"
        jobs = min(self.request.jobs, len(left))
        say(
            f"{len(left)} of {len(self.runs)} runs x about {seconds / 60:.1f} minutes ({how}) = about "
            f"{duration(len(left) * seconds)} of training" + (f", {jobs} at once" if jobs > 1 else "")
        )
        self.interruption.check("planning the folds")

    def _train(self) -> None:
        began, done_before = time.monotonic(), sum(completed(run.workdir) for run in self.runs)

        def ended(run: FoldRun) -> None:
            done = sum(completed(one.workdir) for one in self.runs)
            each = (time.monotonic() - began) / max(done - done_before, 1)
            left = len(self.runs) - done
            until = f", about {duration(each * left)} left" if left else ""
            self.progress.say(f"fold {run.fold.name} ended: {done} of {len(self.runs)} runs done{until}")
            self._summarise()

        run_all(self.runs, self.request.jobs, self.interruption, ended, self.progress.say, self.train)

    def _summarise(self) -> None:
        """Writes the table of folds as far as they are done."""
        self.summary = {
            "request": self.asked,
            "notes": list(self.folds.notes),
            "folds": fold_table(self.runs, self.lower),
        }
        write_json(summary_path(self.place), self.summary)

    def _finish(self) -> None:
        """Pools the predictions and closes the study."""
        raise NotImplementedError

    def _close(self, error: AmharicTLError | None) -> None:
        """Writes run.json and the report as far as the disk allows."""
        self.record["provenance"]["finished"] = now()
        self.record["provenance"]["seconds"] = round(time.monotonic() - self.began, 1)
        write_json(self.place.run, self.record)
