"""Rules, layer decay, and that what is frozen costs nothing and never changes."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import amharic_tl as atl
from amharic_tl.config import OptimConfig, TransferConfig
from amharic_tl.errors import ConfigError
from amharic_tl.transfer.optimizers import make_optimizer
from amharic_tl.transfer.plan import make_plan
from amharic_tl.transfer.plan_table import whole_table
from amharic_tl.transfer.rules import Rule, match_rules

LABELS = ["ሀ", "ለ", "መ"]


@pytest.fixture
def model(tiny_base: Path) -> nnx.Module:
    return atl.from_pretrained(str(tiny_base), "sequence-classification", labels=LABELS)


def _plan(model: nnx.Module, **settings: object):  # type: ignore[no-untyped-def]
    return make_plan(model, TransferConfig(**settings), 0.01)


def _trainable(plan) -> set[str]:  # type: ignore[no-untyped-def]
    return {name for name, row in plan.rows.items() if row.trainable}


def test_full_trains_everything(model: nnx.Module) -> None:
    plan = _plan(model, method="full")
    assert _trainable(plan) == set(atl.named_parameters(model))
    assert plan.totals["frozen"] == 0


def test_head_trains_the_head_alone(model: nnx.Module) -> None:
    assert _trainable(_plan(model, method="head")) == {
        f"classifier.{part}.{leaf}" for part in ("dense", "out_proj") for leaf in ("weight", "bias")
    }


@pytest.mark.parametrize("top", [0, 1, 3, 4])
def test_top_layers_train_with_the_head_and_embeddings_stay(model: nnx.Module, top: int) -> None:
    plan = _plan(model, method="top-layers", trainable_layers=top)
    layers = {row.layer for row in plan.rows.values() if row.trainable and row.layer is not None}
    assert layers == set(range(4 - top, 4))
    assert not any("embeddings" in name for name in _trainable(plan))
    assert "classifier.dense.weight" in _trainable(plan)
    plan.regroup(model)
    expected = [span for span in (tuple(range(4 - top)), tuple(range(4 - top, 4))) if span]
    assert model.encoder.spans == expected


def test_too_many_layers_are_refused(model: nnx.Module) -> None:
    with pytest.raises(ConfigError, match="5 asked for, but the model has 4"):
        _plan(model, method="top-layers", trainable_layers=5)


def test_layer_decay_falls_from_the_top_and_vectors_do_not_decay(model: nnx.Module) -> None:
    plan = _plan(model, method="full", layer_decay=0.5)
    rates = {row.layer: row.learning_rate_multiplier for row in plan.rows.values() if row.layer is not None}
    assert rates == {3: 1.0, 2: 0.5, 1: 0.25, 0: 0.125}
    assert plan.rows["roberta.embeddings.word_embeddings.weight"].learning_rate_multiplier == 0.0625
    assert plan.rows["classifier.out_proj.weight"].learning_rate_multiplier == 1.0
    assert all((row.weight_decay > 0) == (len(row.shape) > 1) for row in plan.rows.values())


def test_rules_must_cover_and_be_used() -> None:
    names = ["a.weight", "a.bias", "b.weight"]
    with pytest.raises(ConfigError, match="no rule for 1 parameters: b.weight"):
        match_rules(names, [Rule("a", r"a\..*", True)])
    with pytest.raises(ConfigError, match="match no parameter: c"):
        match_rules(names, [Rule("all", ".*", True), Rule("c", "c", False)])
    first = match_rules(names, [Rule("bias", r".*\.bias", False), Rule("rest", ".*", True)])
    assert {name: rule.name for name, rule in first.items()} == {
        "a.weight": "rest",
        "a.bias": "bias",
        "b.weight": "rest",
    }


def test_the_table_says_what_trains(model: nnx.Module) -> None:
    plan = _plan(model, method="top-layers", trainable_layers=1)
    table = whole_table(plan)
    assert "block 3" in table and "head and pooler" in table
    assert f"{plan.totals['trainable']:,} of {plan.totals['parameters']:,}" in table


def test_one_update_equals_optax_adamw(model: nnx.Module) -> None:
    optim = OptimConfig(lr=1e-2, weight_decay=0.1, clip_norm=0.5)
    plan = make_plan(model, TransferConfig(), optim.weight_decay)
    _, state = nnx.split(model)
    gradients = jax.tree.map(lambda p: jnp.cos(p * 7.0), state)
    ours = make_optimizer(optim, plan, state)
    theirs = optax.chain(
        optax.clip_by_global_norm(0.5),
        optax.adamw(1e-2, weight_decay=0.1, mask=_matrix_mask(state)),
    )
    a, b = ours.init(state), theirs.init(state)
    for _ in range(3):
        step_a, a = ours.update(gradients, a, state)
        step_b, b = theirs.update(gradients, b, state)
        for x, y in zip(jax.tree.leaves(step_a), jax.tree.leaves(step_b), strict=True):
            np.testing.assert_allclose(-1e-2 * np.asarray(x), np.asarray(y), rtol=2e-5, atol=1e-8)


def _matrix_mask(state: nnx.State):  # type: ignore[no-untyped-def]
    def is_matrix(variable: nnx.Variable) -> nnx.Variable:
        stacked = variable.get_metadata()["layers"] is not None
        return variable.replace(variable.get_value().ndim - stacked > 1)

    return jax.tree.map(is_matrix, state, is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))


def _encoder_decoder(kind: str) -> nnx.Module:
    sizes = {"d_model": 8, "vocab_size": 20}
    configs = {
        "t5": {"num_layers": 2, "num_decoder_layers": 3, "num_heads": 2, "d_kv": 4, "d_ff": 8},
        "umt5": {"num_layers": 2, "num_decoder_layers": 3, "num_heads": 2, "d_kv": 4, "d_ff": 8},
        "mbart": {f"{side}_{key}": 2 for side in ("encoder", "decoder") for key in ("attention_heads", "ffn_dim")}
        | {"encoder_layers": 2, "decoder_layers": 3, "max_position_embeddings": 16},
    }
    return atl.from_config({"model_type": kind} | sizes | configs[kind], "seq2seq-lm")


@pytest.mark.parametrize("kind", ["t5", "umt5", "mbart"])
@pytest.mark.parametrize("top", [0, 1, 3, 4, 5])
def test_the_blocks_of_a_decoder_lie_above_those_of_its_encoder(kind: str, top: int) -> None:
    model = _encoder_decoder(kind)
    plan = _plan(model, method="top-layers", trainable_layers=top)
    trainable = _trainable(plan)
    stack = "block" if kind != "mbart" else "layers"
    for name, row in plan.rows.items():
        for tower, offset in (("encoder", 0), ("decoder", 2)):
            if f"{tower}.{stack}." in name:
                place = offset + int(name.split(f"{tower}.{stack}.")[1].split(".")[0])
                assert row.layer == place
                assert row.trainable == (place >= 5 - top), name
    tables = ("shared", "embed_positions", "layernorm_embedding")
    assert not any(table in name for name in trainable for table in tables)
    # The encoder's last norm belongs to its last block, the decoder's to the head.
    norm = "{}.final_layer_norm.weight" if kind != "mbart" else "model.{}.layer_norm.weight"
    assert norm.format("decoder") in trainable
    assert (norm.format("encoder") in trainable) == (top >= 4)
    plan.regroup(model)
    spans = [tower.blocks.spans for tower in (model.encoder, model.decoder)]
    expected = [_cut(2, max(top - 3, 0)), _cut(3, min(top, 3))]
    assert spans == expected
    _, trained, _ = nnx.split(model, plan.is_trainable, ...)
    assert set(atl.named_parameters(trained)) == trainable


def _cut(layers: int, top: int) -> list[tuple[int, ...]]:
    return [span for span in (tuple(range(layers - top)), tuple(range(layers - top, layers))) if span]


def test_the_shared_relative_positions_of_t5_freeze_with_the_first_block() -> None:
    plan = _plan(_encoder_decoder("t5"), method="top-layers", trainable_layers=3)
    name = "{}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    assert plan.rows[name.format("decoder")].trainable and not plan.rows[name.format("encoder")].trainable
    assert plan.rows[name.format("decoder")].layer == 2


def test_layer_decay_falls_from_the_decoder_down_through_the_encoder() -> None:
    model = _encoder_decoder("mbart")
    plan = _plan(model, method="full", layer_decay=0.5)
    rates = {row.layer: row.learning_rate_multiplier for row in plan.rows.values() if row.layer is not None}
    assert rates == {4: 1.0, 3: 0.5, 2: 0.25, 1: 0.125, 0: 0.0625}
    for table in ("shared", "encoder.embed_positions", "decoder.embed_positions", "decoder.layernorm_embedding"):
        assert plan.rows[f"model.{table}.weight"].learning_rate_multiplier == 0.03125
    state = nnx.state(model, nnx.Param)
    trees = plan.learning_rate_multipliers(state)
    stacked = trees["decoder"]["blocks"]["runs"][0]["feed_forward"]["up"]["weight"].get_value()
    assert stacked.ravel().tolist() == [0.25, 0.5, 1.0]
    with pytest.raises(ConfigError, match="6 asked for, but the model has 5"):
        _plan(model, method="top-layers", trainable_layers=6)
    assert "model.decoder block 2" in whole_table(plan) and "model.encoder block 0" in whole_table(plan)
