"""Small masked language models that learn planted text, and nothing else, from the beginning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import planted
from flax import nnx

import amharic_tl as atl
from amharic_tl.safety.scoring.selection import Panel
from amharic_tl.safety.scoring.tokens import ScoredText, tokenize

STEPS, BATCH, RATE, LENGTH, WORD = 600, 64, 1e-3, 24, 4
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
CONFIG = {
    "model_type": "roberta", "hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 192, "max_position_embeddings": 66, "type_vocab_size": 1, "pad_token_id": 1,
    "bos_token_id": 0, "eos_token_id": 2, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
}  # fmt: skip


def tokenizer(panel: Panel) -> Any:
    """A token a word and a punctuation mark, of every text of the panel: what is planted is not blurred by pieces."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    split = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    every = (one.text for family in panel.families for one in panel.filled(family))
    words = sorted({word for text in every for word, _ in split.pre_tokenize_str(text)})
    inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate([*SPECIAL, *words])}, unk_token="<unk>"))
    inner.pre_tokenizer = split
    inner.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>",
        pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
    )  # fmt: skip


def learn(panel: Panel, eighths: int, seed: int, folder: Path) -> Path:
    """Trains a model to fill in the compared word, all of it masked; returns ``folder``, where it may be already."""
    if (folder / "config.json").is_file():
        return folder
    of = tokenizer(panel)
    model = atl.from_config({**CONFIG, "vocab_size": len(of)}, "masked-lm", seed=seed)
    graphdef, state = nnx.split(model)
    rows = _encoded(of, [ScoredText(one.text, one.span) for one in planted.rows(panel, eighths, seed)])
    schedule = optax.warmup_cosine_decay_schedule(0.0, RATE, STEPS // 20, STEPS)
    optimizer = optax.adamw(schedule, weight_decay=0.01)
    moments = optimizer.init(state)

    def loss(state: nnx.State, batch: dict[str, jax.Array]) -> jax.Array:
        output = nnx.merge(graphdef, state, copy=True)(
            batch["ids"], attention_mask=batch["mask"], masked_positions=batch["places"]
        )
        losses_BW = optax.softmax_cross_entropy_with_integer_labels(output.logits.astype(jnp.float32), batch["targets"])
        return (losses_BW * batch["counted"]).sum() / batch["counted"].sum()

    @jax.jit
    def step(state: nnx.State, moments: Any, batch: dict[str, jax.Array]) -> tuple[nnx.State, Any, jax.Array]:
        value, gradients = jax.value_and_grad(loss)(state, batch)
        updates, moments = optimizer.update(gradients, moments, state)
        return optax.apply_updates(state, updates), moments, value

    for batch in _batches(rows, seed):
        state, moments, value = step(state, moments, batch)
    print(f"planted {planted.nats(eighths):.2f} nats, seed {seed}: loss {float(value):.3f}", flush=True)
    nnx.update(model, state)
    part = folder.with_name(folder.name + ".part")
    of.save_pretrained(part)
    atl.save_pretrained(model, part)
    part.replace(folder)
    return folder


def _encoded(of: Any, texts: Sequence[ScoredText]) -> dict[str, np.ndarray]:
    """Arrays ``[N, ...]``: the compared word's tokens are masked, and are the targets."""
    found = tokenize(of, texts)
    shape = len(texts), LENGTH
    ids, mask = np.full(shape, 1, np.int32), np.zeros(shape, np.int32)
    places, targets = (np.zeros((len(texts), WORD), np.int32) for _ in range(2))
    counted = np.zeros((len(texts), WORD), np.float32)
    for row, one in enumerate(found):
        whole = [0, *one.ids, 2]
        for number, place in enumerate(one.inside):
            whole[place + 1] = int(of.mask_token_id)
            places[row, number], targets[row, number], counted[row, number] = place + 1, one.ids[place], 1
        ids[row, : len(whole)], mask[row, : len(whole)] = whole, 1
    return {"ids": ids, "mask": mask, "places": places, "targets": targets, "counted": counted}


def _batches(rows: dict[str, np.ndarray], seed: int) -> Iterator[dict[str, np.ndarray]]:
    generator = np.random.default_rng(seed)
    order: list[int] = []
    for _ in range(STEPS):
        if len(order) < BATCH:
            order = generator.permutation(len(rows["ids"])).tolist()
        chosen, order = order[:BATCH], order[BATCH:]
        yield {name: values[chosen] for name, values in rows.items()}
