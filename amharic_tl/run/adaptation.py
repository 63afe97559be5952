"""A task whose base is further pretrained first: stages, each a run inside the run's workdir, then the task.

The same command goes on wherever it was stopped: a stage that is complete is passed over, one that is not is resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from amharic_tl.audit import adaptation as inside
from amharic_tl.audit.gates import check_gates, stop_at_gates
from amharic_tl.audit.reading import material_of_splits
from amharic_tl.config import Config, to_dict
from amharic_tl.culture.pack import open_pack
from amharic_tl.data.adaptation import domain_splits, task_texts
from amharic_tl.data.splits import Splits
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.distributed.multihost import by_first, together
from amharic_tl.errors import AmharicTLError, Preempted
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.records.files import read_json, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.assembly import read_splits
from amharic_tl.run.domain import Domain
from amharic_tl.run.resumption import read_before
from amharic_tl.run.stages import Stage, stages_of
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.loop import Interrupted
from amharic_tl.training.progress import Progress
from amharic_tl.training.provenance import now
from amharic_tl.training.workdir_guard import State, locked, workdir_state


@dataclass(frozen=True)
class Given:
    """What a run has from before it: data that were read, the base in place of ``config.model.path``, what run.json
    holds beside the run's own, and what its progress is called.
    """

    splits: Splits | None = None
    base: Path | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


Train = Callable[[Config, Workdir, Mesh | None, Interruption, Given], dict[str, Any]]


def train_adapted(
    config: Config, place: Workdir, mesh: Mesh | None, interruption: Interruption, train: Train
) -> dict[str, Any]:
    """Runs the stages that ``config.adapt`` names, then the task; what run.json holds at the end.

    Args:
      config: of the whole.
      place: its workdir.
      mesh: where to compute.
      interruption: asked by every stage.
      train: runs one of them.

    Raises:
      Preempted: told to stop; saved.
      BadInputError: stopped by a gate, such as test rows inside the text.
      AmharicTLError: others of a run.
    """
    state = by_first(lambda: workdir_state(place, config))
    if state == "completed":
        return train(config, place, mesh, interruption, Given())
    check_gates(config.data.gates or ())
    adaptation = _Adaptation(config, place, mesh, interruption, state)
    return train(config, place, mesh, interruption, adaptation.go(train))


class _Adaptation:
    """The work before the task."""

    def __init__(
        self, config: Config, place: Workdir, mesh: Mesh | None, interruption: Interruption, state: State
    ) -> None:
        self.config, self.place, self.mesh, self.interruption, self.state = config, place, mesh, interruption, state
        self.first = jax.process_index() == 0
        self.progress = Progress(1, active=self.first)
        self.progress.note("reading data")
        self.stages = stages_of(config, read_config(locate(config.model.path)), place)
        self.splits = read_splits(config, read_before(place))
        self.record: dict[str, Any] = {"status": "running", "stages": [], "provenance": {"started": now()}}

    @cached_property
    def text(self) -> Splits | None:
        """The text of the domain stage, without what must not be learned from; None where there is no such stage."""
        if self.config.adapt.dapt.data is None:
            return None
        splits = domain_splits(self.config)
        if not self.config.adapt.leave_out_test:
            return splits
        scored = [row for name, source in self.splits.items() if name != "train" for row in source.rows]
        return inside.leave_out(splits, scored, open_pack(self.config.safety.pack).grammar.fold)

    def go(self, train: Train) -> Given:
        """Runs what is not done yet, and gives the task its base."""
        if self.state == "new":
            material = material_of_splits(self.config, self.splits, self.text)
            stop_at_gates(material, lambda path: load_tokenizer(locate(path)))
            self.interruption.check("reading data")
        with ExitStack() as held:
            with together():
                held.enter_context(locked(self.place))
            self.state = by_first(lambda: workdir_state(self.place, self.config))  # another launch may have been there
            try:
                self._open()
                domain = Domain(self.config, self.place, self.splits)
                domain.measure_texts(lambda: self.text, self.progress)
                for stage in self.stages:
                    self._run(stage, train)
                domain.measure_models(self.stages, self.mesh, self.interruption, self.progress)
            except (KeyboardInterrupt, Interrupted):
                error = Preempted("stopped while adapting: the same command goes on from there.")
                self._stopped(error)
                raise error from None
            except AmharicTLError as error:
                self._stopped(error)
                raise
        self.progress.say(f"stage {len(self.stages) + 1} of {len(self.stages) + 1}, the task")
        record = {"stages": self.record["stages"], "notices": domain.notices()}
        return Given(self.splits, self.stages[-1].place.export, record, "task")

    def _open(self) -> None:
        """Says in the workdir whose it is, before anything else stands there."""
        if self.place.run.exists():
            before = read_json(self.place.run)
            self.record["provenance"] = before["provenance"]
        self._write(self.place.config, to_dict(self.config))
        self._write(self.place.run, self.record)

    def _run(self, stage: Stage, train: Train) -> None:
        follow_move(stage, self.first)
        done = by_first(lambda: workdir_state(stage.place, stage.config)) == "completed"
        self.progress.say(f"{stage.title}{', is complete' if done else ''}: {stage.place.root}")
        if done:
            found = read_json(stage.place.run)
        else:
            text = task_texts(self.splits) if stage.name == "tapt" else self.text
            self.record["stage"] = stage.name
            self._write(self.place.run, self.record)
            found = train(stage.config, stage.place, self.mesh, self.interruption, Given(text, label=stage.name))
        self.record["stages"].append(_summary(stage, found, self.place))
        self._write(self.place.run, self.record)
        self._report()

    def _stopped(self, error: AmharicTLError) -> None:
        self.record["status"] = "preempted" if isinstance(error, Preempted) else "failed"
        self.record["stopped_because"] = str(error)
        self._write(self.place.run, self.record)
        self._report()

    def _write(self, path: Path, value: Any) -> None:
        if self.first:
            write_json(path, value)

    def _report(self) -> None:
        """Writes the page; one that cannot be made ends nothing."""
        if not self.first:
            return
        from amharic_tl.reports import write_report

        try:
            write_report(self.place.root)
        except Exception as error:  # whatever a chart or a template raises
            self.progress.say(f"note: the report could not be written: {type(error).__name__}: {error}")


def _summary(stage: Stage, found: Mapping[str, Any], place: Workdir) -> dict[str, Any]:
    """What run.json says of a stage that is complete."""
    about = read_json(stage.place.data)
    source = about["splits"]["train"]
    task = stage.config.task
    return {
        "name": stage.name,
        "folder": str(stage.place.root.relative_to(place.root.resolve())),
        "objective": "span-corruption" if task.objective == "span-corruption" else task.kind,
        "source": "the task's training texts" if stage.name == "tapt" else source["source"],
        "texts": source["rows"],
        "windows": source.get("windows"),
        "mixture": about.get("mixture"),
        "fingerprints": found["provenance"].get("fingerprints", {}),
        "steps": found["step"],
        "best": found.get("best"),
        "seconds": found["provenance"].get("seconds"),
    }


def follow_move(stage: Stage, first: bool) -> None:
    """A workdir may have been moved since: the base that an unfinished stage names is then looked for beside it."""
    if not first or not stage.place.config.exists() or stage.number == 1:
        return
    stored, expected = read_json(stage.place.config), stage.config.model.path
    path = str(stored.get("model", {}).get("path", ""))
    if path != expected and Path(path).parts[-3:] == Path(expected).parts[-3:]:
        write_json(stage.place.config, {**stored, "model": {**stored["model"], "path": expected}})


def with_base(config: Config, base: Path | None) -> Config:
    """``config`` with another base, which has taken in the adapter of the one before."""
    return config if base is None else replace(config, model=replace(config.model, path=str(base), adapter=None))
