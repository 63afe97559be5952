"""Where a run begins: at its newest whole checkpoint that can still lead to the best one, or at the first step."""

from __future__ import annotations

from amharic_tl.records.files import read_json, read_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.assembly import Run
from amharic_tl.run.steering import selection_of
from amharic_tl.training.checkpoints import Checkpoints
from amharic_tl.training.memory import Memory
from amharic_tl.training.progress import Progress
from amharic_tl.training.step import TrainState
from amharic_tl.training.writers import Writer


def read_before(workdir: Workdir) -> dict[str, str]:
    """What each split of a run that began before was read from, revisions resolved; empty for a new one."""
    if not workdir.data.exists():
        return {}
    return {name: split["source"] for name, split in read_json(workdir.data)["splits"].items()}


def measured_before(workdir: Workdir) -> dict[str, float] | None:
    """What the plan of a run that began before rests on; None for a new run."""
    return read_json(workdir.plan).get("measured") if workdir.plan.exists() else None


def begin(
    run: Run, workdir: Workdir, checkpoints: Checkpoints, writer: Writer, progress: Progress, first: bool
) -> tuple[TrainState, int, Memory]:
    """The state, the step and what the loop remembers there; broken checkpoints are set aside.

    Args:
      run: the run's parts.
      workdir: where it writes.
      checkpoints: those of the workdir.
      writer: rewound to what the checkpoint remembers.
      progress: told what was set aside and where the run goes on.
      first: whether this is the process that may move files.
    """
    if first:
        for sentence in [*checkpoints.quarantine_broken(), *_set_aside_without_best(checkpoints)]:
            writer.write_event(0, "quarantined", what=sentence)
            progress.say(f"note: {sentence}")
    checkpoints.wait()
    steps = checkpoints.steps()
    if not steps:
        writer.rewind({})
        writer.write_event(0, "started")
        return run.steps.state, 0, Memory()
    restored = run.stages.restore(checkpoints, steps[-1], run.steps.state)
    memory = Memory(**restored.loop)
    writer.rewind(memory.lengths)
    if run.monitor is not None:
        run.monitor.remember(read_lines(workdir.safety))
    if memory.best_step is not None and memory.best_step not in steps:
        lost = memory.best_step
        _take_next_best(memory, run, workdir, steps)
        writer.write_event(restored.step, "best_lost", step_lost=lost, best_step=memory.best_step)
        instead = "none yet" if memory.best_step is None else f"step {memory.best_step:,}"
        progress.say(f"note: the best checkpoint, step {lost:,}, is lost; the best of those that are whole: {instead}")
    writer.write_event(restored.step, "resumed")
    progress.say(f"resumed at step {restored.step:,} of {run.schedule.total:,}")
    return restored.state, restored.step, memory


def _set_aside_without_best(checkpoints: Checkpoints) -> list[str]:
    """Makes way for an older checkpoint whose best is still there: training on from it makes the lost one again.

    Does nothing where there is no such checkpoint, since the newer ones are then all that is left.
    """
    steps = checkpoints.steps()
    bests = {step: checkpoints.memory(step).get("best_step") for step in steps}
    sound = [step for step, best in bests.items() if best is None or best in steps]
    if not sound or sound[-1] == steps[-1]:
        return []
    later = [step for step in steps if step > sound[-1]]
    return [checkpoints.set_aside(step, f"the best checkpoint of its time, {bests[step]}, is lost") for step in later]


def _take_next_best(memory: Memory, run: Run, workdir: Workdir, steps: list[int]) -> None:
    """Remembers the best of the evaluated steps whose checkpoint is there, in place of one that is lost."""
    selection = selection_of(run.config, run.prepared.task.lower_is_better(run.config.train.select_by.split("/", 1)[1]))
    lines = [line for line in read_lines(workdir.metrics) if line["split"] == "validation"]
    memory.best_step = memory.best_value = memory.best_within = None
    for line in lines:
        if line["step"] in steps:
            selection.take(line["step"], line, memory)
    since = max(memory.best_step, memory.began[-1]) if memory.best_step is not None else None
    memory.since_best = sum(1 for line in lines if since is not None and line["step"] > since)
