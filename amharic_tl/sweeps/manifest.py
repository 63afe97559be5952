"""The plan of a sweep as it is kept in its directory: a later spec may add runs to it and change none."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amharic_tl.config import differences, flatten, to_dict
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError
from amharic_tl.records.files import read_json, write_json
from amharic_tl.sweeps.identity import file_name, run_id
from amharic_tl.sweeps.measured import Question, Value
from amharic_tl.sweeps.place import Place
from amharic_tl.sweeps.resolution import Plan, PlannedRun


@dataclass(frozen=True)
class StoredRun:
    """A run as the directory knows it; ``folder`` is its name there, the other fields are those of PlannedRun."""

    run_id: str
    name: str
    folder: str
    arm: Mapping[str, Value]
    compared: Mapping[str, Value]
    seed: int


@dataclass(frozen=True)
class Manifest:
    """What ``sweep.json`` holds. ``select_by`` is the figure that tuning chooses by, None where nothing is tuned."""

    spec: str
    question: Question
    select_by: str | None
    runs: tuple[StoredRun, ...]


def read_manifest(place: Place) -> Manifest:
    """The plan in a sweep's directory.

    Raises:
      MissingInputError: there is none.
      BadInputError: it is not one.
    """
    if not place.plan.is_file():
        raise MissingInputError(f"--directory: {place.root} is not the directory of a sweep; expected {place.plan}")
    values = read_json(place.plan)
    try:
        return Manifest(
            values["spec"],
            Question(**values["question"]),
            values["select_by"],
            tuple(StoredRun(**run) for run in values["runs"]),
        )
    except (KeyError, TypeError) as error:
        raise BadInputError(f"--directory: {place.plan} is not the plan of a sweep: {error}") from None


def store(place: Place, spec: str, question: Question, plan: Plan) -> Manifest:
    """Writes the plan and the config of each run; runs that are there keep their folders.

    Raises:
      ConfigError: the directory has runs, begun, that the plan does not have, or holds something else.
    """
    before = read_manifest(place) if place.plan.exists() else None
    if before is None and place.root.is_dir() and any(not path.name.startswith(".") for path in place.root.iterdir()):
        raise ConfigError(f"--directory: {place.root} holds files, but no sweep; name a new directory")
    stored = {run.run_id: run for run in _renewed(place, before.runs, plan)} if before else {}
    _refuse_changes(place, list(stored.values()), plan)
    runs = tuple(
        StoredRun(
            run.run_id,
            run.name,
            stored[run.run_id].folder if run.run_id in stored else file_name(run.name, run.run_id),
            run.arm,
            run.compared,
            run.seed,
        )
        for run in plan.runs
    )
    for planned, run in zip(plan.runs, runs, strict=True):
        _write_config(place, run.folder, planned)
    select_by = plan.runs[0].config.train.select_by if plan.tuned else None
    manifest = Manifest(spec, question, select_by, runs)
    if manifest != before:
        write_json(place.plan, dataclasses.asdict(manifest))
    return manifest


def _renewed(place: Place, stored: Sequence[StoredRun], plan: Plan) -> list[StoredRun]:
    """The stored runs; those of a time with fewer leaves get the identity that the same config has now.

    The same is what differs in no leaf, a new leaf being at its default, and has the old identity by the old leaves.
    """
    planned = {run.run_id for run in plan.runs}
    old = [run for run in stored if run.run_id not in planned and place.config(run.folder).exists()]
    new = [run for run in plan.runs if run.run_id not in {one.run_id for one in stored}]
    by_old_identity: dict[frozenset[str], dict[str, PlannedRun]] = {}
    renewed = {}
    for run in old if new else ():
        config = read_json(place.config(run.folder))
        leaves = frozenset(flatten(config))
        if leaves not in by_old_identity:
            by_old_identity[leaves] = {run_id(one.config, plan.fingerprints, leaves): one for one in new}
        same = by_old_identity[leaves].get(run.run_id)
        if same is not None and not differences(config, same.config):
            renewed[run.run_id] = same.run_id
    return [dataclasses.replace(run, run_id=renewed.get(run.run_id, run.run_id)) for run in stored]


def _write_config(place: Place, folder: str, planned: PlannedRun) -> None:
    """A run that has begun keeps its config but for what a resumption may change."""
    path, values = place.config(folder), json.loads(json.dumps(to_dict(planned.config)))
    old = read_json(path) if path.exists() else None
    begun = place.workdir(folder).config.exists()
    if old != values and not (begun and old is not None and differences(old, planned.config)):
        write_json(path, values)


def _refuse_changes(place: Place, stored: Sequence[StoredRun], plan: Plan) -> None:
    """A run that is not planned any more would vanish from the table, so it is named instead; one not begun may go."""
    planned = {run.run_id for run in plan.runs}
    lost = [run for run in stored if run.run_id not in planned and place.workdir(run.folder).root.exists()]
    if not lost:
        return
    new = [run for run in plan.runs if run.run_id not in {one.run_id for one in stored}]
    told = "\n  ".join(f"{run.name}: {_what_changed(place, run, new)}" for run in lost[:10])
    more = f"\n  and {len(lost) - 10} more" if len(lost) > 10 else ""
    raise ConfigError(
        f"--directory: {len(lost)} of the {len(stored)} runs in {place.root} are not runs of this spec any more; "
        "nothing was changed. Runs may be added, not changed or taken away: take the change back, or name a new "
        "directory.\n"
        f"  {told}{more}"
    )


def _what_changed(place: Place, run: StoredRun, new: Sequence[PlannedRun]) -> str:
    """In which leaves the nearest of the new runs differs."""
    old: dict[str, Any] = flatten(read_json(place.config(run.folder)))
    candidates = []
    for planned in new:
        values = flatten(json.loads(json.dumps(to_dict(planned.config))))
        differing = sorted(name for name in values if values[name] != old.get(name))
        candidates.append([f"config.{name} was {old.get(name)!r}, is {values[name]!r}" for name in differing])
    if not candidates:
        return "it is gone"
    nearest = min(candidates, key=len)
    return "; ".join(nearest[:5]) or "its config is the same, so the contents of the files it names have changed"
