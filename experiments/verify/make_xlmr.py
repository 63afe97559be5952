"""A checkpoint of XLM-R base's full size, 250,002 tokens, with random weights: ``make_xlmr.py DIRECTORY`` (1.1 GB)."""

from __future__ import annotations

import sys

import jax
import numpy as np
from flax import nnx

import amharic_tl as atl

CONFIG = {
    "model_type": "xlm-roberta", "vocab_size": 250_002, "hidden_size": 768, "num_hidden_layers": 12,
    "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 514, "type_vocab_size": 1,
    "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "layer_norm_eps": 1e-5, "initializer_range": 0.05,
}  # fmt: skip


def jitter(leaf: jax.Array, generator: np.random.Generator) -> jax.Array:
    """Norms and biases moved away from 1 and 0, so that none of them could be left out unnoticed."""
    is_matrix = leaf.ndim == 3 or leaf.size > 10**6
    return leaf if is_matrix else (leaf + generator.normal(0, 0.1, leaf.shape)).astype(leaf.dtype)


if __name__ == "__main__":
    model = atl.from_config(CONFIG, "masked-lm", seed=0)
    generator = np.random.default_rng(1)
    nnx.update(model, jax.tree.map(lambda leaf: jitter(leaf, generator), nnx.state(model)))
    atl.save_pretrained(model, sys.argv[1])
