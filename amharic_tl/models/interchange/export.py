"""A stored model written again: in another format, precision or shard size."""

from __future__ import annotations

from pathlib import Path

from amharic_tl.errors import BadInputError, ConfigError, MissingInputError, name_some
from amharic_tl.models import from_pretrained, save_pretrained
from amharic_tl.models.interchange.adapter_folder import is_adapter, model_config, tokenizer_folder
from amharic_tl.models.interchange.locate import locate
from amharic_tl.models.interchange.write import Format
from amharic_tl.models.registry import task_of
from amharic_tl.records.workdir import Workdir

BACKBONE = "backbone"


def export(
    model: str,
    output: Path,
    *,
    format: Format,
    dtype: str | None,
    max_shard_bytes: int,
    task: str | None,
) -> list[str]:
    """Writes ``model`` to ``output``.

    Args:
      model: a directory, a bundled base or a hub id, of a model or an adapter; or the workdir of a run, whose adapter
        is meant where it has one, otherwise its export.
      output: a directory other than the model's.
      format: ``safetensors`` or ``flax``, which merge an adapter; ``peft``: the adapter alone.
      dtype: of the written weights; None keeps each parameter's own.
      max_shard_bytes: a larger model is split.
      task: whose head is kept; ``backbone`` for none; None for the one that config.json names.

    Returns:
      Lines that say what was written and what was left aside.

    Raises:
      ConfigError: the output is the model itself, or an unknown format, dtype or task; ``peft`` of a model without
        an adapter.
      BadInputError: the checkpoint lacks the head; a head drawn at random would pass for a trained one.
      AmharicTLError: whatever else :func:`from_pretrained` and :func:`save_pretrained` refuse.
    """
    folder = _of_run(Path(model)) or locate(model)
    if output.exists() and output.resolve() == folder.resolve():
        raise ConfigError(f"--output: {output} is the model itself; choose another directory")
    if format == "peft" and not is_adapter(folder):
        raise ConfigError(f"--adapter: {folder} is a whole model; name an adapter, or a run that trained one")
    if task is None:
        task = task_of(model_config(folder), f"{folder}/config.json") or BACKBONE
    # What an adapter adds is rounded to the dtype that it is merged in.
    merge_in = dtype if is_adapter(folder) else None
    loaded = from_pretrained(str(folder), None if task == BACKBONE else task, dtype=merge_in)
    report = loaded.load_report
    if report.newly_initialised:
        raise BadInputError(
            f"{folder} lacks {name_some(report.newly_initialised)}, which {task} needs; choose another --task, or "
            "train the model first"
        )
    tokenizer = tokenizer_folder(folder)
    save_pretrained(loaded, output, format, dtype=dtype, max_shard_bytes=max_shard_bytes, tokenizer_from=tokenizer)
    lines = [f"{path.name}  {path.stat().st_size:,} bytes" for path in sorted(output.iterdir()) if path.is_file()]
    if report.dropped:
        lines.append(f"left aside, since {task} does not use them: {name_some(report.dropped)}")
    return [*lines, f"read {report.source}; wrote {output}"]


def _of_run(root: Path) -> Path | None:
    """What of a workdir is exported again; None for whatever is no workdir.

    Raises:
      MissingInputError: the run has neither adapter nor export.
    """
    place = Workdir(root)
    if not place.run.is_file():
        return None
    found = next((folder for folder in (place.adapter, place.export) if folder.is_dir()), None)
    if found is None:
        raise MissingInputError(f"{root} is a run without adapter/ and export/; it is not finished, or exports nothing")
    return found
