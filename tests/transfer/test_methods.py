"""What each method trains, from when and at what rate."""

from __future__ import annotations

import functools
from typing import Any

import jax
import pytest
from flax import nnx

import amharic_tl as atl
from amharic_tl.config import TransferConfig
from amharic_tl.errors import ConfigError
from amharic_tl.transfer.methods.gradual import rate_warnings
from amharic_tl.transfer.plan import Clock, TrainablePlan, make_plan
from amharic_tl.transfer.plan_table import thaw_table, whole_table

SMALL = {"vocab_size": 40, "hidden_size": 12, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 20}
CLOCK = Clock(total=100, steps_per_epoch=20)


@functools.cache
def _model(kind: str) -> nnx.Module:
    return atl.from_config({"model_type": kind, **SMALL, "max_position_embeddings": 20}, "sequence-classification")


@pytest.fixture
def model() -> nnx.Module:
    return _model("roberta")


def _plan(model: nnx.Module, method: str, measured: dict[str, float] | None = None, **leaves: Any) -> TrainablePlan:
    return make_plan(model, TransferConfig(method=method, **leaves), 0.1, CLOCK, measured)  # type: ignore[arg-type]


def _parts(plan: TrainablePlan) -> set[object]:
    """What trains: blocks by number, and the words ``embeddings`` and ``head``."""
    rows = [row for row in plan.rows.values() if row.trainable]
    return {row.layer if row.layer is not None else "embeddings" if "embed" in row.name else "head" for row in rows}


def _starts(plan: TrainablePlan) -> list[int | None]:
    return [stage.begins for stage in plan.stages]


def test_lp_ft_trains_the_head_on_the_features_first(model: nnx.Module) -> None:
    plan = _plan(model, "lp-ft", stage_length="2epochs")
    assert _starts(plan) == [0, 40] and [plan.at(stage).on_features for stage in (0, 1)] == [True, False]
    assert _parts(plan.at(0)) == {"head"} and plan.totals["frozen"] == 0


def test_a_last_norm_is_part_of_the_features() -> None:
    plan = _plan(_model("modernbert"), "lp-ft")
    assert plan.rows["model.final_norm.weight"].stage == 1
    first = {name for name, row in plan.at(0).rows.items() if row.trainable}
    assert first == {name for name in plan.rows if name.startswith(("head.", "classifier."))}


def test_gradual_thaws_groups_from_the_top_at_falling_rates(model: nnx.Module) -> None:
    plan = _plan(model, "gradual", groups=2)
    assert _starts(plan) == [0, 20, 40]
    assert [_parts(plan.at(stage)) for stage in range(3)] == [
        {"head"},
        {"head", 2, 3},
        {"head", 0, 1, 2, 3, "embeddings"},
    ]
    rates = {row.layer: row.learning_rate_multiplier for row in plan.rows.values() if row.layer is not None}
    assert rates == pytest.approx({3: 1 / 2.6, 2: 1 / 2.6, 1: 1 / 2.6**2, 0: 1 / 2.6**2})
    assert plan.rows["roberta.embeddings.word_embeddings.weight"].learning_rate_multiplier == pytest.approx(2.6**-2)
    assert plan.at(1).rows["roberta.encoder.layer.0.output.dense.weight"].learning_rate_multiplier == 0.0
    assert "block 2" in thaw_table(plan.at(1)) and "block 1" not in thaw_table(plan.at(1))
    assert "stage 2" in whole_table(plan.at(0)) and "at step 40" in whole_table(plan.at(0))


def test_stacks_are_cut_where_what_trains_began_at_different_times(model: nnx.Module) -> None:
    plan, own = _plan(model, "gradual", groups=3), nnx.clone(model)
    spans = []
    for stage in range(4):
        plan.at(stage).regroup(own)
        spans.append(own.encoder.spans)
    assert spans == [[(0, 1, 2, 3)], [(0, 1), (2, 3)], [(0,), (1,), (2, 3)], [(0,), (1,), (2, 3)]]
    _, trained, _ = nnx.split(own, plan.is_trainable, ...)
    leaves = jax.tree.leaves(plan.generations(trained), is_leaf=lambda leaf: isinstance(leaf, nnx.Variable))
    began = {(leaf.get_metadata()["layers"], leaf.get_value()) for leaf in leaves}
    assert began == {(None, "0"), ((2, 3), "1"), ((1,), "2"), ((0,), "3"), (None, "3")}


def test_what_the_literature_warns_of_is_said(model: nnx.Module) -> None:
    (said,) = rate_warnings(6, 2.6, 1.0)
    assert f"{2.6**6:,.0f}" in said
    assert not _plan(model, "gradual", groups=2).warnings
    (late,) = _plan(model, "gradual", groups=3).warnings
    assert "step 60 of 100" in late
    assert any("twice" in warning for warning in _plan(model, "gradual", groups=2, layer_decay=0.9).warnings)


