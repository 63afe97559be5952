"""From a task's config to those of its stages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amharic_tl.config import Config, build_config
from amharic_tl.data.rows import Row, Source
from amharic_tl.data.splits import Splits
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.records.files import read_json, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.adaptation import follow_move
from amharic_tl.run.domain import Domain
from amharic_tl.run.language_scores import bits
from amharic_tl.run.stages import Stage, stages_of

ROBERTA = {"model_type": "roberta", "architectures": ["RobertaForMaskedLM"]}
BOTH = {
    "data.train": "train.csv",
    "data.validation": "dev.csv",
    "data.test": "test.csv",
    "data.text": "tweet",
    "adapt.dapt.data": "news.txt",
    "adapt.dapt.steps": 30,
    "adapt.dapt.lr": 5e-4,
    "adapt.tapt.epochs": 10,
    "optim.beta2": 0.98,
    "safety.axes": "ethnicity",
    "safety.positive_labels": "hate",
    "transfer.method": "head",
}


def staged(overrides: dict[str, object], hf_config: dict[str, object] | None = None) -> list[Stage]:
    return stages_of(build_config(overrides), hf_config or ROBERTA, Workdir(Path("/runs/mine")))


def test_each_stage_is_a_run_that_begins_from_the_one_before() -> None:
    dapt, tapt = staged(BOTH)
    assert [stage.place.root for stage in (dapt, tapt)] == [
        Path("/runs/mine/stages/1-dapt"),
        Path("/runs/mine/stages/2-tapt"),
    ]
    assert dapt.config.model.path == Config().model.path
    assert tapt.config.model.path == "/runs/mine/stages/1-dapt/export"
    assert (dapt.config.data.train, dapt.config.data.text) == ("news.txt", "text")
    assert (tapt.config.data.train, tapt.config.data.text) == ("train.csv", "tweet")
    assert (dapt.config.train.steps, tapt.config.train.steps, tapt.config.train.epochs) == (30, None, 10)
    assert (dapt.config.optim.lr, tapt.config.optim.lr) == (5e-4, 1e-4)
    for stage in (dapt, tapt):
        assert stage.config.task.kind == "masked-lm" and stage.config.optim.beta2 == 0.98
        # Neither the task's test nor what is for the task alone.
        assert stage.config.data.test is None and stage.config.data.gates is None
        assert stage.config.safety.axes is None and stage.config.transfer.method == "full"
        assert not stage.config.adapt.stages
        assert stage.of == 3


@pytest.mark.parametrize(
    ("hf_config", "kind", "objective"),
    [
        (ROBERTA, "masked-lm", "text-to-text"),
        ({"model_type": "roberta", "architectures": ["RobertaForSequenceClassification"]}, "masked-lm", "text-to-text"),
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, "causal-lm", "text-to-text"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "seq2seq-lm", "span-corruption"),
    ],
)
def test_the_objective_is_that_of_the_bases_kind(hf_config: dict[str, object], kind: str, objective: str) -> None:
    (stage,) = staged({"data.train": "a.csv", "adapt.tapt.steps": 1}, hf_config)
    assert (stage.config.task.kind, stage.config.task.objective) == (kind, objective)


def test_an_objective_that_the_base_cannot_learn_is_refused() -> None:
    with pytest.raises(BadInputError, match="cannot learn span-corruption; it can learn masked-lm"):
        staged({"data.train": "a.csv", "adapt.tapt.steps": 1, "adapt.objective": "span-corruption"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"adapt.dapt.steps": 5}, "adapt.dapt.data is none"),
        ({"adapt.leave_out_test": True}, "adapt.dapt.data is none"),
        ({"adapt.max_length": 64}, "there is no stage"),
        ({"adapt.tapt.steps": 5, "task.kind": "masked-lm", "train.select_by": "validation/loss"}, "itself"),
        ({"adapt.tapt.steps": 5, "model.initialise": "random"}, "nothing to adapt"),
        ({"adapt.tapt.steps": 5, "adapt.batch_size": 12, "train.microbatch": 8}, "does not divide"),
    ],
)
def test_leaves_that_nothing_would_read_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_config(change)


def test_a_stage_that_was_moved_looks_for_its_base_beside_it(tmp_path: Path) -> None:
    tapt = stages_of(build_config(BOTH), ROBERTA, Workdir(tmp_path / "new"))[1]
    for stored, expected in (
        ("/old/mine/stages/1-dapt/export", str(tmp_path / "new/stages/1-dapt/export")),
        ("another/base", "another/base"),  # no move: it stays, and is refused as another config
    ):
        write_json(tapt.place.config, {"model": {"path": stored, "dropout": None}})
        follow_move(tapt, first=True)
        assert read_json(tapt.place.config) == {"model": {"path": expected, "dropout": None}}


def test_a_run_that_passed_the_gate_is_called_transductive(tmp_path: Path) -> None:
    source = Source("a.csv", [Row("1", "ሰላም", "ሀ", "a.csv", 2)], [], "csv")
    place = Workdir(tmp_path)
    found = {"test": {"count": 3, "n": 9}, "validation": {"count": 2, "n": 9}}
    write_json(place.domain, {"inside": {"parts": found}})
    (said,) = Domain(build_config(BOTH), place, Splits(source, source, source, ["ሀ"])).notices()
    assert "3 of the 9 rows of test" in said and "transductive" in said


def test_bits_per_character_and_their_change_on_the_same_texts() -> None:
    generator = np.random.default_rng(0)
    characters = generator.integers(20, 60, 300).astype(float)
    rate = 2.0 + generator.normal(0, 0.5, 300)
    before = np.stack([characters * rate * np.log(2), characters], axis=1)
    after = before * [0.9, 1.0]
    found = bits({"base": before, "dapt": after, "tapt": "no head"}, "base")
    level = found["base"]["bits_per_character"]
    assert level["value"] == pytest.approx(float((characters * rate).sum() / characters.sum()))
    assert "change" not in found["base"] and found["tapt"] == {"not_measured": "no head"}
    change = found["dapt"]["change"]
    assert change["value"] == pytest.approx(-0.1 * level["value"])
    # Paired: far narrower than the interval of either.
    assert np.diff(change["interval"]) < 0.2 * np.diff(level["interval"])
