"""A stored model written again: in another format, precision or shard size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError, ConfigError, name_some
from amharic_tl.models import from_pretrained, save_pretrained
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.models.registry import task_of

BACKBONE = "backbone"


def export(
    model: str,
    output: Path,
    *,
    format: Any,
    dtype: str | None,
    max_shard_bytes: int,
    task: str | None,
) -> list[str]:
    """Writes ``model`` to ``output``.

    Args:
      model: a directory, a bundled base or a hub id.
      output: a directory other than the model's.
      format: ``safetensors`` or ``flax``.
      dtype: of the written weights; None keeps each parameter's own.
      max_shard_bytes: a larger model is split.
      task: whose head is kept; ``backbone`` for none; None for the one that config.json names.

    Returns:
      Lines that say what was written and what was left aside.

    Raises:
      ConfigError: the output is the model itself, or an unknown format, dtype or task.
      BadInputError: the checkpoint lacks the head; a head drawn at random would pass for a trained one.
      AmharicTLError: whatever else :func:`from_pretrained` and :func:`save_pretrained` refuse.
    """
    folder = locate(model)
    if output.exists() and output.resolve() == folder.resolve():
        raise ConfigError(f"--output: {output} is the model itself; choose another directory")
    if task is None:
        task = task_of(read_config(folder), f"{folder}/config.json") or BACKBONE
    loaded = from_pretrained(str(folder), None if task == BACKBONE else task)
    report = loaded.load_report
    if report.newly_initialised:
        raise BadInputError(
            f"{folder} lacks {name_some(report.newly_initialised)}, which {task} needs; choose another --task, or "
            "train the model first"
        )
    save_pretrained(loaded, output, format, dtype=dtype, max_shard_bytes=max_shard_bytes, tokenizer_from=folder)
    lines = [f"{path.name}  {path.stat().st_size:,} bytes" for path in sorted(output.iterdir()) if path.is_file()]
    if report.dropped:
        lines.append(f"left aside, since {task} does not use them: {name_some(report.dropped)}")
    return [*lines, f"read {report.source}; wrote {output}"]
