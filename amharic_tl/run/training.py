"""A run is trained, judged and reported, or gone on with: what ``amharic-tl train`` calls."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from amharic_tl.audit.gates import check_gates, stop_at_gates
from amharic_tl.audit.reading import material_of_splits
from amharic_tl.config import Config
from amharic_tl.distributed.compilation_cache import keep_compiled
from amharic_tl.distributed.multihost import by_first, together
from amharic_tl.models.interchange.adapter_folder import tokenizer_of
from amharic_tl.records.files import read_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.adaptation import Given, train_adapted, with_base
from amharic_tl.run.assembly import assemble
from amharic_tl.run.job import Job
from amharic_tl.run.resumption import measured_before, read_before
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.progress import Progress
from amharic_tl.training.workdir_guard import locked, workdir_state


def train(
    config: Config, workdir: str | Path, mesh: Mesh | None = None, interruption: Interruption | None = None
) -> dict[str, Any]:
    """Trains, judges and reports a run, or goes on with it; what ``amharic-tl train`` calls.

    Args:
      config: the run.
      workdir: a new directory, or that of the same run.
      mesh: where to run; None: over all devices, as ``config.mesh`` says.
      interruption: one that has listened for signals already; None: listens from here on.

    Returns:
      What run.json holds.

    Raises:
      Preempted: told to stop; saved.
      TrainingStopped: too many non-finite updates in a row.
      AmharicTLError: other errors of the user's inputs, config or disk.
    """
    with together():
        keep_compiled(config.output.compilation_cache)
    interruption = interruption or Interruption()
    place = Workdir(Path(workdir))
    with interruption.listening():
        if config.adapt.stages:
            return train_adapted(config, place, mesh, interruption, _train)
        return _train(config, place, mesh, interruption, Given())


def _train(
    config: Config, place: Workdir, mesh: Mesh | None, interruption: Interruption, given: Given
) -> dict[str, Any]:
    """One run by itself: a whole one, a stage, or the task behind its stages."""
    state = by_first(lambda: workdir_state(place, config))
    progress = Progress(1, active=jax.process_index() == 0)
    if state == "completed":
        progress.say(f"{place.root} is complete; its report is {place.report}")
        return dict(read_json(place.run))
    check_gates(config.data.gates or ())
    progress.note("reading data and model")
    with together():
        run = assemble(with_base(config, given.base), mesh, read_before(place), measured_before(place), given.splits)
    interruption.check("reading data and model")
    run.config = config  # names the base that the user named
    with together():
        if state == "new":
            stop_at_gates(material_of_splits(config, run.splits), tokenizer_of)
    with ExitStack() as held:
        with together():
            held.enter_context(locked(place))
        # Another launch may have been there while this one read its data.
        state = by_first(lambda: workdir_state(place, config))
        if state == "completed":
            return dict(read_json(place.run))
        with together():
            job = Job(run, place, state == "unfinished", interruption, given)
        return job.go()
