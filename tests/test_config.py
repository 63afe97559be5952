"""The schema of a run: types, bounds, nearest keys, order of precedence."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from amharic_tl.config import Config, build_config, differences, leaves, to_dict
from amharic_tl.config.figures import METRICS
from amharic_tl.errors import ConfigError

PACKAGE = Path(__file__).parents[1] / "amharic_tl"


def test_defaults_are_valid() -> None:
    assert build_config({}) == Config()


def test_text_is_converted_by_the_type_of_the_leaf() -> None:
    config = build_config(
        {
            "optim.lr": "3e-5",
            "train.steps": "1_000",
            "optim.clip_norm": "none",
            "data.columns": "text,label",
            "output.tensorboard": "false",
            "data.train": ("a.csv", "b.csv"),
        }
    )
    assert config.optim.lr == 3e-5
    assert config.train.steps == 1000
    assert config.optim.clip_norm is None
    assert config.data.columns == ("text", "label")
    assert config.output.tensorboard is False
    assert config.data.train == ("a.csv", "b.csv")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({"optim.lrr": 1.0}, "did you mean config.optim.lr?"),
        ({"optim.learning_rate": 1.0}, "there is no config.optim.learning_rate"),
        ({"batch_size": 8}, "did you mean config.train.batch_size?"),
        ({"optim": 3}, "is a group"),
        ({"optim.lr": "nan"}, "finite"),
        ({"optim.lr": float("inf")}, "finite"),
        ({"optim.lr": 0.0}, "more than 0"),
        ({"train.steps": -5}, "at least 1"),
        ({"train.steps": 2.5}, "a whole number"),
        ({"train.seed": True}, "a whole number"),
        ({"train.batch_size": "many"}, "a whole number"),
        ({"model.path": 3}, "a text"),
        ({"output.export": "yes"}, "true or false"),
        ({"transfer.method": "heads"}, "did you mean 'head'?"),
        ({"transfer.method": "top-layers"}, "transfer.trainable_layers"),
        ({"transfer.trainable_layers": 2}, "transfer.method=top-layers"),
        ({"train.microbatch": 5}, "does not divide"),
        ({"train.epochs": None}, "both none"),
        ({"train.select_by": "test/macro_f1"}, "validation/<metric>"),
        ({"task.kind": "masked-lm"}, "masked-lm has no 'macro_f1'"),
        ({"task.kind": "masked-lm", "train.select_by": "validation/f1/a"}, "masked-lm has no 'f1/a'"),
        ({"train.select_by": "validation/macrof1"}, "did you mean validation/macro_f1?"),
        ({"train.seed": 2**32}, "at most 4294967295"),
        ({"optim.warmup": 1.5}, "neither a share"),
        ({"optim.name": "adam"}, "did you mean 'adamw'?"),
        ({"optim.name": "lion", "optim.beta2": 0.95}, "config.optim.beta2 is set, but config.optim.name is 'lion'"),
        ({"optim.lion.beta2": 0.95}, "config.optim.lion.beta2 is set, but config.optim.name is 'adamw'"),
        ({"optim.name": "adafactor", "optim.momentum_dtype": "bfloat16"}, "(adamw and lion and muon do)"),
        ({"optim.warmup_stable_decay.shape": "linear"}, "config.optim.schedule is 'linear'"),
        ({"optim.schedule": "constant", "optim.floor": 0.1}, "config.optim.floor is set"),
        ({"optim.schedule": "warmup-stable-decay", "optim.warmup": 0.9}, "more than the whole run"),
        ({"optim.ema": 1.0}, "at most 0.999999"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(override: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)) as caught:
        build_config(override)
    assert caught.value.exit_code == 78


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        build_config({"optim.lrr": 1, "train.steps": -1, "model.dropout": 2.0})
    assert all(name in str(caught.value) for name in ("optim.lrr", "train.steps", "model.dropout"))


def test_every_leaf_has_a_description_and_is_read_somewhere() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path.name not in ("config.py",)
    )
    for name, item, _ in leaves():
        assert item.metadata["doc"], name
        assert re.search(rf"\.{item.name}\b", sources), f"no code reads config.{name}"


def test_the_problems_of_the_schema_are_those_of_the_registry() -> None:
    from typing import get_args

    from amharic_tl.tasks.registry import PROBLEMS

    kinds = {name: kind for name, _, kind in leaves()}
    assert set(get_args(kinds["task.problem"])) == set(PROBLEMS)


def test_every_task_has_figures_to_select_by() -> None:
    from typing import get_args

    kinds = {name: kind for name, _, kind in leaves()}
    problems = {kind for kind in get_args(kinds["task.problem"]) if kind != "single-label"}
    assert set(METRICS) == set(get_args(kinds["task.kind"])) | problems


def test_what_may_change_on_resume_and_what_may_not() -> None:
    stored = to_dict(build_config({"optim.lr": 1e-4}))
    assert differences(stored, build_config({"optim.lr": 1e-4, "mesh.fsdp": 2, "train.log_every": 99})) == []
    found = differences(stored, build_config({"optim.lr": 2e-4}))
    assert len(found) == 1 and "config.optim.lr" in found[0] and "0.0001" in found[0]


def test_the_config_is_hashable_by_value() -> None:
    assert hash(build_config({"data.columns": "a,b"})) == hash(build_config({"data.columns": ("a", "b")}))
    assert dataclasses.replace(Config()) == Config()
