"""The same work here and in HF transformers with torch: seconds a training step and extra memory, in one run.

    python benchmarks/compare_hf.py [--rounds 5] [--cases NAME ...]   # benchmarks/results/ keeps what it printed

The same shapes, batch, precision and real Amharic texts (headlines, padded to the longest of the batch), random
weights; dropout, AdamW and clipping on both sides. Steps of the two are timed in turn, round by round, in one process;
a ratio is the median of the rounds' ratios, with the lowest and the highest beside it, so that other load on the
machine falls on both. Extra memory is the peak of a process of its own, less what it held before the model was made and
less parameters, gradients of what trains, and moments (16 bytes a trained parameter, 4 another).

On an NVIDIA GPU two more are run: XLM-R-large and a causal model of 1B in bfloat16, with torch compiled.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the GPU is shared with torch

from arms import Case, Ours, Theirs, batch_of  # noqa: E402
from environment import describe  # noqa: E402


def xlm_r(hidden: int, layers: int, vocabulary: int = 250_002) -> dict[str, Any]:
    """A config.json of XLM-R's form."""
    return {
        "model_type": "xlm-roberta", "vocab_size": vocabulary, "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": hidden // 64, "intermediate_size": 4 * hidden, "max_position_embeddings": 514,
        "type_vocab_size": 1, "pad_token_id": 1,
    }  # fmt: skip


LLAMA_1B = {
    "model_type": "llama", "vocab_size": 128_256, "hidden_size": 2048, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 8192,
    "max_position_embeddings": 8192, "tie_word_embeddings": True, "pad_token_id": 1,
}  # fmt: skip
BASE = xlm_r(768, 12)
CASES = [
    Case("base-full", BASE, rows=16, aim=1.5),
    Case("base-top-quarter", BASE, rows=16, top=3, aim=1.2),
    Case("mlm-250k", BASE, kind="masked-lm", rows=16, aim=3.0),
    Case("small", xlm_r(256, 4, 16_384), rows=32),
]
MLM = CASES[2].name
ON_GPU = [
    Case("large-bf16", xlm_r(1024, 24), rows=32, length=256, dtype="bfloat16", texts="wiki", compiled=True),
    Case(
        "causal-1b-bf16", LLAMA_1B, kind="causal-lm", rows=4, length=1024, dtype="bfloat16", texts="wiki", compiled=True
    ),
]  # fmt: skip


def compare(case: Case, rounds: int) -> float:
    """Times both in turn and prints a line; returns the median ratio."""
    batch = batch_of(case)
    ours, theirs = Ours(case, batch), Theirs(case, batch)
    assert ours.parameters == theirs.parameters, (ours.parameters, theirs.parameters)
    assert ours.trains == theirs.trains, (ours.trains, theirs.trains)
    steps = 1 if ours.parameters > 50e6 else 5
    ours.seconds(1), theirs.seconds(1)
    pairs = []
    for number in range(rounds):  # whoever goes first changes
        arms = [ours, theirs] if number % 2 else [theirs, ours]
        found = {id(arm): arm.seconds(steps) for arm in arms}
        pairs.append((found[id(ours)], found[id(theirs)]))
    ratios = sorted(hf / mine for mine, hf in pairs)
    mine, hf = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    shape = "x".join(map(str, batch.ours["input_ids"].shape))
    ratio = statistics.median(ratios)
    aim = "" if case.aim is None else f"  aim {case.aim}: {'met' if ratio >= case.aim else 'missed'}"
    print(
        f"{case.name:18} {shape:>8} {batch.tokens:7,} {ours.trains / 1e6:7.1f}M {mine:9.3f} {hf:9.3f} "
        f"{batch.tokens / mine:10,.0f}  {ratio:5.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]  {ours.first:6.1f} "
        f"{theirs.first:6.1f}{aim}",
        flush=True,
    )
    return ratio


def memory_of(side: str, case: Case) -> None:
    """Run in a process of its own: prints its extra memory as JSON."""
    if side == "theirs":
        import torch  # noqa: F401
        import transformers  # noqa: F401
    else:
        import jax

        import amharic_tl.studies.plan.batch_shapes  # noqa: F401

        jax.devices()
    batch = batch_of(case)
    before = _peak()
    arm: Any = (Ours if side == "ours" else Theirs)(case, batch)
    arm.seconds(2)
    state = 4 * arm.parameters + 12 * arm.trains
    print(json.dumps({"extra": _peak() - before - state, "state": state}))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory(case: Case) -> None:
    """Prints the extra memory of both."""
    found = {}
    for side in ("ours", "theirs"):
        command = [sys.executable, __file__, "--memory-of", side, "--cases", case.name]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
        found[side] = json.loads(said)["extra"]
    share = found["ours"] / found["theirs"]
    print(
        f"{case.name}: extra memory, GB: {found['ours'] / 1e9:.2f} here, {found['theirs'] / 1e9:.2f} in HF: {share:.2f}"
        f"  aim a third: {'met' if share <= 1 / 3 else 'missed'}",
        flush=True,
    )


def main() -> int:
    """Returns 0: aims are said, not enforced, since machines differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", nargs="*", default=None)
    parser.add_argument("--memory-of", choices=("ours", "theirs"), default=None)
    arguments = parser.parse_args()
    import torch

    cases = CASES + (ON_GPU if torch.cuda.is_available() else [])
    cases = [case for case in cases if arguments.cases is None or case.name in arguments.cases]
    if arguments.memory_of is not None:
        memory_of(arguments.memory_of, cases[0])
        return 0
    print(describe("flax", "optax", "torch", "transformers"))
    if os.getloadavg()[0] > 0.5:
        print("a busy machine: other programmes took part of it, of both sides alike")
    print(
        f"{arguments.rounds} rounds in turn, medians; seconds a step; ratio: HF's seconds / ours, of the rounds\n"
        f"{'case':18} {'batch':>8} {'tokens':>7} {'trains':>8} {'ours':>9} {'HF':>9} {'tokens/s':>10}  "
        f"{'ratio [lowest, highest]':19}  first: ours, HF"
    )
    for case in cases:
        compare(case, arguments.rounds)
        gc.collect()
    if any(case.name == MLM for case in cases):
        memory(next(case for case in cases if case.name == MLM))
    return 0


if __name__ == "__main__":
    sys.exit(main())
