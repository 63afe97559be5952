"""A cross-validation from end to end: divide, state the cost, train what is not trained, pool, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amharic_tl.audit.gates import check_gates
from amharic_tl.config import Config, to_dict
from amharic_tl.config.figures import lower_is_better
from amharic_tl.data.audit import notices
from amharic_tl.data.folds import write_folds
from amharic_tl.errors import AmharicTLError, ConfigError, Preempted
from amharic_tl.evaluation.pooled import HEADLINES
from amharic_tl.records.files import read_json, write_json, write_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.safety.alerts.judgement import on_terminal
from amharic_tl.studies.cross_validation.dividing import folds_of, problem_of, read_rows
from amharic_tl.studies.cross_validation.estimate import seconds_of_run
from amharic_tl.studies.cross_validation.gates import stop_at_folds
from amharic_tl.studies.cross_validation.lines import LEARNED, lines_of
from amharic_tl.studies.cross_validation.pooling import (
    OOF,
    Pooled,
    against_line,
    baselines,
    evaluation,
    pool_predictions,
    safety,
    together,
)
from amharic_tl.studies.cross_validation.request import FoldRun, Request, check, runs_of, whole
from amharic_tl.studies.cross_validation.running import Train, chosen_run, completed, run_all, seconds_taken, train_here
from amharic_tl.studies.cross_validation.summary import about_pooled, by_fold, fold_table, pooled_figures
from amharic_tl.training.code_state import code_state
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
    estimate: Callable[[Config], float] = seconds_of_run,
) -> dict[str, Any]:
    """Cross-validates a config, or goes on with it; what ``amharic-tl cross-validate`` calls.

    Args:
      config: of every fold; ``data.train``, ``data.validation`` and ``data.test`` are pooled.
      workdir: a new directory, or that of the same cross-validation.
      request: how to divide and what to choose.
      interruption: one that has listened for signals already; None: listens from here on.
      train: trains one fold in this process.
      estimate: the seconds that a fold's run will take.

    Returns:
      What run.json holds.

    Raises:
      ConfigError: what cross-validation does not serve; a workdir of another config, other rows or other folds.
      BadInputError: rows that cannot be divided as asked.
      Preempted: told to stop; saved.
      AmharicTLError: what a fold raises.
    """
    check(config, request)
    check_gates(config.data.gates or ())
    interruption = interruption or Interruption()
    place = Workdir(Path(workdir))
    base = whole(config, place.folds)
    with interruption.listening():
        workdir_state(place, base)
        with locked(place):
            return _Study(config, base, place, request, interruption, train, estimate).go()


class _Study:
    """The work on one cross-validation by the process that holds its folder."""

    def __init__(
        self,
        config: Config,
        base: Config,
        place: Workdir,
        request: Request,
        interruption: Interruption,
        train: Train,
        estimate: Callable[[Config], float],
    ) -> None:
        self.config, self.base, self.place, self.request = config, base, place, request
        self.interruption, self.train, self.estimate = interruption, train, estimate
        self.progress = Progress(1)
        self.began = time.monotonic()
        self.asked = {**request.settings(config.train.seed), "choose": {k: list(v) for k, v in request.choose.items()}}
        self.lower = lower_is_better(config.train.select_by.split("/", 1)[1])
        self._refuse_other_request()

    def _refuse_other_request(self) -> None:
        path = self.place.cross_validation
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
        # Nothing is written before the rows are read and divided: what is refused leaves no trace.
        self.progress.note("reading and dividing rows")
        self.pool = read_rows(self.config, self.request, self.place.folds)
        self.folds = folds_of(self.config, self.request, self.pool, self.place.folds)
        self.interruption.check("dividing rows")
        if not self.place.run.exists():
            self.progress.note("looking for what data.gates stops at")
            stop_at_folds(self.config, self.pool, self.folds)
            self.interruption.check("looking at the folds")
        origin = provenance(self.config.train.seed, code_state(), {"data": self.folds.fingerprint})
        self.record: dict[str, Any] = {"status": "running", "provenance": origin}
        if self.place.run.exists():
            self.record["provenance"]["started"] = read_json(self.place.run)["provenance"]["started"]
        write_json(self.place.config, to_dict(self.base))
        write_json(self.place.run, self.record)
        if not self.place.folds.exists():
            write_folds(self.place.folds, self.folds)
        try:
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
        seconds = sum(done) / len(done) if done else self.estimate(left[0].config)
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
            self.progress.say(f"{run.fold.name} ended: {done} of {len(self.runs)} runs done{until}")
            self._summarise()

        run_all(self.runs, self.request.jobs, self.interruption, ended, self.progress.say, self.train)

    def _summarise(self) -> None:
        """Writes the table of folds as far as they are done."""
        self.summary: dict[str, Any] = {
            "request": self.asked,
            "pool": {"rows": len(self.pool.rows), "source": self.pool.spec},
            "notes": list(self.folds.notes),
            "folds": fold_table(self.runs, self.lower),
        }
        write_json(self.place.cross_validation, self.summary)

    def _finish(self) -> None:
        """Pools the predictions, scores and judges them, and closes the study."""
        problem, root = problem_of(self.config), self.place.root
        chosen = {of[0].fold.name: run for of in by_fold(self.runs) if (run := chosen_run(of, self.lower)) is not None}
        self.progress.note("pooling predictions")
        pooled = pool_predictions(self.config, self.pool, self.folds, chosen, problem)
        summary = evaluation(pooled)
        write_lines(self.place.predictions(OOF), pooled.lines)
        write_json(self.place.evaluation, {OOF: summary})
        write_json(self.place.data, self._data(problem, pooled))
        # What trains is the same in every fold, unless the folds chose it.
        write_json(self.place.plan, read_json(Workdir(next(iter(chosen.values())).workdir).plan))
        self.summary |= {"pooled": pooled_figures(summary, HEADLINES[problem], self.summary["folds"])}
        if self.config.output.baselines:
            self._baselines(problem, pooled, root)
        self.record["final"] = {OOF: summary["metrics"]}
        if self.config.safety.axes:
            self._safety(pooled, chosen)
        write_json(self.place.cross_validation, self.summary)
        self.record |= {"status": "completed", "stopped_because": "all folds done"}
        self._close(None)
        for line in about_pooled(self.summary, self.record):
            self.progress.say(line)
        self.progress.say(f"done in {duration(time.monotonic() - self.began)}; open {self.place.report}")

    def _data(self, problem: str, pooled: Pooled) -> dict[str, Any]:
        return {
            "task": self.config.task.kind,
            "problem": problem,
            "labels": pooled.names,
            "fingerprint": self.folds.fingerprint,
            "splits": {},
            "near_duplicate_clusters": {OOF: together(pooled)},
            "warnings": list(self.folds.notes),
            "notices": notices({"pool": self.pool}),
        }

    def _baselines(self, problem: str, pooled: Pooled, root: Path) -> None:
        """Fits the lines in each fold; those of a fold that are there already are read."""
        learned, recipe = LEARNED[problem]
        lines: dict[str, dict[str, Any]] = {}
        for fold in self.folds.folds:
            self.progress.note(f"fitting what is simpler than the model in {fold.name}")
            self.interruption.check("fitting the baselines")
            path = root / "folds" / f"{fold.name}.lines.json"
            for line, of in lines_of(self.config, self.pool, fold, problem, path).items():
                lines.setdefault(line, {})[fold.name] = of
        whole_lines = {line: of for line, of in lines.items() if len(of) == len(self.folds.folds)}
        write_json(self.place.baselines, baselines(pooled, whole_lines, recipe))
        if learned in whole_lines:
            self.summary["against"] = {learned: against_line(pooled, self.folds, whole_lines[learned])}

    def _safety(self, pooled: Pooled, chosen: Mapping[str, FoldRun]) -> None:
        look, watched = safety(self.config, pooled, chosen)
        write_json(self.place.watched, watched)
        write_lines(self.place.safety, [signal.to_dict() for signal in look.signals])
        write_lines(self.place.alerts, [alert.to_dict() for alert in look.alerts])
        write_lines(self.place.counterfactuals(OOF), look.counterfactuals)
        self.record["final"]["safety"] = {OOF: look.summary()}
        for sentence in on_terminal(look.alerts, self.place.alerts):
            self.progress.say(f"safety: {sentence}")
        self.progress.say(f"safety: {OOF}: {look.family}")

    def _close(self, error: AmharicTLError | None) -> None:
        """Writes run.json and the report as far as the disk allows."""
        self.record["provenance"]["finished"] = now()
        self.record["provenance"]["seconds"] = round(time.monotonic() - self.began, 1)
        try:
            write_json(self.place.run, self.record)
            self._report()
        except AmharicTLError:
            if error is None:
                raise

    def _report(self) -> None:
        """Writes the page. A page that cannot be made is said, and loses no figure."""
        from amharic_tl.reports import write_report

        try:
            write_report(self.place.root)
        except Exception as error:  # whatever a chart or a template raises
            self.progress.say(f"note: the report could not be written: {type(error).__name__}: {error}")
