"""A bias figure of a finished run attributed to its training rows and their sources, beside two simpler searches."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from amharic_tl.config import Config, build_config, flatten
from amharic_tl.data.batches import Batches, BatchPlan, classification_fields
from amharic_tl.data.long_text import KEEP
from amharic_tl.data.rows import Source
from amharic_tl.data.sources import read_source
from amharic_tl.data.splits import Splits, columns_of
from amharic_tl.data.tokenizer import encode, load_tokenizer
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import BadInputError, CannotCreateError, ConfigError, MissingInputError
from amharic_tl.models.interchange.adapter_folder import tokenizer_folder
from amharic_tl.models.interchange.locate import locate
from amharic_tl.records.files import read_lines, read_object, write_json, write_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.assembly import kind_of_rows
from amharic_tl.run.evaluation import check_own_model, splits_of
from amharic_tl.run.trajectory import Trajectory, of_last_stage
from amharic_tl.safety.differentiable import differentiable_figure
from amharic_tl.safety.operator import SwapOperator
from amharic_tl.studies.attribution.ranking import Intervals, by_source, order_of, over_parts, overlap, stability
from amharic_tl.studies.attribution.request import Request, keep_request, worst_figure
from amharic_tl.studies.attribution.rivals import embeddings, keyword_and_label, nearest
from amharic_tl.studies.attribution.scoring import Scoring
from amharic_tl.tasks.prepared import Prepared
from amharic_tl.tasks.registry import prepare
from amharic_tl.training.influence import Influence, bytes_needed
from amharic_tl.training.interruption import Interruption

METHOD = (
    "TracInCP (Pruthi et al. 2020): -sum over checkpoints of (learning rates since the one before) x <gradient of the "
    "figure, gradient of the row's loss>, exact, over all parameters that trained. Positive: learning from the row "
    "raised the figure. Plain gradient descent is assumed; scores have no unit and rank rows"
)
INTERVAL = "95%, Student's t over parts of the figure's items; of one row or source, not of the choice of the first"


@dataclass(frozen=True)
class Attribution:
    """What came out.

    Attributes:
      about: what attribution.json holds.
      lines: what attribution.jsonl holds, the highest score first.
      folder: where both are.
    """

    about: dict[str, Any]
    lines: list[dict[str, Any]]
    folder: Path


def attribute(
    workdir: Path, request: Request, interruption: Interruption | None = None, say: Callable[[str], None] = print
) -> Attribution:
    """Scores every training row of a run.

    Args:
      workdir: of a finished run that classifies and watches an axis.
      request: which figure, and how.
      interruption: asks whether to stop; what is done is kept.
      say: tells the user what is ahead.

    Raises:
      AmharicTLError: no such run, its data has changed, a task or figure that has no gradient, results that are there.
      Preempted: told to stop.
    """
    began = time.monotonic()
    place = Workdir(workdir)
    config, record = _finished(place)
    name = request.figure or worst_figure(read_lines(place.safety))
    folder = place.attribution / str(name).replace("/", "-")
    if (folder / "attribution.json").exists():
        raise CannotCreateError(f"{folder} holds the attribution of {name} already; read it, or move it away")
    splits, _ = splits_of(config, read_object(place.data), "validation", None)
    base = of_last_stage(config, place, record)
    tokenizer = load_tokenizer(tokenizer_folder(locate(base.model.path)))
    prepared = prepare(config, splits, tokenizer)
    operator = SwapOperator(config.safety.pack, config.safety.axes or (), config.safety.held_out_groups)
    positive = config.safety.positive_labels or ()
    figure = differentiable_figure(name, splits.validation.rows, operator, positive)
    sources = _sources(config, splits, request.source)
    trajectory = Trajectory(place, config, prepared, splits, make_mesh(1, 1, 1, jax.devices()[:1]), record)
    parts = figure.parts(request.parts)
    keep_request(folder, {
        "figure": str(name), "parts": len(parts), "batch": request.batch,
        "fingerprint": read_object(place.data)["fingerprint"],
        "steps": [one.step for one in trajectory.snapshots], "rows": len(splits.train.rows),
    })  # fmt: skip
    say(
        f"{name}: {len(figure.items):,} items in {figure.clusters:,} near-duplicate clusters; checkpoints of steps "
        + ", ".join(f"{one.step:,}" for one in trajectory.snapshots)
    )
    harm = np.asarray([label in positive for label in splits.labels])
    texts = [text for item in figure.items for text in item.texts]
    encoded = encode(tokenizer, texts, config.data.max_length, keep=KEEP[config.data.long_text])
    scoring = Scoring(
        trajectory,
        Influence(trajectory.graphdef, prepared.task, harm, absolute=figure.absolute),
        figure,
        encoded,
        parts,
        _batches(config, splits, prepared, tokenizer.pad_token_id, request.batch),
        len(splits.train.rows),
        tokenizer.pad_token_id,
        folder,
        interruption or Interruption(),
        say,
    )
    scores, checkpoints = scoring.run()
    last = trajectory.parameters(trajectory.snapshots[-1].step)
    rows_NH, texts_MH = (
        embeddings(trajectory.graphdef, last, ids, tokenizer.pad_token_id, config.data.max_length)
        for ids in (prepared.encoded["train"].ids, encoded.ids)
    )
    near = nearest(rows_NH, texts_MH)
    words = keyword_and_label(splits.train.rows, operator, name, positive)
    lines = _lines(splits.train, sources, over_parts(scores, parts), words, near)
    about = {
        "figure": str(name), "method": METHOD, "interval": INTERVAL, "items": len(figure.items),
        "clusters": figure.clusters, "parts": len(parts), "checkpoints": checkpoints, "rows": len(lines),
        "source": request.source or "file", "unreviewed": operator.rests_on_unreviewed(name.axis),
        "sources": by_source(scores, parts, sources), "stability": stability(scores, parts, request.top),
        "rivals": _rivals(scores, words, near, request.top), "top": lines[: request.top],
        "memory_bytes": bytes_needed(last[0], len(parts)), "seconds": round(time.monotonic() - began, 1),
    }  # fmt: skip
    write_lines(folder / "attribution.jsonl", lines)
    write_json(folder / "attribution.json", about)  # last: a folder with it is whole
    for path in folder.glob("scores-*.npz"):
        path.unlink()
    return Attribution(about, lines, folder)


def _finished(place: Workdir) -> tuple[Config, dict[str, Any]]:
    if not place.run.exists():
        raise MissingInputError(f"{place.root} is not a workdir: expected {place.run}")
    record = read_object(place.run)
    check_own_model(place, record)
    if record.get("status") != "completed":
        raise MissingInputError(f"{place.root}: the run is {record.get('status')!r}; go on with it first")
    config = build_config(flatten(read_object(place.config)))
    if config.task.kind != "sequence-classification" or config.task.problem != "single-label":
        raise ConfigError(
            f"{place.root}: a run for {config.task.kind} ({config.task.problem}) has no bias figure with a gradient; "
            "attribution needs sequence-classification with one label a text"
        )
    if config.data.long_text == "windows":
        raise ConfigError(f"{place.root}: texts were cut into windows (config.data.long_text), whose losses are shared")
    if not config.safety.axes:
        raise ConfigError(f"{place.root}: the run watched no axis (config.safety.axes), so that it has no bias figure")
    return config, record


def _batches(config: Config, splits: Splits, prepared: Prepared, pad: int, rows: int) -> Batches:
    """Every training row once, in the order of the file."""
    ids = prepared.encoded["train"].ids
    plan = BatchPlan(np.asarray([len(of) for of in ids]), rows, None, limit=config.data.max_length)
    return Batches(plan, ids, pad, classification_fields(splits.label_ids(splits.train)))


def _sources(config: Config, splits: Splits, column: str | None) -> list[str]:
    """Where each training row comes from: its file's name, or what a column of it says."""
    if column is None:
        return [Path(row.file).name for row in splits.train.rows]
    columns = dataclasses.replace(columns_of(config.data, **kind_of_rows(config)), group=column)
    read = read_source(config.data.train or "", columns, config.data.format, config.data.quoting)
    of_row = {row.id: row.group for row in read.rows}
    found = [of_row.get(row.id) for row in splits.train.rows]
    if not any(found):
        raise BadInputError(f"--source: no training row says anything in the column {column!r}")
    return [one or "(none)" for one in found]


