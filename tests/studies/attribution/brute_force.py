"""TracInCP as its equation has it, from the files of a run alone: no part of the attribution is used."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors.numpy import load_file

import amharic_tl as atl
from amharic_tl.data.tokenizer import encode, load_tokenizer
from amharic_tl.transfer.averaging import with_weights


def tracin(base: Path, data: Path, kept: Path, rates: dict[int, float], group: str, rows: Sequence[int]) -> np.ndarray:
    """Scores of some training rows for the false-positive gap of a group, from gradients formed one by one.

    Args:
      base: the model that training began from.
      data: the folder of train.csv and validation.csv, whose labels are fine and harm.
      kept: parameters by step.
      rates: the learning rate that the parameters of each step stand for.
      group: the name of the group as texts have it.
      rows: numbers of training rows.
    """
    train, validation = (list(csv.DictReader((data / f"{name}.csv").open())) for name in ("train", "validation"))
    harmless = [row["text"] for row in validation if row["label"] == "fine"]
    mine = np.asarray([group in text for text in harmless])
    signs = np.where(mine, 1 / mine.sum(), -1 / (~mine).sum())
    labels = np.asarray([int(train[row]["label"] == "harm") for row in rows])
    tokenizer = load_tokenizer(base)
    encoded = encode(tokenizer, [*(train[row]["text"] for row in rows), *harmless], 64).ids
    ids = np.full((len(encoded), max(map(len, encoded))), tokenizer.pad_token_id, np.int32)
    mask = np.zeros_like(ids)
    for place, of in enumerate(encoded):
        ids[place, : len(of)], mask[place, : len(of)] = of, 1
    model = atl.from_pretrained(str(base), "sequence-classification", labels=["fine", "harm"], dtype="float32")
    split: Any = nnx.split(model)
    graphdef, state = split

    def log_probabilities(at: Any) -> jax.Array:
        return jax.nn.log_softmax(nnx.merge(graphdef, at, copy=True)(ids, attention_mask=mask).logits)

    def values(at: Any) -> jax.Array:
        """The loss of each row, and the figure."""
        of_all = log_probabilities(at)
        losses = -of_all[jnp.arange(len(rows)), labels]
        return jnp.append(losses, jnp.sum(signs * jnp.exp(of_all[len(rows) :, 1])))

    @jax.jit
    def gradient(at: Any, which: jax.Array) -> jax.Array:
        return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(jax.grad(lambda at: values(at)[which])(at))])

    scores = np.zeros(len(rows))
    for step, rate in rates.items():
        at = with_weights(state, load_file(kept / f"{step}.safetensors"))
        # One by one: under jax.vmap, jax 0.10.2 on CPUs returned wrong gradients of five such values.
        *losses, figure = (np.asarray(gradient(at, which), np.float64) for which in range(len(rows) + 1))
        scores -= rate * np.asarray([loss @ figure for loss in losses])
    return scores
