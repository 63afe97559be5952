"""``amharic-tl VERB ...``: finds the verb, runs it, and turns errors into one sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from amharic_tl import __version__
from amharic_tl.cli.outcome import outcome

# Verb -> (module with main(arguments) -> exit code, what it does). Only verbs that work are listed.
VERBS = {
    "train": ("amharic_tl.cli.train", "transfer a pretrained model to a task, or pretrain one; resumes a workdir"),
    "launch": ("amharic_tl.cli.launch", "a file that starts a run on SLURM, Kubernetes (JobSet) or TPU VMs"),
    "sweep": ("amharic_tl.cli.sweep", "many runs from one spec: run, status, resume, stop, report"),
    "evaluate": ("amharic_tl.cli.evaluate", "score a finished run again, or compare systems on the same items"),
    "audit": ("amharic_tl.cli.audit", "look at data before anything learns from it: leaks, shortcuts, shift, groups"),
    "probe": ("amharic_tl.cli.probe", "check a culture pack, or probe a checkpoint with one"),
    "cross-validate": (
        "amharic_tl.cli.cross_validate",
        "train and test on folds of all rows, with near-duplicates kept together",
    ),
    "normalise": ("amharic_tl.cli.normalise", "a copy of a file in which spellings, marks or numerals are made one"),
    "label-shift": (
        "amharic_tl.cli.label_shift",
        "how labels lie in unlabelled rows; predictions corrected for it",
    ),
    "layers": ("amharic_tl.cli.layers", "which layers of a fine-tuned model moved away from its base"),
    "attribute": ("amharic_tl.cli.attribute", "which training rows, and which data source, carry a bias figure"),
    "select-base": (
        "amharic_tl.cli.select_base",
        "which pretrained model to transfer: gates, scores, a check of the scores",
    ),
    "plan": (
        "amharic_tl.cli.plan",
        "what a run would need of a TPU slice or GPUs that are not here: memory, time, cost",
    ),
    "bench": ("amharic_tl.cli.bench", "how fast a config trains here: tokens a second, MFU, memory, waiting for data"),
    "generate": ("amharic_tl.cli.generate", "continue, translate or rewrite texts with a model"),
    "vocabulary": ("amharic_tl.cli.vocabulary", "extend, replace, trim or audit a tokenizer and the model's tables"),
    "export": ("amharic_tl.cli.export", "write a model as safetensors or Flax msgpack for Hugging Face"),
    "average": (
        "amharic_tl.cli.average",
        "average a run with its pretrained base, or several runs, and score the result",
    ),
    "rate-range": ("amharic_tl.cli.rate_range", "between which learning rates the loss of a run falls"),
    "report": ("amharic_tl.cli.report", "write report.html of a workdir anew"),
    "reproduce": ("amharic_tl.cli.reproduce", "repeat a study, or check what is kept of it against what it claims"),
    "verify": ("amharic_tl.cli.verify", "compare a model's outputs with Hugging Face's torch class, layer by layer"),
}

USAGE = 2


def usage() -> str:
    """The text of ``amharic-tl --help``."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:<{width}}  {what}" for verb, (_, what) in VERBS.items())
    return f"""amharic-tl {__version__}: transfer learning of language models to Amharic

usage: amharic-tl VERB [options]

{verbs}

Each verb has its own help: amharic-tl train --help

Exit codes: 0 done; 2 wrong usage; 78 wrong config, or a workdir of another config; 66 an input is absent;
65 an input is wrong, or stopped by data.gates; 77 an input is unsafe; 73 disk full or cannot create;
74 other input/output; 71 stopped for non-finite values; 75 interrupted and saved, the same command goes on;
70 a bug of ours.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a verb and returns the exit code. Errors meant for the user are printed as a sentence, no traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if arguments else USAGE
    if arguments[0] == "--version":
        print(__version__)
        return 0
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        import difflib

        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the verbs are {', '.join(VERBS)}"
        print(f"amharic-tl: there is no verb {verb!r}; {hint}", file=sys.stderr)
        return USAGE
    return outcome(verb, lambda: importlib.import_module(VERBS[verb][0]).main(rest))


# The verbs that compare with Hugging Face's own classes.
WITH_TORCH = ("verify",)


def _prepare_process() -> None:
    """What only a process of our own may set: tokenizers warn of forks, and transformers imports torch where it is."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it advises to install torch
    if sys.argv[1:2] not in [[verb] for verb in WITH_TORCH]:
        os.environ.setdefault("USE_TORCH", "0")


def entry_point() -> None:
    """The console script."""
    _prepare_process()
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output went away (as in `| head`); nothing is wrong here.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


if __name__ == "__main__":
    entry_point()
