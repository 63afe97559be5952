"""``amharic-tl generate``: a text continued on the terminal as it is written, or a file of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from amharic_tl.cli.arguments import Arguments, UsageError, parse

HELP = """usage: amharic-tl generate MODEL --prompt TEXT [options]
       amharic-tl generate MODEL --input FILE --output FILE.jsonl [options]

MODEL (a directory, a bundled base or a hub id) continues a text, or translates or rewrites it where it has an encoder.

  --prompt              a text; what is written appears as it is written
  --input, --output     a text in each line of a file, and where the results go, a JSON object a line; the same command
                        goes on where it was interrupted
  --max-new-tokens      how many tokens at most (default 64)
  --temperature         draws tokens, from logits divided by this (without it and the next two, the likeliest)
  --top-k, --top-p      draws from the k likeliest tokens; from the likeliest that together have probability p
  --repetition-penalty  above 1, makes tokens that are there already less likely
  --num-beams           beam search (its text appears at the end)
  --length-penalty      the power of its length that a beam's score is divided by (default 1)
  --seed                of drawn tokens (default 0)
  --source-language, --target-language
                        where the tokenizer marks languages (NLLB, mBART, M2M100): eng_Latn, amh_Ethi
  --batch-size          rows of a file at once (default 8)
  --dtype               of weights and products: float32 or bfloat16; default: as stored
"""
WORDS = ("MODEL",)
# Option -> (setting of generation, what its value is).
SETTINGS = {
    "max-new-tokens": ("max_new_tokens", int),
    "temperature": ("temperature", float),
    "top-k": ("top_k", int),
    "top-p": ("top_p", float),
    "repetition-penalty": ("repetition_penalty", float),
    "num-beams": ("num_beams", int),
    "length-penalty": ("length_penalty", float),
    "seed": ("seed", int),
}
OPTIONS = ("prompt", "input", "output", *SETTINGS, "source-language", "target-language", "batch-size", "dtype")


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, words=WORDS)
    if parsed.help:
        print(HELP)
        return 0
    options = parsed.options
    if "MODEL" not in options:
        raise UsageError("the model is missing, for example amharic-tl generate path/to/model --prompt=ሰላም")
    if ("prompt" in options) == ("input" in options):
        raise UsageError("give either --prompt=TEXT or --input=FILE")
    if ("input" in options) != ("output" in options):
        raise UsageError("--input=FILE and --output=FILE.jsonl go together")
    settings: dict[str, Any] = {"max_new_tokens": 64}
    settings |= {name: _number(parsed, option, kind) for option, (name, kind) in SETTINGS.items() if option in options}
    batch_size = _number(parsed, "batch-size", int) if "batch-size" in options else 8
    if batch_size < 1:
        raise UsageError("--batch-size: expected at least 1")

    from amharic_tl.models.generation_settings import GenerationSettings

    GenerationSettings.checked(settings)  # before anything is loaded
    from amharic_tl.models.text_generation import TextGenerator

    def load() -> TextGenerator:
        return TextGenerator.load(
            options["MODEL"],
            dtype=options.get("dtype"),
            source_language=options.get("source-language"),
            target_language=options.get("target-language"),
            named=("--source-language", "--target-language"),
        )

    if "input" in options:
        about = {name: options.get(name) for name in ("MODEL", "dtype", "source-language", "target-language")}
        print(
            _write(load, Path(options["input"]), Path(options["output"]), batch_size, settings, about), file=sys.stderr
        )
    else:
        _show(load(), options["prompt"], settings)
    return 0


def _write(
    load: Callable[[], Any],
    source: Path,
    output: Path,
    batch_size: int,
    settings: dict[str, Any],
    about: dict[str, Any],
) -> str:
    """Writes a file of texts and shows how far it is; says what was done."""
    from amharic_tl.models.generated_file import write_file
    from amharic_tl.training.progress import Progress, duration

    progress, began = Progress(1), time.monotonic()

    def after_batch(before: int, written: int, rows: int) -> None:
        left = (time.monotonic() - began) / (written - before) * (rows - written)
        progress.note(f"{written:,} of {rows:,} rows, {duration(left)} left")

    try:
        before, rows = write_file(load, source, output, batch_size, settings, about, after_batch)
    finally:
        progress.close()
    if before == rows:
        return f"{output} is complete: {rows} rows"
    return f"wrote {rows - before} rows to {output} in {duration(time.monotonic() - began)}"


def _show(generator: Any, prompt: str, settings: dict[str, Any]) -> None:
    """Writes to standard output: a continuation behind its prompt, other texts by themselves."""
    if settings.get("num_beams", 1) > 1:
        pieces = iter(generator.write([prompt], **settings))
    else:
        pieces = generator.stream(prompt, **settings)
    if not generator.has_encoder:
        sys.stdout.write(prompt)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _number(parsed: Arguments, option: str, kind: type) -> Any:
    try:
        return kind(parsed.options[option])
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise UsageError(f"--{option}: expected {wanted}, found {parsed.options[option]!r}") from None
