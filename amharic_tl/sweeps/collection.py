"""From a sweep's directory to one :class:`~amharic_tl.sweeps.measured.MeasuredRun` a run, finished or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from amharic_tl.sweeps.manifest import StoredRun, read_manifest
from amharic_tl.sweeps.measured import MeasuredRun
from amharic_tl.sweeps.place import Place
from amharic_tl.sweeps.state import RETRIES, look, record


def collect(directory: str | Path, retries: int = RETRIES) -> list[MeasuredRun]:
    """Every run of the sweep in ``directory``, in the order of its spec; those without scores are there too.

    Scores are the numbers of ``final`` in run.json by their path (``test/macro_f1``,
    ``safety/test/states/confirmed``). They are the figures of the checkpoint that validation chose.

    Raises:
      MissingInputError: it is not the directory of a sweep.
    """
    place = Place(Path(directory))
    return [measured(place, run, retries) for run in read_manifest(place).runs]


def measured(place: Place, run: StoredRun, retries: int = RETRIES) -> MeasuredRun:
    """One run of :func:`collect`."""
    state = look(place, run.folder, retries)
    final = record(place, run.folder).get("final") if state.status == "finished" else None
    workdir = place.workdir(run.folder).root
    return MeasuredRun(
        run_id=run.run_id,
        arm=run.arm,
        seed=run.seed,
        status=state.status,
        scores=dict(flat_scores(final)) if isinstance(final, Mapping) else {},
        workdir=workdir if workdir.is_dir() else None,
        minutes=None if state.seconds is None else state.seconds / 60,
    )


def flat_scores(final: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float | None]]:
    """Numbers of nested mappings by their path; null where run.json has null. Texts, lists and truths are no scores."""
    for name, value in final.items():
        if isinstance(value, Mapping):
            yield from flat_scores(value, f"{prefix}{name}/")
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            yield f"{prefix}{name}", value
