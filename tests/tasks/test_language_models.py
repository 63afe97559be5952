"""Losses of causal and sequence-to-sequence language models against the models' own logits."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.data.packing import pack
from amharic_tl.tasks.base import forward
from amharic_tl.tasks.causal_lm import CausalLM
from amharic_tl.tasks.seq2seq_lm import Seq2SeqLM

VOCABULARY = 37
LLAMA = {
    "model_type": "llama",
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 64,
    "initializer_range": 0.5,
}
GPT2 = {
    "model_type": "gpt2",
    "vocab_size": VOCABULARY,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 64,
    "initializer_range": 0.5,
}
T5 = {
    "model_type": "t5",
    "vocab_size": VOCABULARY,
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 24,
    "num_layers": 2,
    "num_heads": 2,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
    "eos_token_id": 1,
}


@pytest.mark.parametrize("config", [LLAMA, GPT2], ids=["llama", "gpt2"])
def test_a_packed_document_is_judged_as_if_it_stood_alone(config: dict[str, Any]) -> None:
    model = atl.from_config(config, "causal-lm", seed=1)
    generator = np.random.default_rng(0)
    found = [generator.integers(1, VOCABULARY, length).astype(np.int32) for length in (5, 9, 3, 7)]
    packed = pack(found, 24)
    batch: dict[str, Any] = {name: jnp.asarray(a) for name, a in packed.fields()(np.asarray([0]), 24, 0).items()}
    batch["input_ids"] = jnp.asarray(packed.rows[0])[None]
    batch["attention_mask"] = jnp.ones((1, 24), jnp.int32)
    task = CausalLM(np.arange(VOCABULARY))
    expected, characters = 0.0, 0
    for tokens in found:
        log_probs = jax.nn.log_softmax(model(jnp.asarray(tokens)[None]).logits[0])
        expected -= float(sum(log_probs[place, label] for place, label in enumerate(tokens[1:])))
        characters += int(tokens[1:].sum())
    outputs = forward(task, model, batch)
    assert float(task.loss(outputs, batch)) == pytest.approx(expected, rel=1e-4)
    gathered = {name: np.asarray(value) for name, value in task.evaluate(outputs, batch).items()}
    metrics = task.score(gathered)
    assert gathered["tokens"].sum() == 5 + 9 + 3 + 7 - 4
    assert metrics["loss"] == pytest.approx(expected / 20, rel=1e-4)
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["loss"]))
    assert metrics["bits_per_character"] == pytest.approx(expected / math.log(2) / characters, rel=1e-4)


def test_the_seq2seq_loss_is_that_of_the_shifted_labels() -> None:
    model = atl.from_config(T5, "seq2seq-lm", seed=1)
    batch = {
        "input_ids": jnp.asarray([[5, 6, 1, 0], [7, 8, 9, 1]]),
        "attention_mask": jnp.asarray([[1, 1, 1, 0], [1, 1, 1, 1]]),
        "labels": jnp.asarray([[11, 12, 1], [13, 1, -100]]),
        "weights": jnp.asarray([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]),
    }
    logits = model(
        batch["input_ids"],
        attention_mask=batch["attention_mask"],
        decoder_input_ids=jnp.asarray([[0, 11, 12], [0, 13, 1]]),
    ).logits
    log_probs = jax.nn.log_softmax(logits)
    places = ((0, 0, 11), (0, 1, 12), (0, 2, 1), (1, 0, 13), (1, 1, 1))
    expected = -float(sum(log_probs[place] for place in places))
    task = Seq2SeqLM(np.ones(VOCABULARY))
    outputs = forward(task, model, batch)
    assert float(task.loss(outputs, batch)) == pytest.approx(expected, rel=1e-5)
    assert float(task.loss_weights(batch).sum()) == 5
