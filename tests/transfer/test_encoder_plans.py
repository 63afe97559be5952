"""What stays and what trains in encoders whose parts stand elsewhere than BERT's."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.config import TransferConfig
from amharic_tl.transfer.plan import make_plan

SMALL = {"vocab_size": 40, "hidden_size": 12, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 20}
SMALL |= {"max_position_embeddings": 20}
DISTILBERT = {"vocab_size": 40, "dim": 12, "n_layers": 3, "n_heads": 2, "hidden_dim": 20, "max_position_embeddings": 20}
RELATIVE = {"relative_attention": True, "pos_att_type": "c2p|p2c", "norm_rel_ebd": "layer_norm", "position_buckets": 4}
CONFIGS: dict[str, dict[str, Any]] = {
    "distilbert": DISTILBERT,
    "electra": {**SMALL, "embedding_size": 8},
    "modernbert": SMALL,
    "deberta-v2": {**SMALL, **RELATIVE, "conv_kernel_size": 3, "embedding_size": 8},
    "xlm-roberta-xl": SMALL,
}
# What no block holds and still trains with the head.
FINAL = {"modernbert": {"model.final_norm.weight"}, "xlm-roberta-xl": {"roberta.encoder.LayerNorm.weight"}}
FINAL["xlm-roberta-xl"] |= {"roberta.encoder.LayerNorm.bias"}


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_body_stays_when_the_head_alone_trains(kind: str) -> None:
    model = atl.from_config({"model_type": kind, **CONFIGS[kind]}, "token-classification")
    plan = make_plan(model, TransferConfig(method="head"), 0.0)
    trained = {name for name, row in plan.rows.items() if row.trainable}
    head = {name for name in plan.rows if name.startswith(("classifier.", "head."))}
    assert trained == head | FINAL.get(kind, set())
    assert {"classifier.weight", "classifier.bias"} <= head


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("top", [1, 3])
def test_the_lowest_blocks_own_parts_go_with_it(kind: str, top: int) -> None:
    model = atl.from_config({"model_type": kind, **CONFIGS[kind]}, "token-classification")
    plan = make_plan(model, TransferConfig(method="top-layers", trainable_layers=top, layer_decay=0.5), 0.0)
    for row in plan.rows.values():
        if row.layer is not None:
            assert row.trainable == (row.layer >= 3 - top), row.name
            assert row.learning_rate_multiplier == (0.5 ** (2 - row.layer) if row.trainable else 0.0)
    if kind == "deberta-v2":
        for name in ("conv.conv.weight", "rel_embeddings.weight", "LayerNorm.weight"):
            assert plan.rows[f"deberta.encoder.{name}"].layer == 0
    ids = jnp.asarray([[1, 5, 6, 7, 2, 0]])
    mask = (ids > 0).astype(jnp.int32)
    before = model(ids, attention_mask=mask).logits
    plan.regroup(model)
    after = model(ids, attention_mask=mask).logits
    np.testing.assert_allclose(before[:, :5], after[:, :5], atol=1e-5)
