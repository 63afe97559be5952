"""What the terminal says of data, loading and results."""

from __future__ import annotations

from amharic_tl.config import OptimConfig
from amharic_tl.run.telling import about_data, about_loading, about_optimizer, about_result, about_stages
from amharic_tl.transfer.plan import Stage


def test_the_quoting_of_each_split_is_said_with_its_reason() -> None:
    mended = {"choice": "none", "reason": "in 3 records the surplus commas were taken as part of the text"}
    splits = {"train": {"quoting": mended}, "validation": {"quoting": None}}
    assert about_data({"splits": splits, "warnings": ["few rows"]}) == [
        "train: quoting none: in 3 records the surplus commas were taken as part of the text",
        "note: few rows",
    ]


def test_what_was_drawn_and_what_is_not_used_is_named() -> None:
    assert about_loading((), (), True) == []
    assert about_loading(("a", "b"), (), False) == ["all parameters are drawn at random (model.initialise=random)"]
    drawn, left = about_loading(tuple("abcdefgh"), ("lm_head.bias",), True)
    assert drawn == "drawn anew, not taken from the checkpoint: a, b, c, d, e, f and 2 more"
    assert left == "in the checkpoint and not used: lm_head.bias"


def test_a_result_that_was_not_measured_says_why() -> None:
    final = {"test": {"macro_f1": 0.5, "f1/a": 0.5}, "test_clean": {"not_measured": "no rows"}, "safety": {}}
    assert about_result(final) == ["test        macro_f1 0.5000", "test_clean  not measured: no rows"]


def test_what_never_thawed_is_said() -> None:
    stages = [Stage(0, 0, ("head",)), Stage(1, None, ("block 1",)), Stage(2, None, ("embeddings", "block 0"))]
    assert about_stages(2, stages) == []
    assert about_stages(0, stages) == ["note: the run ended before these thawed: block 1, embeddings, block 0"]


def test_what_the_optimiser_keeps_and_that_an_average_is_evaluated_is_said() -> None:
    assert about_optimizer(OptimConfig(), 8_000_004, 1_000_000) == [
        "adamw keeps 8.0 MB, 8.0 bytes for each parameter that trains"
    ]
    assert "optim.ema=0.9" in about_optimizer(OptimConfig(name="lion", ema=0.9), 4, 1)[1]
