"""``amharic-tl export``: a model in the other format, precision or shard size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from amharic_tl.cli.arguments import UsageError, parse, require

if TYPE_CHECKING:
    from amharic_tl.models.interchange.write import Format

HELP = """usage: amharic-tl export MODEL --output DIR [--format safetensors|flax | --adapter] [--dtype DTYPE]
                         [--max-shard-size 5GB] [--task TASK]

Writes MODEL (a directory, a bundled base or a hub id) as a Hugging Face directory: config.json, weights, tokenizer,
generation_config.json. Without --dtype, weights keep their bits. MODEL may be a LoRA adapter in the format of the PEFT
library, which is merged into its base, or the workdir of a run: its adapter where it trained one, else its export.

  --adapter         the adapter alone, as the PEFT library loads it, instead of the merged model
  --format          safetensors (default; torch's names) or flax (flax_model.msgpack, Flax's names)
  --dtype           of the written weights: float32, bfloat16 or float16; default: each as it is stored
  --max-shard-size  a larger model is split into files of at most this size, with an index: 500MB, 5GB (default), 2GiB
  --task            which head is kept, where config.json does not say (architectures): masked-lm, causal-lm,
                    seq2seq-lm, sequence-classification, token-classification, ...; backbone for none
"""
WORDS = ("MODEL",)
OPTIONS = ("output", "format", "dtype", "max-shard-size", "task")
FLAGS = ("adapter",)
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, flags=FLAGS, words=WORDS)
    if parsed.help:
        print(HELP)
        return 0
    if "MODEL" not in parsed.options:
        raise UsageError("the model is missing, for example amharic-tl export path/to/model --output copy")
    options = parsed.options
    output = Path(require(options, "output", "copy"))
    if "adapter" in options and "format" in options:
        raise UsageError("--adapter writes the format of the PEFT library; leave out --format")
    limit = size_of(options.get("max-shard-size", "5GB"))

    from amharic_tl.models.interchange.export import export

    for line in export(
        options["MODEL"],
        output,
        format="peft" if "adapter" in options else cast("Format", options.get("format", "safetensors")),
        dtype=options.get("dtype"),
        max_shard_bytes=limit,
        task=options.get("task"),
    ):
        print(line)
    return 0


def size_of(text: str) -> int:
    """Bytes: ``500MB``, ``1.5GiB``, ``1000``.

    Raises:
      UsageError: anything else, or nothing.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]I?B)?", text.strip().upper())
    size = int(float(found[1]) * _UNITS[found[2] or ""]) if found else 0
    if size < 1:
        raise UsageError(f"--max-shard-size: expected a size such as 500MB or 5GB, found {text!r}")
    return size