def _lines(
    train: Source, sources: Sequence[str], found: Intervals, words: np.ndarray, near: np.ndarray
) -> list[dict[str, Any]]:
    order = order_of(found.value)
    rank_near = np.argsort(order_of(near))
    return [
        {
            "rank": place + 1,
            "id": train.rows[row].id,
            "source": sources[row],
            "label": train.rows[row].label,
            "score": float(found.value[row]),
            "ci_low": float(found.low[row]),
            "ci_high": float(found.high[row]),
            "names_group": bool(words[row] > 0),
            "keyword_and_label": bool(words[row] == 2),
            "nearest": float(near[row]),
            "nearest_rank": int(rank_near[row]) + 1,
        }
        for place, row in enumerate(order.tolist())
    ]


def _rivals(scores: np.ndarray, words: np.ndarray, near: np.ndarray, top: int) -> dict[str, Any]:
    """How far the other two searches agree with the gradients, and with each other, on the first rows."""
    orders = {"gradients": order_of(scores.sum(axis=1)), "keyword": order_of(words), "nearest": order_of(near)}
    k = min(top, len(words))
    return {
        "k": k,
        "rows_with_keyword_and_label": int((words == 2).sum()),
        "keyword_and_label": {name: float((words[order[:k]] == 2).mean()) for name, order in orders.items()},
        "overlap_with_gradients": {
            name: overlap(orders["gradients"], orders[name], k) for name in ("keyword", "nearest")
        },
    }
