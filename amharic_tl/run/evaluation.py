"""A finished run scored again: on a split of its own data, or on other data of the same form."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optax
from jax.sharding import Mesh

from amharic_tl.config import Config, TransferConfig, build_config, flatten
from amharic_tl.data.audit import clean_rows, fingerprint, near_duplicate_clusters
from amharic_tl.data.rows import Source
from amharic_tl.data.sources import read_source
from amharic_tl.data.splits import Splits, columns_of
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.distributed.mesh import batch_shards, make_mesh, whole
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError, name_some
from amharic_tl.evaluation.pooling import in_order
from amharic_tl.models.interchange.adapter_folder import model_config, tokenizer_folder
from amharic_tl.models.interchange.locate import locate
from amharic_tl.records.files import read_object, refuse_existing, write_json, write_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.assembly import kind_of_rows, load_model, read_splits
from amharic_tl.run.staging import make_stages
from amharic_tl.safety.fairness.watched import named_rows, split_table
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.safety.signals import Observed
from amharic_tl.tasks.registry import Prepared, prepare
from amharic_tl.training.checkpoints import Checkpoints, check_manifest
from amharic_tl.training.code_state import code_state
from amharic_tl.training.evaluate import gather
from amharic_tl.training.provenance import provenance
from amharic_tl.training.step import Steps, TrainState, make_steps
from amharic_tl.transfer.plan import Clock, make_plan

Which = Literal["export", "checkpoint"]
# What counts as the same score: the same programme on another machine or mesh rounds differently.
SAME = 1e-4


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
      split: that was scored; ``test`` for other data.
      model: what was scored, in words.
      metrics: by split, ``test_clean`` among them where test was scored and some of its rows are duplicates.
      summaries: by split, as in evaluation.json.
      predictions: lines as of predictions-<split>.jsonl; None where the task writes none.
      stored: what run.json has for the split; None for other data.
      fairness: the table of :mod:`amharic_tl.safety.fairness`, of a run that watches an axis.
    """

    split: str
    model: str
    metrics: Mapping[str, Mapping[str, float]]
    summaries: Mapping[str, Mapping[str, Any]]
    predictions: list[dict[str, Any]] | None
    stored: Mapping[str, float] | None
    fairness: dict[str, Any] | None = None

    def differences(self) -> list[str]:
        """Scores that are not those of run.json, as sentences."""
        return [
            f"{name} {value:.6f}, run.json has {self.stored[name]:.6f}"
            for name, value in self.metrics[self.split].items()
            if self.stored and self.stored.get(name) is not None and not abs(value - self.stored[name]) <= SAME
        ]


def evaluate(
    workdir: Path,
    split: str = "test",
    data: str | None = None,
    which: Which | None = None,
    output: Path | None = None,
) -> Evaluation:
    """Scores a finished run's best checkpoint or its export.

    Args:
      workdir: of the run.
      split: validation or test, of the run's own data.
      data: other data in its place, read with the run's columns; labels are those the model knows.
      which: the model; None: the export where there is one.
      output: a new directory for predictions and scores, which may be compared like a workdir.

    Raises:
      AmharicTLError: no finished run, no such data, data that has changed, a directory that is not empty.
    """
    place = Workdir(workdir)
    if not place.run.exists():
        raise MissingInputError(f"{workdir} is not a workdir: expected {place.run}")
    record = read_object(place.run)
    if record.get("status") != "completed":
        raise MissingInputError(f"{workdir}: the run is {record.get('status')!r}; go on with it before it is scored")
    check_own_model(place, record)
    if output is not None:
        refuse_existing(output, "output")
    stored_config = read_object(place.config)
    config = build_config(flatten(stored_config))
    about = read_object(place.data)
    splits, name = splits_of(config, about, split, data)
    # Weights of classes are of training: they are not in any score.
    judging = dataclasses.replace(config, train=dataclasses.replace(config.train, class_weights="none"))
    found = _score(place, judging, splits, name, which or ("export" if place.export.exists() else "checkpoint"), record)
    stored = (record.get("final") or {}).get(split) if data is None else None
    evaluation = _named(found, name, split, stored)
    if output is not None:
        _write(evaluation, Workdir(output), stored_config, about, dict(splits.items())[name], splits, data)
    return evaluation


