"""Greedy generation beside Hugging Face's `generate` on the same weights: tokens per second, interleaved.

    python benchmarks/generate.py [--rounds 3] [--dtype float32]   # benchmarks/generate.txt keeps what it printed

Models of the shapes below are drawn at random, written, and loaded by both (torch is the extra `oracle`). Every round
times one call of each, one after the other, after a call that compiles and warms up; both use all cores. No token ends
a text, so that both write the same number. Reported: the median of each and of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from environment import describe

SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama 12 x 512, 32k tokens": (
        "causal-lm",
        {
            "model_type": "llama", "vocab_size": 32_000, "hidden_size": 512, "intermediate_size": 1536,
            "num_hidden_layers": 12, "num_attention_heads": 8, "num_key_value_heads": 4,
            "max_position_embeddings": 2048, "tie_word_embeddings": True,
        },
    ),
    "t5 8 + 8 x 512, 32k tokens": (
        "seq2seq-lm",
        {
            "model_type": "t5", "vocab_size": 32_128, "d_model": 512, "d_kv": 64, "d_ff": 1024, "num_layers": 8,
            "num_heads": 6, "feed_forward_proj": "gated-gelu", "decoder_start_token_id": 0, "pad_token_id": 0,
        },
    ),
    "m2m_100 6 + 6 x 512, 128k tokens": (
        "seq2seq-lm",
        {
            "model_type": "m2m_100", "vocab_size": 128_112, "d_model": 512, "encoder_layers": 6, "decoder_layers": 6,
            "encoder_attention_heads": 8, "decoder_attention_heads": 8, "encoder_ffn_dim": 2048,
            "decoder_ffn_dim": 2048, "max_position_embeddings": 1024, "decoder_start_token_id": 2,
        },
    ),
}  # fmt: skip
BATCHES = (1, 8)
PROMPT, NEW = 32, 64


def ours(folder: Path, task: str, dtype: str) -> Callable[[np.ndarray], np.ndarray]:
    """A call of :func:`amharic_tl.generate`."""
    import amharic_tl as atl

    model = atl.from_pretrained(str(folder), task, dtype=dtype)
    return lambda ids: atl.generate(model, ids, max_new_tokens=NEW, eos_token_id=[])


def theirs(folder: Path, task: str, dtype: str) -> Callable[[np.ndarray], np.ndarray]:
    """A call of Hugging Face's ``generate`` with its default attention."""
    import torch
    import transformers

    kind = transformers.AutoModelForCausalLM if task == "causal-lm" else transformers.AutoModelForSeq2SeqLM
    model = kind.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    settings = {"min_new_tokens": NEW, "max_new_tokens": NEW, "do_sample": False, "num_beams": 1, "eos_token_id": None}

    def call(ids: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            tensor = torch.from_numpy(ids.astype(np.int64))
            return np.asarray(model.generate(tensor, attention_mask=torch.ones_like(tensor), **settings))

    return call


def compare(name: str, rounds: int, dtype: str) -> None:
    """Prints a line for each batch size."""
    import amharic_tl as atl

    task, config = SHAPES[name]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        atl.save_pretrained(atl.from_config(config, task), folder)
        both = (ours(folder, task, dtype), theirs(folder, task, dtype))
        for batch in BATCHES:
            ids = np.random.default_rng(0).integers(5, config["vocab_size"] - 5, (batch, PROMPT))
            first, second = (call(ids) for call in both)
            same = first.shape == second.shape and float((first == second).mean())
            seconds: list[tuple[float, ...]] = []
            for _ in range(rounds):
                taken = []
                for call in both:
                    began = time.perf_counter()
                    call(ids)
                    taken.append(time.perf_counter() - began)
                seconds.append(tuple(taken))
            speeds = [batch * NEW / statistics.median(column) for column in zip(*seconds, strict=True)]
            ratios = sorted(other / own for own, other in seconds)
            print(
                f"{name:34} {batch:5} {speeds[0]:10.0f} {speeds[1]:12.0f} {statistics.median(ratios):8.2f} "
                f"[{ratios[0]:.2f}, {ratios[-1]:.2f}]  {same:.3f}",
                flush=True,
            )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--only", default="", help="models whose name holds this")
    arguments = parser.parse_args()
    print(describe("torch", "transformers"))
    print(
        f"{arguments.dtype}, prompt {PROMPT}, {NEW} new tokens, greedy, {arguments.rounds} rounds interleaved, seed 0; "
        "ratio above 1: faster than Hugging Face"
    )
    print(f"{'model':34} {'batch':>5} {'tokens/s':>10} {'HF tokens/s':>12} {'ratio':>8} [range]  equal tokens")
    for name in SHAPES:
        if arguments.only in name:
            compare(name, arguments.rounds, arguments.dtype)


if __name__ == "__main__":
    main()
