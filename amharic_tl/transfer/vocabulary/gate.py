"""New rows of a table must be pretrained before a task is learned: what asks for it, and what checks it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from amharic_tl.errors import AmharicTLError, ConfigError
from amharic_tl.records.files import read_object

RECORD = "vocabulary.json"
# What a record says of further pretraining.
WANTED, DECLINED, NOT_NEEDED = "wanted", "declined", "not needed"
LANGUAGE_MODELLING = ("masked-lm", "causal-lm")


def check_pretrained(folder: Path, kind: str, objective: str = "") -> None:
    """Refuses to learn a task on a model whose new rows have not been trained.

    What further pretraining exports has no such record, so the refusal ends by itself.

    Args:
      folder: of the model.
      kind: ``task.kind`` of the run.
      objective: ``task.objective``; span corruption is pretraining too.

    Raises:
      ConfigError: the model's vocabulary was extended or replaced, and its rows are still as they were initialised.
    """
    pretraining = kind in LANGUAGE_MODELLING or (kind, objective) == ("seq2seq-lm", "span-corruption")
    if pretraining or not (folder / RECORD).is_file():
        return
    try:
        record: dict[str, Any] = read_object(folder / RECORD)
    except AmharicTLError:  # a file of somebody else's
        return
    if record.get("further_pretraining") == WANTED:
        raise ConfigError(
            f"config.model.path: the vocabulary of {folder} was changed ({record.get('action')}), and its new rows are "
            f"not trained yet; a task learned on them does worse than on the old model. First: {record.get('next')}. "
            "To do without, as a control, make the model again with --without-pretraining"
        )


def next_command(folder: Path, task: str | None, text: str) -> str:
    """What to type for the further pretraining of a model."""
    path, source = shlex.quote(str(folder)), shlex.quote(text)
    preset = {"causal-lm": "causal", "seq2seq-lm": "span_corruption"}.get(task or "", "mlm")
    return (
        f"amharic-tl train --config {preset} --config.model.path={path} --config.data.train={source} "
        f"--workdir runs/pretrained"
    )
