"""Regularisers and alignment in an assembled run: what they cost, what they change, what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.models import named_parameters
from amharic_tl.run import Run, assemble
from amharic_tl.training.flops import count_flops

Overrides = dict[str, object]
REGULARIZERS = "transfer.regularizers"
ALIGNMENT = "transfer.alignment"


def _run(overrides: Overrides, **extra: object) -> Run:
    return assemble(build_config({**overrides, **extra}), make_mesh(1, 1, 1, jax.devices()[:1]))


def _flops(run: Run) -> int:
    return count_flops(run.steps.train, run.steps.state, run.prepared.train[0])


@pytest.fixture
def skewed(tiny_files: Path, tmp_path: Path) -> Path:
    """Unlabelled rows that are nearly all of one class."""
    with (tiny_files / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    path = tmp_path / "target.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        writer.writerows([row["text"]] for row in rows if row["label"] == rows[0]["label"])
    return path


def test_a_second_pass_doubles_the_cost_and_a_pull_costs_none(tiny_overrides: Overrides) -> None:
    pulled = _run(tiny_overrides, **{f"{REGULARIZERS}.l2_sp.weight": 0.1})
    twice = _run(tiny_overrides, **{f"{REGULARIZERS}.r_drop.weight": 0.1})
    assert _flops(twice) == 2 * _flops(pulled)
    assert pulled.steps.train.initial is not None and twice.steps.train.initial is None
    for run, decays in ((pulled, {0.0}), (twice, {0.0, 0.01})):  # beside L2-SP nothing else pulls
        assert {row.weight_decay for row in run.plan.rows.values() if row.trainable} == decays


def test_alignment_is_part_of_a_step_of_several_parts(tiny_overrides: Overrides, tiny_files: Path) -> None:
    on = {f"{ALIGNMENT}.data": str(tiny_files / "test.csv"), f"{ALIGNMENT}.mmd.weight": 1.0, "train.microbatch": 8}
    run = _run(tiny_overrides, **on)
    assert run.audit["alignment"]["label_shift"]["state"] == "not seen"
    batch = run.prepared.train[0]
    assert batch["target_input_ids"].shape[0] == batch["input_ids"].shape[0]
    _, metrics = jax.eval_shape(run.steps.untraced("train"), run.steps.state, batch)
    assert metrics["penalty/mmd"].shape == ()


def test_aligning_is_refused_where_labels_shift(tiny_overrides: Overrides, skewed: Path) -> None:
    on = {**tiny_overrides, f"{ALIGNMENT}.data": str(skewed), f"{ALIGNMENT}.coral.weight": 1.0}
    with pytest.raises(BadInputError, match="labels shift from train to .*target.csv") as refused:
        _run(on)
    assert "despite_label_shift=true" in str(refused.value)
    run = _run(on, **{f"{ALIGNMENT}.despite_label_shift": True})
    assert run.audit["alignment"]["label_shift"]["state"] == "shifted"
    assert any("aligning features is wrong" in warning for warning in run.audit["warnings"])


def test_the_top_layers_are_drawn_anew_as_before_pretraining(tiny_base: Path) -> None:
    """Zhang et al. 2021: weights from N(0, initializer_range), biases 0, norms 1; what lies below stays bit for bit."""
    kept = named_parameters(atl.from_pretrained(str(tiny_base), "masked-lm"))
    model = atl.from_pretrained(str(tiny_base), "masked-lm", seed=5, reinitialise_layers=2)
    drawn = named_parameters(model)
    changed = {n for n, view in drawn.items() if not np.array_equal(view.value(), kept[n].value())}
    top = {n for n, view in drawn.items() if view.layer is not None and view.layer >= 2}
    assert changed == {n for n in top if len(drawn[n].shape) == 2}  # a random base's biases and norms are these already
    assert set(model.load_report.newly_initialised) == top
    weights = np.concatenate([np.ravel(drawn[n].value()) for n in changed])
    assert abs(weights.mean()) < 0.002 and weights.std() == pytest.approx(0.1, rel=0.02)  # its initializer_range
    with pytest.raises(ConfigError, match="5 asked for, but the model has 4 layers"):
        atl.from_pretrained(str(tiny_base), "masked-lm", reinitialise_layers=5)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({f"{REGULARIZERS}.r_drop.weight": 1, "model.dropout": 0}, "both passes are the same"),
        ({f"{REGULARIZERS}.base_kl.weight": 1, "task.problem": "regression",
          "train.select_by": "validation/loss"}, "no distribution to compare"),
        ({f"{REGULARIZERS}.l2_sp.weight": 1, "model.initialise": "random"}, "has no base"),
        ({f"{ALIGNMENT}.coral.weight": 1}, "name target rows"),
        ({f"{ALIGNMENT}.data": "a.csv"}, "coral.weight and mmd.weight are 0"),
        ({f"{ALIGNMENT}.coral.weight": 1, f"{ALIGNMENT}.data": "a.csv", f"{ALIGNMENT}.rows": 6,
          "train.batch_size": 16, "train.microbatch": 4}, "6 cannot be divided over the 4"),
        ({f"{ALIGNMENT}.mmd.weight": 1, f"{ALIGNMENT}.data": "a.csv", "task.kind": "masked-lm",
          "train.select_by": "validation/loss"}, "no features of a text"),
    ],
)  # fmt: skip
def test_leaves_that_do_not_fit_together(overrides: Overrides, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_config(overrides)


def test_r_drop_on_a_base_without_dropout_is_refused(
    tiny_overrides: Overrides, tiny_base: Path, tmp_path: Path
) -> None:

    copy = tmp_path / "still"
    shutil.copytree(tiny_base, copy)
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ConfigError, match="has no dropout"):
        _run(tiny_overrides, **{"model.path": str(copy), f"{REGULARIZERS}.r_drop.weight": 1.0})