def check_own_model(place: Workdir, record: Mapping[str, Any]) -> None:
    """Refuses directories that look like a workdir and have no model."""
    if "evaluated" in record:
        raise MissingInputError(f"{place.root} was written by evaluate and has no model; name the run's own workdir")
    if place.cross_validation.exists():
        raise MissingInputError(
            f"{place.root} is a cross-validation, which has no model of its own; name a fold, such as "
            f"{place.root / 'folds' / 'fold-1'}"
        )


def splits_of(config: Config, about: Mapping[str, Any], split: str, data: str | None) -> tuple[Splits, str]:
    """The splits, and the name of the one that is scored."""
    rows = kind_of_rows(config)
    if data is not None:
        source = read_source(data, columns_of(config.data, **rows), config.data.format, config.data.quoting)
        # Nothing is trained: the other places are filled since a task is prepared from whole splits.
        return Splits(source, source, None, list(about["labels"]), problem=about["problem"]), "validation"
    splits = read_splits(config, {split: part["source"] for split, part in about["splits"].items()})
    if split not in dict(splits.items()) or split == "train":
        there = name_some(name for name, _ in splits.items() if name != "train")
        raise ConfigError(f"--split: the run has no split {split!r} to be scored on; it has {there}")
    if fingerprint(splits) != about["fingerprint"]:
        raise BadInputError(
            f"the data of {config.data.train} and its companions has changed since the run (fingerprint "
            f"{about['fingerprint'][:12]}, now {fingerprint(splits)[:12]}); name what to score with --data=FILE"
        )
    return splits, split


def _score(
    place: Workdir, config: Config, splits: Splits, name: str, which: Which, record: Mapping[str, Any]
) -> Evaluation:
    folder = place.export if which == "export" else locate(config.model.path)
    if which == "export" and not folder.exists():
        raise MissingInputError(f"{place.root} has no export; take the checkpoint: --model=checkpoint")
    tokenizer = load_tokenizer(tokenizer_folder(folder))
    prepared = prepare(config, splits, tokenizer)
    mesh = mesh_for(config)
    steps, state, said = model_of(place, config, prepared, splits, which, mesh, record)
    return scored(name, said, prepared, splits, steps, state, mesh, config)


def scored(
    name: str,
    said: str,
    prepared: Prepared,
    splits: Splits,
    steps: Steps,
    state: TrainState,
    mesh: Mesh,
    config: Config | None = None,
) -> Evaluation:
    """The scores of the split ``name`` by the parameters of ``state``, which ``said`` describes.

    With a ``config`` whose safety watches an axis, the fairness table too.
    """
    batches = prepared.evaluation[name]
    gathered = prepared.of_rows(name, gather(steps, state, batches.stream(0, len(batches)), mesh))
    metrics = {name: dict(prepared.task.score(gathered))}
    if name in prepared.generated:
        metrics[name] |= prepared.generated[name].metrics(steps.model(whole(state, mesh)))
    summaries: dict[str, Any] = {}
    predictions = None
    if prepared.judge is not None:
        rows = in_order(gathered)
        summaries[name] = prepared.judge.summary(rows)
        predictions = prepared.judge.predictions(dict(splits.items())[name].rows, rows)
        if name == "test":
            kept = clean_rows(splits)
            if kept.any():
                summaries["test_clean"] = prepared.judge.summary(_rows(rows, kept))
                metrics["test_clean"] = dict(summaries["test_clean"]["metrics"])
    fairness = _fairness(config, splits, name, gathered) if config is not None and config.safety.axes else None
    return Evaluation(name, said, metrics, summaries, predictions, None, fairness)


def _fairness(config: Config, splits: Splits, name: str, gathered: Mapping[str, np.ndarray]) -> dict[str, Any]:
    operator = SwapOperator(config.safety.pack, config.safety.axes or (), config.safety.held_out_groups)
    rows, found = named_rows(dict(splits.items())[name].rows, operator), in_order(gathered)
    positive = np.asarray([label in (config.safety.positive_labels or ()) for label in splits.labels])
    none = np.zeros((0, len(splits.labels)))
    observed = Observed(name, 0, found["labels"], found["probabilities"], none, positive)
    return split_table(rows, observed, operator, config.safety)


def _rows(gathered: Mapping[str, np.ndarray], kept: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[kept] for name, values in gathered.items()}


