"""A whole choice between bases: rejected ones cost nothing, the others are ranked; cut off, gone on with, refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from amharic_tl.cli.main import main
from amharic_tl.config import Config, build_config, to_dict
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError, Preempted
from amharic_tl.records.files import read_json, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.studies.select_base import study
from amharic_tl.studies.select_base.place import Place
from amharic_tl.studies.select_base.request import Request, without_test
from amharic_tl.studies.select_base.task_data import read_task
from amharic_tl.training.interruption import Interruption
from tests.studies.select_base.test_gates_of_bases import english_bert


class Trainer:
    """Leaves what a run leaves, without training: pretrained weights do better than random ones."""

    def __init__(self) -> None:
        self.configs: list[Config] = []

    def __call__(self, config: Config, workdir: Path, interruption: Interruption) -> None:
        self.configs.append(config)
        value = 0.5 + 0.01 * config.train.seed + 0.2 * (config.model.initialise == "pretrained")
        value += 0.1 * (config.optim.lr == (1e-4 if config.model.initialise == "pretrained" else 1e-3))
        write_json(Workdir(workdir).config, to_dict(config))
        write_json(Workdir(workdir).run, {"status": "completed", "best": {"value": value}})


@pytest.fixture(scope="module")
def english(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny base with the tokenizer of an English BERT; its weights are empty, so that they cannot be loaded."""
    folder = tmp_path_factory.mktemp("english")
    english_bert().save_pretrained(folder)
    config = read_json(tiny_base / "config.json")
    write_json(folder / "config.json", {**config, "vocab_size": 300})
    (folder / "model.safetensors").write_bytes(b"")
    return str(folder)


@pytest.fixture(scope="module")
def config(tiny_files: Path) -> Config:
    """A task whose test split is not there: nothing may read it."""
    return build_config(
        {
            "data.train": str(tiny_files / "validation.csv"),
            "data.validation": str(tiny_files / "test.csv"),
            "data.test": "absent.csv",
            "data.max_length": 16,
            "train.batch_size": 64,
        }
    )


