"""A file of texts, and what a model writes for each of them; goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from amharic_tl.data.delimited import lines_of
from amharic_tl.data.readers import read_text
from amharic_tl.errors import ConfigError
from amharic_tl.models.text_generation import TextGenerator
from amharic_tl.records.files import append_line, read_json, read_lines, write_json, write_lines


def write_file(
    load: Callable[[], TextGenerator],
    source: Path,
    output: Path,
    batch_size: int,
    settings: Mapping[str, Any],
    about: Mapping[str, Any],
    after_batch: Callable[[int, int, int], None] = lambda before, written, rows: None,
) -> tuple[int, int]:
    """Writes ``{"line": ..., "input": ..., "output": ...}`` for each line of ``source`` to ``output``, in order.

    A blank line becomes an empty output. Beside the output stands ``OUTPUT.settings.json``, by which a later call
    knows whether it may go on. Each batch draws its tokens by a seed of its own.

    Args:
      load: makes the generator; called only if there is something left to write.
      source: UTF-8 text, also ``.gz``.
      output: made, or gone on with where the same command was interrupted.
      batch_size: rows at once.
      settings: of generation.
      about: what else makes the same command: model, languages, precision.
      after_batch: told how many rows were there before, how many are now, and how many there will be.

    Returns:
      How many rows were there before, and how many there are.

    Raises:
      ConfigError: the output exists and is of another command.
      AmharicTLError: the source or the output cannot be read or written; the model refuses a text.
    """
    content = read_text(source)
    lines = list(lines_of(content.removesuffix("\n")))
    made = {
        **about,
        "settings": dict(settings),
        "batch_size": batch_size,
        "input_sha256": hashlib.sha256(content.encode("utf-8")).hexdigest(),
    }
    done = _done(output, made, len(lines), batch_size)
    if done >= len(lines):
        return len(lines), len(lines)
    generator = load()
    if not done:
        write_json(_beside(output), made)
    for start in range(done, len(lines), batch_size):
        batch = lines[start : start + batch_size]
        texts = [line for line in batch if line.strip()]
        seed = (int(settings.get("seed", 0)) + start) % 2**32
        written = iter(generator.write(texts, **{**settings, "seed": seed}) if texts else ())
        for number, line in enumerate(batch, start + 1):
            append_line(output, {"line": number, "input": line, "output": next(written) if line.strip() else ""})
        after_batch(done, start + len(batch), len(lines))
    return done, len(lines)


def _beside(output: Path) -> Path:
    return output.with_name(f"{output.name}.settings.json")


def _done(output: Path, made: Mapping[str, Any], rows: int, batch_size: int) -> int:
    """How many of the ``rows`` the output holds, in whole batches; half a batch is taken out, and drawn again."""
    beside = _beside(output)
    if not output.exists():
        return 0
    before = read_json(beside) if beside.exists() else None
    if before != json.loads(json.dumps(made)):
        raise ConfigError(
            f"{output} exists and was not written by this command (see {beside.name}); choose another --output"
        )
    records = read_lines(output)
    if len(records) == rows:
        return rows
    whole = len(records) // batch_size * batch_size
    write_lines(output, records[:whole])
    return whole
