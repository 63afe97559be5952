"""The work on a run: the parts that ``assemble`` made meet the loop and fill the workdir."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from amharic_tl.config import to_dict
from amharic_tl.data.audit import clean_rows
from amharic_tl.distributed.mesh import whole
from amharic_tl.distributed.multihost import peers_watched
from amharic_tl.errors import AmharicTLError, ConfigError, Preempted
from amharic_tl.evaluation.label_shift.recording import applies, record_shift
from amharic_tl.evaluation.pooling import in_order
from amharic_tl.models.attention import Choice, listening
from amharic_tl.records.files import read_json, read_lines, write_bytes, write_json, write_lines, write_text
from amharic_tl.records.trends import began
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.adaptation import Given
from amharic_tl.run.alerting import Alerting
from amharic_tl.run.assembly import Run
from amharic_tl.run.attention import AttentionRecord
from amharic_tl.run.exporting import export
from amharic_tl.run.fairness import FairnessJudge
from amharic_tl.run.fingerprints import fingerprints
from amharic_tl.run.plan_file import describe_plan, with_beginnings
from amharic_tl.run.resumption import begin
from amharic_tl.run.staging import make_thaws
from amharic_tl.run.steering import Steering, about_limits, limits_sentences, selection_of
from amharic_tl.run.telling import (
    NO_CLEAN_ROWS,
    about_attention,
    about_data,
    about_loading,
    about_optimizer,
    about_result,
    about_stages,
)
from amharic_tl.run.trajectory import keep_parameters
from amharic_tl.run.watching import Outlets, watching_of
from amharic_tl.safety.monitoring.classifier import Monitor
from amharic_tl.training.checkpoints import Checkpoints
from amharic_tl.training.code_state import code_state
from amharic_tl.training.evaluate import gather
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.loop import Loop
from amharic_tl.training.memory import Memory
from amharic_tl.training.progress import Progress, duration
from amharic_tl.training.provenance import now, provenance, session
from amharic_tl.training.stability.guard import Guard, Limits
from amharic_tl.training.step import TrainState
from amharic_tl.training.writers import Writer
from amharic_tl.transfer.plan_table import thaw_table, whole_table


class Job:
    """One process's work on a run: opening files, the loop, the final scores."""

    def __init__(self, run: Run, workdir: Workdir, resumed: bool, interruption: Interruption, given: Given) -> None:
        self.run, self.workdir, self.resumed = run, workdir, resumed
        self.first = jax.process_index() == 0
        self.progress = Progress(run.schedule.total, active=self.first, label=given.label)
        self.began = time.monotonic()
        self.interruption = interruption
        self.checkpoints = Checkpoints(workdir.checkpoints)
        run.stages.listen(self.interruption.check, self.progress.say)
        self._check_data()
        self.writer = Writer(workdir, run.config.output.tensorboard, self.progress.say)
        self.alerting = self._alerting()
        self._write("config", to_dict(run.config))
        self._write("data", run.audit)
        monitor = run.safety.monitor if run.safety is not None else None
        classes = monitor if isinstance(monitor, Monitor) else None
        self.fairness = FairnessJudge(classes, workdir, self.writer.write_event, self.progress.say, self.first)
        self.attention = AttentionRecord()
        self.record: dict[str, Any] = {"status": "running", **given.record, "provenance": self._origin()}
        self.watching = None
        if self.alerting is not None:
            say, note = self.progress.say, self.progress.note
            self.watching = watching_of(run, Outlets(workdir, self.alerting, say, note, self.record, self.first))

    def _alerting(self) -> Alerting | None:
        """What acts on alerts, told what a person has changed since; before config.json is written anew."""
        settings = self.run.config.safety
        if self.run.safety is None:
            return None
        alerting = Alerting(settings, self.workdir, self.writer, self.checkpoints, self.progress.say, self.first)
        if self.resumed and self.workdir.config.exists():
            alerting.note_overrides(read_json(self.workdir.config).get("safety", {}))
        return alerting

    def _origin(self) -> dict[str, Any]:
        """Where the run comes from, with a line for each session; what the code differs by is kept beside it."""
        run, code = self.run, code_state()
        origin = provenance(
            run.config.train.seed,
            code,
            fingerprints(run),
        )
        if self.first:
            write_text(self.workdir.environment, "\n".join(code.packages) + "\n")
            kept = (code.git or {}).get("diff", {}).get("file")
            if kept:
                write_bytes(self.workdir.root / kept, code.diff)
        earlier: list[Any] = []
        if self.resumed and self.workdir.run.exists():
            before = read_json(self.workdir.run)["provenance"]
            origin["started"], earlier = before["started"], before.get("sessions", [])
        return {**origin, "sessions": [*earlier, session(origin)]}

    def go(self) -> dict[str, Any]:
        """Trains from where the workdir is, and scores; returns what run.json holds. Raises as ``train``."""
        try:
            self._write("run", self.record)
            self._write_plan()
            self.interruption.check("counting what a step costs")
            self._baselines()
            self.interruption.check("training the TF-IDF line")
            parts = self.run, self.workdir, self.checkpoints, self.writer, self.progress, self.first
            with listening(self._take_note), peers_watched():
                if self.watching is not None:
                    self.watching.at_start(self.interruption)
                beginning = begin(*parts)
                self._write_stages(beginning[2])
                if self.watching is not None:
                    self.watching.begin(beginning[0], beginning[1])
                state, memory, reason = self._loop().run(*beginning)
                self._finish(state, memory, reason)
        except KeyboardInterrupt:
            error = Preempted("stopped at once: the same command goes on from the newest checkpoint.")
            error.in_all_processes = False
            self._stopped(error)
            raise error from None
        except AmharicTLError as error:
            self._stopped(error)
            raise
        finally:
            if self.alerting is not None:
                self.alerting.close()
            self.progress.close()
            self.writer.close()
        return self.record

    def _stopped(self, error: AmharicTLError) -> None:
        self.record["status"] = "preempted" if isinstance(error, Preempted) else "failed"
        self.record["stopped_because"] = str(error)
        self._close(error)

    def _take_note(self, choice: Choice) -> None:
        """Says and records which implementation of attention a program that is being compiled takes."""
        new = self.attention.add(choice)
        self.record["attention"] = self.attention.lines
        if new is not None:
            self.progress.say(about_attention(new))
            self.writer.write_event(self.record.get("step", 0), "attention", **new)

    def _write(self, name: str, value: Any) -> None:
        if self.first:
            write_json(getattr(self.workdir, name), value)

    def _check_data(self) -> None:
        if self.resumed and self.workdir.data.exists():
            stored, of_now = read_json(self.workdir.data), self.run.audit
            pairs = [(stored, of_now), (stored.get("alignment", {}), of_now.get("alignment", {}))]
            for before, found in ((old.get("fingerprint", ""), new.get("fingerprint", "")) for old, new in pairs):
                if before != found:
                    raise ConfigError(
                        f"--workdir: the data has changed since {self.workdir.root} began (fingerprint {before[:12]}, "
                        f"now {found[:12]}); name a new directory"
                    )

    def _write_plan(self) -> None:
        run = self.run
        self.described_plan = describe_plan(run)
        self._write("plan", self.described_plan)
        self.progress.say(whole_table(run.plan))
        pretrained = run.config.model.initialise == "pretrained"
        kept = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(run.steps.state.optimizer))
        for line in [
            *about_optimizer(run.config.optim, kept, run.plan.totals["trainable"]),
            *about_loading(run.newly_initialised, run.dropped, pretrained),
            *about_data(run.audit),
        ]:
            self.progress.say(line)

    def _write_stages(self, memory: Memory) -> None:
        self._write("plan", with_beginnings(self.described_plan, memory))

    def _after_thaw(self, step: int, memory: Memory) -> None:
        self._write_stages(memory)
        last = len(self.run.plan.stages) - 1
        self.progress.say(f"step {step:,}: stage {memory.stage} of {last} begins; what thaws:")
        self.progress.say(thaw_table(self.run.plan))

    def _baselines(self) -> None:
        run = self.run
        judge = run.prepared.judge
        if judge is None or not run.config.output.baselines or self.workdir.baselines.exists() or not self.first:
            return
        self.progress.note("scoring what is simpler than the model")
        subsets = {"test_clean": ("test", clean_rows(run.splits))} if run.splits.test is not None else {}
        self._write("baselines", judge.baselines(run.splits, subsets))

    def _loop(self) -> Loop:
        run = self.run
        config, metric = run.config, run.config.train.select_by.split("/", 1)[1]
        rows, source = run.splits.train.rows, run.prepared.row_source
        return Loop(
            guard=self._guard(),
            look=self.watching.between if self.watching is not None else None,
            stages=run.stages,
            thaws=make_thaws(config, run.plan),
            batches=lambda start: run.prepared.train.stream(start, run.schedule.total),
            evaluate=self._evaluate,
            after_evaluation=self._after_evaluation,
            after_thaw=self._after_thaw,
            checkpoints=self.checkpoints,
            writer=self.writer,
            progress=self.progress,
            interruption=self.interruption,
            schedule=run.schedule,
            mesh=run.mesh,
            selection=selection_of(config, run.prepared.task.lower_is_better(metric)),
            steer=Steering(config.safety, self.writer, self.progress.say) if config.safety.driven else None,
            row_ids=lambda numbers: [rows[source[int(n)]].id for n in numbers if n >= 0],
        )

    def _guard(self) -> Guard | None:
        run, stability = self.run, self.run.config.train.stability
        goes_back = self.alerting is not None and "rollback" in run.config.safety.actions.confirmed
        if stability.spikes != "skip" and not goes_back:
            return None
        return Guard(
            Limits(
                stability.skips,
                stability.within,
                stability.rollbacks,
                stability.rate_factor,
                counts=stability.spikes == "skip",
            ),
            run.prepared.train,
            run.schedule.total,
            run.schedule.save_every,
            run.stages,
            self.checkpoints,
            self.writer,
            self.progress,
            self._after_rollback,
        )

    def _after_rollback(self, memory: Memory) -> None:
        """What a resumption does too: the monitor's states and the stages are those of the checkpoint."""
        self._write_stages(memory)
        if self.run.monitor is not None:
            self.run.monitor.restore(read_lines(self.workdir.safety))
        if self.alerting is not None:
            self.alerting.after_rollback()

    def _evaluate(self, state: TrainState, step: int) -> dict[str, float]:
        keep_parameters(self.run, self.workdir, state, step, self.first)
        metrics, gathered = self._evaluate_split(state, "validation", self.interruption)
        if self.watching is None:
            return metrics
        return {**metrics, **self.watching.evaluated(state, step, "validation", gathered, self.interruption)}

    def _after_evaluation(self, step: int, memory: Memory) -> int | None:
        """Writes what the run has come to; the saved step to go back to, where safety asks for it."""
        self.record["best"] = {
            "step": memory.best_step,
            "metric": self.run.config.train.select_by,
            "value": memory.best_value,
            **about_limits(self.run.config, memory),
        }
        self.record["step"] = step
        self._write("run", self.record)
        self._tell_trends(step)
        target = None if self.alerting is None else self.alerting.after_evaluation(step, memory)
        self._report()
        return target

    def _tell_trends(self, step: int) -> None:
        """Says what the training loss has begun to do since the evaluation before."""
        if not self.first or not self.run.config.train.stability.trends:
            return
        every = self.run.schedule.evaluate_every
        for trend in began(read_lines(self.workdir.metrics), (step - 1) // every * every, step):
            self.writer.write_event(step, trend.name, first_step=trend.first_step, figure=trend.figure)
            self.progress.say(f"step {step:,}: {trend.name}: {trend.figure}")

    def _evaluate_split(
        self, state: TrainState, split: str, interruption: Interruption | None
    ) -> tuple[dict[str, float], Mapping[str, np.ndarray]]:
        """Scores a split and writes its predictions and intervals."""
        run = self.run
        batches = run.prepared.evaluation[split]
        found = gather(run.steps, state, batches.stream(0, len(batches)), run.mesh, interruption)
        gathered = run.prepared.of_rows(split, found)
        metrics = run.prepared.task.score(gathered)
        if split in run.prepared.generated:
            metrics |= run.prepared.generated[split].metrics(run.steps.model(whole(state, run.mesh)))
        if run.config.train.select_by.split("/", 1)[1] not in metrics:
            raise ConfigError(
                f"config.train.select_by: there is no {run.config.train.select_by!r}; the figures are "
                + ", ".join(f"validation/{name}" for name in metrics)
            )
        if run.prepared.judge is not None:
            gathered = in_order(gathered)
            if self.first:
                rows = dict(run.splits.items())[split].rows
                write_lines(self.workdir.predictions(split), run.prepared.judge.predictions(rows, gathered))
            self._summarise(split, run.prepared.judge.summary(gathered))
        return metrics, gathered

    def _summarise(self, split: str, summary: dict[str, Any]) -> dict[str, Any]:
        stored = read_json(self.workdir.evaluation) if self.workdir.evaluation.exists() else {}
        self._write("evaluation", {**stored, split: summary})
        return dict(summary["metrics"])

    def _finish(self, state: TrainState, memory: Memory, reason: str) -> None:
        """Scores the best checkpoint on every split, exports it, and closes the run."""
        run = self.run
        last, best = int(jax.device_get(state.step)), memory.best_step
        if best is not None and best != last:
            state = run.stages.restore(self.checkpoints, best, state).state
        final: dict[str, Any] = {}
        for split in run.prepared.evaluation:
            self.progress.note(f"scoring {split}")
            final[split], gathered = self._evaluate_split(state, split, None)
            if split != "validation":
                self.writer.write_scalars(best or 0, final[split], split=split)
            if self.watching is not None:
                self.watching.scored(state, best or 0, split, gathered)
            self.fairness.judge(split, best or 0, gathered, self.record)
            if split == "test" and run.prepared.judge is not None:
                kept = clean_rows(run.splits)
                clean = {name: values[kept] for name, values in gathered.items()}
                summary = self._summarise("test_clean", run.prepared.judge.summary(clean))
                final["test_clean"] = summary or {"not_measured": NO_CLEAN_ROWS}
        if self.first and applies(to_dict(run.config)) and run.splits.test is not None:
            for sentence in record_shift(self.workdir, self.workdir):
                self.progress.say(sentence)
        if self.watching is not None:
            self.watching.finish(state, best or 0)
            self.fairness.score_banks(best or 0, self.watching.predict(state, None))
        if run.config.output.export:
            self._export(state)
        for sentence in [*about_stages(memory.stage, run.plan.stages), *limits_sentences(run.config, memory)]:
            self.progress.say(sentence)
        self.writer.write_event(last, "completed", reason=reason)
        self.record |= {"status": "completed", "stopped_because": reason, "final": final, "step": last}
        if "safety" in self.record:
            self.record["final"]["safety"] = self.record.pop("safety")
        self._close(None)
        self._say_result(final)

    def _export(self, state: TrainState) -> None:
        """Writes the model; where several processes hold parts of it, all of them bring it together first."""
        model: Any = self.run.steps.model(whole(state, self.run.mesh))
        if self.first:
            export(self.run, model, self.workdir, self.progress.say)

    def _say_result(self, final: Mapping[str, Mapping[str, Any]]) -> None:
        for line in about_result(final):
            self.progress.say(line)
        self.progress.say(f"done in {duration(time.monotonic() - self.began)}; open {self.workdir.report}")

    def _close(self, error: BaseException | None) -> None:
        """Writes run.json and the report as far as the disk allows."""
        self.record["provenance"]["finished"] = now()
        self.record["provenance"]["seconds"] = round(time.monotonic() - self.began, 1)
        try:
            self._write("run", self.record)
            self._report()
        except AmharicTLError:
            if error is None:
                raise

    def _report(self) -> None:
        """Writes the page. A page that cannot be made is said, and never ends the training it reports on."""
        if not self.first:
            return
        from amharic_tl.reports import write_report

        try:
            write_report(self.workdir.root)
        except Exception as error:  # whatever a chart or a template raises
            self.progress.say(f"note: the report could not be written: {type(error).__name__}: {error}")