@pytest.fixture(scope="module")
def done(config: Config, tiny_base: Path, english: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A choice that was cut off after its first base and gone on with."""
    output = tmp_path_factory.mktemp("choice") / "one"
    request = Request((str(tiny_base), f"random:{tiny_base}", english))
    computed: list[str] = []
    original = study._Study._compute

    def compute(self: Any, of: Config, folder: Path, counted: str) -> Any:
        if len(computed) == 1 and not output.joinpath("cut").exists():
            output.joinpath("cut").touch()
            raise Preempted("cut off")
        computed.append(of.model.initialise)
        assert of.model.path != english, "a rejected base costs nothing"
        return original(self, of, folder, counted)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study._Study, "_compute", compute)
        with pytest.raises(Preempted):
            study.select_base(config, output, request)
        assert read_json(output / "selection.json")["status"] == "preempted"
        study.select_base(config, output, request)
    assert computed == ["pretrained", "random"], "features that are kept are not computed again"
    return output


def test_the_rejected_are_told_with_their_figures(done: Path, english: str) -> None:
    record = read_json(done / "selection.json")
    base = next(base for base in record["bases"] if base["name"] == english)
    assert base["verdict"] == "rejected" and base["scores"] is None
    failed = {gate["name"]: gate for gate in base["gates"] if gate["verdict"] == "failed"}
    assert "unknown-tokens" in failed and failed["unknown-tokens"]["threshold"] == "<= 0.5%"
    page = (done / "selection.html").read_text(encoding="utf-8")
    assert failed["unknown-tokens"]["figure"] in page and "<script" not in page


def test_the_others_are_ranked_with_every_score_at_every_layer(done: Path, tiny_base: Path) -> None:
    record = read_json(done / "selection.json")
    assert set(record["ranking"]) == {str(tiny_base), f"random:{tiny_base}"} and record["status"] == "completed"
    assert record["task"]["rows"] == 120 == record["task"]["items"]
    first, second = (next(b for b in record["bases"] if b["name"] == name) for name in record["ranking"])
    assert first["scores"]["probe"]["value"] >= second["scores"]["probe"]["value"]
    for score in first["scores"].values():
        assert len(score["by_layer"]) == 2 * 5, "embeddings and four layers, two ways of pooling"
        assert score["value"] == max(place["value"] for place in score["by_layer"] if place["value"] is not None)


def test_features_are_those_of_the_row_without_padding(done: Path, config: Config, tiny_base: Path) -> None:
    import numpy as np

    import amharic_tl as atl
    from amharic_tl.data.tokenizer import load_tokenizer

    task = read_task(without_test(config), Request((str(tiny_base),)))
    features = np.load(Place(done).features(str(tiny_base)))
    tokenizer = load_tokenizer(tiny_base)
    row = min(range(120), key=lambda number: len(task.rows[number].text))  # padded in its batch
    ids = np.asarray([tokenizer(task.rows[row].text)["input_ids"]])
    hidden = atl.from_pretrained(str(tiny_base), dtype="float32")(ids, output_hidden_states=True).hidden_states
    np.testing.assert_allclose(features["mean"][row], np.concatenate(hidden).mean(axis=1), atol=1e-5)
    np.testing.assert_allclose(features["token"][row], np.concatenate(hidden)[:, 0], atol=1e-5)


def test_a_choice_for_another_task_or_of_fewer_bases_is_refused(done: Path, config: Config, tiny_base: Path) -> None:
    before = (done / "selection.json").read_bytes()
    other = build_config({**_flat(config), "data.max_length": 12})
    with pytest.raises(ConfigError, match="data.max_length"):
        study.select_base(other, done, Request((str(tiny_base),)))
    with pytest.raises(ConfigError, match="does not name"):
        study.select_base(config, done, Request((str(tiny_base),)))
    assert (done / "selection.json").read_bytes() == before


def test_the_self_check_trains_the_best_and_a_lower_one_and_stays(
    done: Path, config: Config, tiny_base: Path, english: str, tmp_path: Path
) -> None:
    output = tmp_path / "copy"
    shutil.copytree(done, output)
    models, trainer = (str(tiny_base), f"random:{tiny_base}", english), Trainer()
    record = study.select_base(config, output, Request(models, fine_tune=1, seeds=2), train=trainer)
    assert [run.train.seed for run in trainer.configs] == [0, 1, 0, 1]
    assert {run.data.test for run in trainer.configs} == {None}
    check = record["self_check"]
    assert check["top"] == record["ranking"][:1] and check["lower"] == record["ranking"][1]
    assert all("uninformative here" in found["sentence"] for found in check["agreement"].values())
    again = study.select_base(config, output, Request(models), train=trainer)
    assert again["self_check"] == check and len(trainer.configs) == 4
    assert "uninformative here" in (output / "selection.html").read_text(encoding="utf-8")


def test_each_base_of_the_self_check_takes_the_best_of_the_rates(
    done: Path, config: Config, tiny_base: Path, english: str, tmp_path: Path
) -> None:
    output, random = tmp_path / "copy", f"random:{tiny_base}"
    shutil.copytree(done, output)
    trainer = Trainer()
    request = Request((str(tiny_base), random, english), fine_tune=1, seeds=2, rates=(1e-4, 1e-3))
    check = study.select_base(config, output, request, train=trainer)["self_check"]
    assert check["rates"] == {str(tiny_base): 1e-4, random: 1e-3}
    runs = [(run.train.seed, run.optim.lr, run.model.initialise) for run in trainer.configs]
    assert sorted(runs[:4]) == [(2, rate, which) for rate in (1e-4, 1e-3) for which in ("pretrained", "random")]
    finals = [(seed, rate, which) for rate, which in ((1e-4, "pretrained"), (1e-3, "random")) for seed in (0, 1)]
    assert sorted(runs[4:]) == sorted(finals)
    assert "best of the learning rates" in (output / "selection.html").read_text(encoding="utf-8")


def test_without_a_base_that_passes_the_page_is_there_and_the_code_is_65(
    config: Config, english: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaves = [f"--config.{name}={value}" for name, value in _flat(config).items() if name.startswith("data.t")]
    leaves = [leaf for leaf in leaves if "=None" not in leaf]
    words = ["select-base", english, *leaves, "--config.data.max_length=16", "--memory", "1GiB"]
    assert main([*words, "--output", str(tmp_path / "none")]) == BadInputError.exit_code
    assert "none of the 1 bases passes the gates" in capsys.readouterr().err
    assert read_json(tmp_path / "none" / "selection.json")["status"] == "failed"
    assert (tmp_path / "none" / "selection.html").is_file()


def test_what_cannot_be_served_is_refused_before_anything_is_read(tiny_base: Path, tmp_path: Path) -> None:
    output = tmp_path / "no"
    for leaves, request, said in (
        ({"task.kind": "masked-lm", "train.select_by": "validation/loss"}, Request(("amharic-tiny",)), "task"),
        ({}, Request(("amharic-tiny", "amharic-tiny")), "more than once"),
        ({}, Request(("amharic-tiny",), waived=("tokenizer",)), "--waive"),
        ({}, Request(("amharic-tiny",), pretraining_text={"other": ("x",)}), "--pretraining-text"),
        ({}, Request(("amharic-tiny",), rank_by="luck"), "--rank-by"),
        ({}, Request(("amharic-tiny",), rates=(1e-4,)), "--fine-tune"),
    ):
        with pytest.raises(ConfigError, match=said):
            study.select_base(build_config({"data.train": "absent.csv", **leaves}), output, request)
    assert not output.exists()


def test_a_base_that_is_not_there_is_said_before_any_is_judged(config: Config, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="amharic-tinny"):
        study.select_base(config, tmp_path / "no", Request(("amharic-tiny", "amharic-tinny")))
    assert not (tmp_path / "no").exists()


def _flat(config: Config) -> dict[str, Any]:
    from amharic_tl.config import flatten

    return flatten(to_dict(config))