def test_what_would_thaw_after_the_end_is_refused(model: nnx.Module) -> None:
    with pytest.raises(ConfigError, match=r"100 steps \(20 an epoch\), too few for what is to thaw: block 1 at"):
        _plan(model, "gradual", groups=3, stage_length="50%")
    with pytest.raises(ConfigError, match="5 groups asked for, but the model has 4 layers"):
        _plan(model, "plateau", groups=5)


def test_plateau_waits_for_the_loss_and_keeps_the_rates(model: nnx.Module) -> None:
    plan = _plan(model, "plateau", groups=2)
    assert _starts(plan) == [0, None, None]
    assert {row.learning_rate_multiplier for row in plan.rows.values()} == {1.0}


@pytest.mark.parametrize(
    ("leaves", "expected"),
    [
        ({"blocks": "0"}, {"head", 0}),
        ({"blocks": "1-3"}, {"head", 1, 2, 3}),
        ({"blocks": "embeddings"}, {"head", "embeddings"}),
        ({"blocks": "auto"}, {"head", 1}),
        ({"blocks": "auto", "auto_blocks": 2}, {"head", 0, 1}),
    ],
)
def test_surgical_trains_the_chosen_blocks(model: nnx.Module, leaves: dict[str, Any], expected: set[object]) -> None:
    measured = {"block 0": 0.45, "block 1": 0.5, "block 2": 0.1, "block 3": 0.45, "embeddings": 9.0}
    plan = _plan(model, "surgical", measured, **leaves)
    assert _parts(plan) == expected and plan.to_dict()["measured"] == measured


def test_blocks_that_are_not_there_are_refused(model: nnx.Module) -> None:
    for blocks in ("4", "2-9", "3-1"):
        with pytest.raises(ConfigError, match=f"{blocks} asked for, but the model has the blocks 0 to 3"):
            _plan(model, "surgical", blocks=blocks)


@pytest.mark.parametrize("kind", ["roberta", "modernbert"])
def test_bias_only_trains_vectors_and_the_head(kind: str) -> None:
    plan = _plan(_model(kind), "bias-only")
    for name, row in plan.rows.items():
        assert row.trainable == (len(row.shape) == 1 or name.startswith(("classifier.", "head."))), name


def test_embeddings_first_thaws_the_blocks_later(model: nnx.Module) -> None:
    plan = _plan(model, "embeddings-first")
    assert _starts(plan) == [0, 20]
    assert _parts(plan.at(0)) == {"head", "embeddings"} and plan.totals["frozen"] == 0


def test_layer_decay_changes_any_method(model: nnx.Module) -> None:
    for method in ("full", "lp-ft", "plateau", "surgical", "bias-only", "embeddings-first"):
        plan = _plan(model, method, layer_decay=0.5)
        rates = {row.layer: row.learning_rate_multiplier for row in plan.rows.values() if row.trainable}
        assert all(rate == 0.5 ** (3 - layer) for layer, rate in rates.items() if layer is not None), method
        assert "transfer.layer_decay" in plan.reason


def test_written_rules_hold_in_order_and_thaw_in_time(model: nnx.Module) -> None:
    biases, blocks = r".*\.bias rate=3 decay=0.2 from=30steps", ".*encoder.* rate=0.5 from=1epoch"
    plan = _plan(model, "rules", rules=(".*embeddings.* frozen", biases, blocks, ".*"), layer_decay=0.5)
    assert _starts(plan) == [0, 20, 30]
    bias, matrix = (plan.rows[f"roberta.encoder.layer.2.output.dense.{leaf}"] for leaf in ("bias", "weight"))
    assert (bias.stage, bias.learning_rate_multiplier, bias.weight_decay) == (2, 1.5, 0.2)
    assert (matrix.stage, matrix.learning_rate_multiplier, matrix.weight_decay) == (1, 0.25, 0.1)
    assert plan.rows["classifier.out_proj.bias"].stage == 2 and plan.rows["classifier.out_proj.weight"].stage == 0
    assert plan.rows["roberta.embeddings.LayerNorm.weight"].stage is None
    stages = plan.to_dict()["stages"]
    assert [stage["begins"] for stage in stages] == [0, 20, 30]
    assert stages[0]["totals"]["trainable"] < stages[1]["totals"]["trainable"] < stages[2]["totals"]["trainable"]


def test_written_rules_must_cover_be_used_and_begin(model: nnx.Module) -> None:
    with pytest.raises(ConfigError, match=r"no rule for 4 parameters: classifier\.dense"):
        _plan(model, "rules", rules=("roberta.*",))
    with pytest.raises(ConfigError, match=r"match no parameter: rule 2: bert\.\*; the parameters are roberta"):
        _plan(model, "rules", rules=("roberta.*", "bert.*", ".*"))
    with pytest.raises(ConfigError, match="nothing trains at the start"):
        _plan(model, "rules", rules=(".* from=1epoch",))
