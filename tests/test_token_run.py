"""A run that learns tags, from CoNLL files to the report and the exported model."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

import amharic_tl as atl
from amharic_tl.cli.main import main
from amharic_tl.config import build_config
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.data.words import encode_words
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import ConfigError
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.run import train
from tests.tiny import FILLERS, SIGNS

TYPES = {"PER": SIGNS["ሀ"], "LOC": SIGNS["ለ"]}


def _sentences(generator: random.Random, count: int) -> str:
    """Invented sentences: a word of a group is an entity, which a word of a third group may end."""
    lines = []
    for _ in range(count):
        for _ in range(generator.randint(2, 5)):
            lines += [f"{word} O" for word in generator.choices(FILLERS, k=generator.randint(1, 2))]
            kind = generator.choice(sorted(TYPES))
            lines.append(f"{generator.choice(TYPES[kind])} B-{kind}")
            if kind == "PER" and generator.random() < 0.5:
                lines.append(f"{generator.choice(SIGNS['መ'])} I-PER")
        lines.append("")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def overrides(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> dict[str, Any]:
    folder, generator = tmp_path_factory.mktemp("tagged"), random.Random(0)
    for name, count in (("train", 160), ("validation", 30), ("test", 30)):
        (folder / f"{name}.txt").write_text(_sentences(generator, count), encoding="utf-8")
    return {
        "task.kind": "token-classification",
        "model.path": str(tiny_base),
        **{f"data.{name}": str(folder / f"{name}.txt") for name in ("train", "validation", "test")},
        "data.max_length": 16,
        "train.steps": 60,
        "train.batch_size": 16,
        "train.evaluate_every": 30,
        "optim.lr": 3e-3,
        "output.tensorboard": False,
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, overrides: dict[str, Any]) -> Path:
    workdir = tmp_path_factory.mktemp("run") / "w"
    train(build_config(overrides), workdir, make_mesh(1, 1, 1, jax.devices()[:1]))
    return workdir


def test_the_tagger_learns_and_is_selected_by_entities(finished: Path) -> None:
    run = read_json(finished / "run.json")
    assert run["status"] == "completed" and run["best"]["metric"] == "validation/entity_f1"
    test = run["final"]["test"]
    assert set(test) == {"loss", "entity_f1", "entity_precision", "entity_recall", "accuracy", "f1/LOC", "f1/PER"}
    assert test["entity_f1"] > 0.8
    assert read_json(finished / "config.json")["train"]["select_by"] == "validation/entity_f1"


def test_what_the_workdir_says_of_entities(finished: Path, overrides: dict[str, Any]) -> None:
    evaluation, baselines, data = (read_json(finished / f"{n}.json") for n in ("evaluation", "baselines", "data"))
    test = evaluation["test"]
    assert test["n"] == 30 and set(test["classes"]) == {"LOC", "PER"} and "confusion" not in test
    low, high = test["intervals"]["entity_f1"]
    assert low <= test["metrics"]["entity_f1"] <= high
    assert baselines["constant"]["label"] == "O" and baselines["constant"]["test"]["entity_f1"] == 0.0
    assert 0.2 < baselines["words"]["test"]["entity_f1"] <= 1.0
    assert data["labels"] == ["O", "B-LOC", "B-PER", "I-PER"]
    # What is cut off is missed.
    assert 0 < data["splits"]["test"]["truncated"] < 20 and test["metrics"]["entity_recall"] < 1.0
    lines = read_lines(finished / "predictions-test.jsonl")
    assert len(lines) == 30 and all(len(line["tags"]) == len(line["predicted"]) for line in lines)
    text = Path(overrides["data.test"]).read_text(encoding="utf-8").split()[0]
    assert text not in (finished / "predictions-test.jsonl").read_text(encoding="utf-8")


def test_the_report_shows_entities(finished: Path) -> None:
    report, page = read_json(finished / "report.json"), (finished / "report.html").read_text(encoding="utf-8")
    assert "entity F1" in report["verdict"] and "the list of train's words" in report["verdict"]
    assert report["confusion"] is None
    assert [row["label"] for row in report["classes"]] == ["LOC", "PER"]
    shown = {row["metric"]: row["splits"]["test"] for row in report["scores"]}
    assert set(shown["entity_f1"]) == {"value", "interval", "words", "constant"}
    assert "By type, on test" in page and "word list F1" in page and "TF-IDF" not in page
    assert "Entity F1 on validation" in page
    states = {finding["rule"]: finding for finding in report["recommendations"]}
    assert states["below-tfidf"]["state"] != "not measured" and states["worst-class"]["state"] != "not measured"


def test_the_export_tags_as_the_run_did(finished: Path, overrides: dict[str, Any]) -> None:
    model = atl.from_pretrained(str(finished / "export"), "token-classification")
    assert model.load_report.newly_initialised == ()
    config = json.loads((finished / "export" / "config.json").read_text())
    assert config["architectures"] == ["RobertaForTokenClassification"] and config["id2label"]["0"] == "O"
    assert "problem_type" not in config
    sentences = [block.split("\n") for block in Path(overrides["data.test"]).read_text().strip().split("\n\n")]
    words = [[line.split()[0] for line in lines] for lines in sentences]
    encoded = encode_words(load_tokenizer(finished / "export"), words, 16)
    names = config["id2label"]
    predicted = []
    padded = np.asarray([[*ids, *[0] * (16 - len(ids))] for ids in encoded.encoded.ids])
    mask = np.arange(16) < np.asarray([[len(ids)] for ids in encoded.encoded.ids])
    logits = nnx.jit(lambda m, ids, mask: m(ids, attention_mask=mask).logits)(model, padded, mask.astype(np.int32))
    for tags, starts in zip(np.asarray(logits.argmax(axis=-1)), encoded.starts, strict=True):
        predicted.append([names[str(tags[place])] if place >= 0 else "O" for place in starts])
    assert predicted == [line["predicted"] for line in read_lines(finished / "predictions-test.jsonl")]


def test_the_command_line_and_its_refusals(
    overrides: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match="has no 'macro_f1'; the figures are validation/entity_f1"):
        build_config({**overrides, "train.select_by": "validation/macro_f1"})
    assert build_config({**overrides, "train.select_by": "validation/f1/PER"}).train.select_by.endswith("PER")
    with pytest.raises(ConfigError, match="token-classification has no safety signals"):
        build_config({**overrides, "safety.axes": "ethnicity", "safety.positive_labels": "PER"})
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("ባለ NOUN\n", encoding="utf-8")
    arguments = [f"--config.{name}={value}" for name, value in {**overrides, "data.train": wrong}.items()]
    assert main(["train", "--config", "ner", *arguments, "--workdir", str(tmp_path / "w")]) == 65
    assert "holds 'NOUN', expected O, B-TYPE or I-TYPE" in capsys.readouterr().err