def model_of(
    place: Workdir,
    config: Config,
    prepared: Prepared,
    splits: Splits,
    which: Which,
    mesh: Mesh,
    record: Mapping[str, Any],
) -> tuple[Steps, TrainState, str]:
    """The evaluation step with the export's or the best checkpoint's parameters, and what they are."""
    if which == "export":
        config = of_export(config, place)
    model = load_model(config, model_config(locate(config.model.path)), splits.labels)
    if which == "export":
        steps = _evaluation_steps(config, model, prepared, mesh)
        return steps, steps.state, f"{place.export}"
    best = (record.get("best") or {}).get("step")
    checkpoints = Checkpoints(place.checkpoints)
    folder = place.checkpoints / str(best)
    if best is None or not folder.exists():
        raise MissingInputError(f"{place.root}: there is no best checkpoint ({folder}) and no export to score")
    problem = check_manifest(folder)
    if problem:
        raise BadInputError(f"{folder} is not whole ({problem})")
    # A checkpoint is read back whole, moments included, in the stage in which it was saved.
    stored = read_object(place.plan)
    clock = Clock(**stored["clock"]) if stored.get("clock") else None
    stages = make_stages(config, model, prepared, clock, mesh, measured=stored.get("measured"))
    restored = stages.restore(checkpoints, best, stages.steps.state)
    return stages.steps, restored.state, f"checkpoint {best}"


def of_export(config: Config, place: Workdir) -> Config:
    """The config of a run with its export as the model: nothing is put on that, or drawn for it."""
    model = dataclasses.replace(config.model, path=str(place.export), adapter=None, initialise="pretrained")
    return dataclasses.replace(config, model=model, transfer=TransferConfig())


def _evaluation_steps(config: Config, model: Any, prepared: Prepared, mesh: Mesh) -> Steps:
    """Steps of a model as it is, of which only the evaluation is used: the optimiser keeps nothing."""
    return make_steps(
        model,
        prepared.task,
        make_plan(model, TransferConfig(), 0.0),
        lambda part: optax.identity(),
        lambda step: 0.0 * step,
        mesh,
        batch_size=config.train.batch_size,
        microbatch=config.train.microbatch,
        seed=config.train.seed,
    )


def mesh_for(config: Config) -> Mesh:
    """All devices as the config lays them out; the first alone where this machine or the batch does not fit that."""
    import jax

    rows = config.train.microbatch or config.train.batch_size
    try:
        mesh = make_mesh(config.mesh.data, config.mesh.fsdp, config.mesh.tensor)
    except ConfigError:
        return make_mesh(1, 1, 1, jax.devices()[:1])
    return mesh if rows % batch_shards(mesh) == 0 else make_mesh(1, 1, 1, jax.devices()[:1])


def _named(found: Evaluation, name: str, split: str, stored: Mapping[str, float] | None) -> Evaluation:
    """Other data stood in the place of validation; it is called what the user asked for."""
    if name == split:
        return dataclasses.replace(found, stored=stored)
    metrics = {split if key == name else key: value for key, value in found.metrics.items()}
    summaries = {split if key == name else key: value for key, value in found.summaries.items()}
    fairness = {**found.fairness, "split": split} if found.fairness else None
    return dataclasses.replace(
        found, split=split, metrics=metrics, summaries=summaries, stored=stored, fairness=fairness
    )


def _write(
    found: Evaluation,
    place: Workdir,
    config: Mapping[str, Any],
    about: Mapping[str, Any],
    source: Source,
    splits: Splits,
    data: str | None,
) -> None:
    """The files that a comparison reads of a workdir; the last one says that it is whole."""
    clean = about.get("near_duplicate_ids", {}) if data is None else {}
    write_json(place.config, dict(config))
    write_json(
        place.data,
        {
            **{name: about[name] for name in ("task", "problem", "labels")},
            "source": source.spec,
            "files": [dataclasses.asdict(file) for file in source.files],
            "fingerprint": fingerprint(splits),
            "near_duplicate_ids": clean,
            "near_duplicate_clusters": {found.split: near_duplicate_clusters(source)},
        },
    )
    write_json(place.evaluation, dict(found.summaries))
    if found.fairness is not None:
        write_json(place.fairness, {found.split: found.fairness})
    if found.predictions is not None:
        write_lines(place.predictions(found.split), found.predictions)
    origin = provenance(int(config["train"]["seed"]), code_state(), {"data": fingerprint(splits)})
    record = {"status": "completed", "evaluated": found.model, "final": dict(found.metrics)}
    write_json(place.run, {**record, "provenance": origin})
