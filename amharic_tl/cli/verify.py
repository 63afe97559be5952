"""``amharic-tl verify``: how far our outputs are from Hugging Face's, on one's own checkpoint."""

from __future__ import annotations

from collections.abc import Sequence

from amharic_tl.cli.arguments import UsageError, parse
from amharic_tl.errors import BadInputError

HELP = """usage: amharic-tl verify MODEL [--text TEXT] [--task TASK]

Runs MODEL (a directory, a bundled base or a hub id) here and in Hugging Face's torch class, both in float32, and prints
the largest difference layer by layer: hidden states, then logits. Needs torch: pip install 'amharic-tl[oracle]'.

  --text  what to run it on; default: two Amharic sentences
  --task  whose head is compared, where config.json does not say (architectures); backbone for none

Exits with 0 where every output is within the tolerance (1e-4, or 1e-5 of the largest value), with 65 otherwise.
"""
WORDS = ("MODEL",)
OPTIONS = ("text", "task")


def main(arguments: Sequence[str]) -> int:
    """Runs the verb."""
    parsed = parse(arguments, OPTIONS, words=WORDS)
    if parsed.help:
        print(HELP)
        return 0
    if "MODEL" not in parsed.options:
        raise UsageError("the model is missing, for example amharic-tl verify path/to/model")
    from amharic_tl.models.interchange.verify import verify

    found = verify(parsed.options["MODEL"], parsed.options.get("text"), parsed.options.get("task"))
    for line in found.lines():
        print(line)
    return 0 if found.within else BadInputError.exit_code
