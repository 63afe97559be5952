"""How long a training step takes to compile with 4 layers and with 24: layers are scanned, so it should hardly differ.

    python benchmarks/compile.py [--rounds 1]   # benchmarks/compile.txt keeps what it printed

Every round compiles each in a process of its own, one after the other; tracing, lowering and XLA are the time, loading
is not. No compilation cache is used.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from environment import describe

BOUND = 1.3
LAYERS = (4, 24)
ROWS, LENGTH, VOCABULARY = 8, 64, 1000


def config(family: str, layers: int) -> dict[str, Any]:
    """A narrow model: how wide it is changes little."""
    return {
        "roberta": {
            "model_type": "roberta", "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 128,
            "num_hidden_layers": layers, "num_attention_heads": 4, "max_position_embeddings": 130,
            "type_vocab_size": 1, "pad_token_id": 1,
        },
        "llama": {
            "model_type": "llama", "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 128,
            "num_hidden_layers": layers, "num_attention_heads": 4, "num_key_value_heads": 2,
        },
        "gemma3_text": {
            "model_type": "gemma3_text", "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 128,
            "num_hidden_layers": layers, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
            "sliding_window": 16, "query_pre_attn_scalar": 16,
        },
        "t5": {
            "model_type": "t5", "vocab_size": VOCABULARY, "d_model": 64, "d_kv": 16, "d_ff": 128, "num_heads": 4,
            "num_layers": layers, "decoder_start_token_id": 0, "pad_token_id": 0,
        },
    }[family]  # fmt: skip


FAMILIES = {"roberta": "masked-lm", "llama": "causal-lm", "gemma3_text": "causal-lm", "t5": "seq2seq-lm"}
METHODS = ("full", "top-layers")


def measure(family: str, layers: int, method: str) -> float:
    """Seconds to compile the training step, in this process."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    import amharic_tl as atl
    from amharic_tl.config import build_config
    from amharic_tl.distributed.mesh import make_mesh
    from amharic_tl.tasks.causal_lm import CausalLM
    from amharic_tl.tasks.masked_lm import MaskedLM
    from amharic_tl.tasks.seq2seq_lm import Seq2SeqLM
    from amharic_tl.training.step import make_steps
    from amharic_tl.transfer.optimizers import make_optimizer
    from amharic_tl.transfer.plan import make_plan
    from amharic_tl.transfer.schedules import make_schedule

    kind = FAMILIES[family]
    kinds: dict[str, Any] = {"masked-lm": MaskedLM, "causal-lm": CausalLM, "seq2seq-lm": Seq2SeqLM}
    task = kinds[kind](np.ones(VOCABULARY))
    top = {"transfer.trainable_layers": 2} if method == "top-layers" else {}
    settings = build_config({"transfer.method": method, **top})
    model = atl.from_config(config(family, layers), kind)
    plan = make_plan(model, settings.transfer, 0.01)
    plan.regroup(model)
    steps = make_steps(
        model, task, plan, lambda trainable: make_optimizer(settings.optim, plan, trainable),
        make_schedule(settings.optim, 100), make_mesh(1, 1, 1, jax.devices()[:1]),
        batch_size=ROWS, microbatch=None, seed=0,
    )  # fmt: skip
    whole = jnp.ones((ROWS, LENGTH), jnp.int32)
    names = ("input_ids", "attention_mask", "segment_ids", "positions", "labels")
    batch = {**dict.fromkeys(names, whole), "weights": whole.astype(jnp.float32)}
    if kind == "masked-lm":
        batch |= {name: batch[name][:, :16] for name in ("labels", "weights")}
        batch["masked_positions"] = whole[:, :16]
    began = time.perf_counter()
    steps.train.lower(steps.state, batch).compile()
    return time.perf_counter() - began


def in_a_process(family: str, layers: int, method: str) -> float:
    """:func:`measure` in a process of its own."""
    command = [sys.executable, __file__, "--measure", family, str(layers), method]
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return float(json.loads(done.stdout))


def main() -> int:
    """Returns 1 where a ratio is beyond the bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        family, layers, method = arguments.measure
        print(json.dumps(measure(family, int(layers), method)))
        return 0
    few, many = LAYERS
    print(describe("flax", "optax"))
    print(f"{arguments.rounds} rounds interleaved, medians; bound of the ratio {BOUND}")
    print(f"{'family':12} {'trains':10} {few:>3} layers {many:>6} layers  ratio [range]")
    worst = 0.0
    for family in FAMILIES:
        for method in METHODS:
            rounds = [
                (in_a_process(family, few, method), in_a_process(family, many, method)) for _ in range(arguments.rounds)
            ]
            ratios = sorted(second / first for first, second in rounds)
            first, second = (statistics.median(column) for column in zip(*rounds, strict=True))
            worst = max(worst, statistics.median(ratios))
            print(
                f"{family:12} {method:10} {first:8.2f} s {second:11.2f} s  {statistics.median(ratios):.2f} "
                f"[{ratios[0]:.2f}, {ratios[-1]:.2f}]",
                flush=True,
            )
    return 0 if worst <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
