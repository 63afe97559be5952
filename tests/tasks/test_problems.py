"""Losses of multi-label classification and regression against arithmetic, and whole runs of both."""

from __future__ import annotations

import csv
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import ConfigError
from amharic_tl.models.output import ModelOutput
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.run import train
from amharic_tl.tasks.multi_label import MultiLabelClassification, balanced_label_weights
from amharic_tl.tasks.regression import Regression

LOGITS = jnp.asarray([[2.0, -1.0], [0.5, 3.0], [9.0, 9.0]])
BATCH = {
    "labels": jnp.asarray([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]),
    "weights": jnp.asarray([1.0, 1.0, 0.0]),
    "row_index": jnp.asarray([0, 1, -1]),
}


def test_the_multi_label_loss_is_the_mean_over_texts_and_labels() -> None:
    task = MultiLabelClassification(["ሀ", "ለ"])
    p = 1 / (1 + np.exp(-np.asarray(LOGITS[:2])))
    gold = np.asarray(BATCH["labels"][:2])
    expected = -(gold * np.log(p) + (1 - gold) * np.log(1 - p)).mean()
    outputs = ModelOutput(logits=LOGITS)
    loss = float(task.loss(outputs, BATCH) / task.loss_weights(BATCH).sum())
    assert loss == pytest.approx(expected, rel=1e-6)
    gathered = {name: np.asarray(value) for name, value in task.evaluate(outputs, BATCH).items()}
    metrics = task.score(gathered)
    assert metrics["loss"] == pytest.approx(expected, rel=1e-6)
    assert metrics["accuracy"] == 0.5 and metrics["f1/ሀ"] == pytest.approx(2 / 3)


def test_label_weights_balance_each_label_by_itself() -> None:
    flags = np.asarray([[1, 0], [1, 0], [1, 0], [0, 0]], np.float32)
    weights = balanced_label_weights(flags)
    np.testing.assert_allclose(weights, [[4 / 2, 4 / 8], [4 / 6, 0.0]])
    task = MultiLabelClassification(["ሀ", "ለ"], weights)
    np.testing.assert_allclose(task.loss_weights(BATCH)[:2], [[4 / 6, 0.5], [2.0, 0.0]], rtol=1e-6)
    smooth = MultiLabelClassification(["ሀ", "ለ"], label_smoothing=1.0)
    half = {**BATCH, "labels": jnp.full((3, 2), 0.5)}
    plain = MultiLabelClassification(["ሀ", "ለ"])
    outputs = ModelOutput(logits=LOGITS)
    assert float(smooth.loss(outputs, BATCH)) == pytest.approx(float(plain.loss(outputs, half)), rel=1e-6)


def test_the_regression_loss_is_the_mean_squared_error_of_real_rows() -> None:
    task = Regression()
    batch = {**BATCH, "labels": jnp.asarray([1.0, 2.0, 0.0])}
    outputs = ModelOutput(logits=LOGITS[:, :1])
    loss = float(task.loss(outputs, batch) / task.loss_weights(batch).sum())
    assert loss == pytest.approx((1.0 + 1.5**2) / 2)
    gathered = {name: np.asarray(value) for name, value in task.evaluate(outputs, batch).items()}
    assert task.score(gathered)["mse"] == pytest.approx(loss)
    assert task.lower_is_better("mae") and not task.lower_is_better("pearson")


@pytest.mark.parametrize(
    ("problem", "labels", "gold"),
    [("multi-label", ["ሀ", "ለ", "መ"], [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]), ("regression", ["number"], [0.5, -2.0])],
)
def test_hugging_face_takes_the_same_loss_from_the_export(
    problem: str, labels: list[str], gold: list[object], tiny_base: Path, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForSequenceClassification

    model = atl.from_pretrained(str(tiny_base), "sequence-classification", labels=labels, problem=problem, seed=1)
    oracle = AutoModelForSequenceClassification.from_pretrained(atl.save_pretrained(model, tmp_path / "m")).eval()
    ids = np.asarray([[0, 7, 8, 9, 2], [0, 10, 11, 12, 2]])
    with torch.no_grad():
        expected = float(oracle(torch.tensor(ids), labels=torch.tensor(gold)).loss)
    task = Regression() if problem == "regression" else MultiLabelClassification(labels)
    batch = {"labels": jnp.asarray(gold), "weights": jnp.ones(2), "row_index": jnp.arange(2)}
    loss = task.loss(model(jnp.asarray(ids)), batch) / task.loss_weights(batch).sum()
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task.problem": "regression"}, "regression has no 'macro_f1'; the figures are validation/pearson"),
        ({"task.problem": "multi-label", "safety.axes": "ethnicity"}, "multi-label has none"),
        ({"task.problem": "multi-label", "task.kind": "masked-lm"}, "masked-lm has no problem to choose"),
        ({"data.label": ("a", "b")}, "several columns need config.task.problem=multi-label"),
        ({"task.problem": "regression", "train.class_weights": "balanced"}, "no classes to weight"),
        ({"task.problem": "regression", "train.label_smoothing": 0.1}, "no classes to smooth"),
    ],
)
def test_settings_that_do_not_fit_the_problem_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_config(change)


@pytest.mark.parametrize(
    ("problem", "label", "select_by", "problem_type"),
    [
        ("multi-label", "ሀ,ለ", "validation/micro_f1", "multi_label_classification"),
        ("regression", "number", "validation/spearman", "regression"),
    ],
)
def test_a_whole_run(
    problem: str,
    label: str,
    select_by: str,
    problem_type: str,
    tiny_base: Path,
    tiny_files: Path,
    tmp_path: Path,
) -> None:
    for name in ("train", "validation", "test"):
        with (tiny_files / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "ሀ", "ለ", "number"])
            for row in rows:
                flags = [int(row["label"] == "ሀ"), int(row["label"] == "ለ")]
                writer.writerow([row["text"], *flags, flags[0] - 0.5 * flags[1]])
    overrides: dict[str, object] = {
        "task.problem": problem,
        "model.path": str(tiny_base),
        **{f"data.{name}": str(tmp_path / f"{name}.csv") for name in ("train", "validation", "test")},
        "data.label": label,
        "data.max_length": 16,
        "train.steps": 60,
        "train.batch_size": 16,
        "train.evaluate_every": 30,
        "train.select_by": select_by,
        "optim.lr": 3e-3,
        "output.tensorboard": False,
    }
    run = train(build_config(overrides), tmp_path / "w", make_mesh(1, 1, 1, jax.devices()[:1]))
    metric = select_by.partition("/")[2]
    final = run["final"]["test"]
    assert final[metric] > 0.3 and set(run["final"]) == {"validation", "test", "test_clean"}
    stored = read_json(tmp_path / "w" / "evaluation.json")["test"]
    assert stored["metrics"][metric] == pytest.approx(final[metric]) and stored["intervals"][metric]
    assert read_json(tmp_path / "w" / "baselines.json")["tfidf"]["test"][metric] > 0
    lines = read_lines(tmp_path / "w" / "predictions-test.jsonl")
    assert len(lines) == 60 and all("text" not in line for line in lines)
    config = read_json(tmp_path / "w" / "export" / "config.json")
    assert config["problem_type"] == problem_type
    assert list(config["id2label"].values()) == label.split(",")
    page = (tmp_path / "w" / "report.html").read_text(encoding="utf-8")
    assert ("Pearson correlation" if problem == "regression" else "micro-F1") in page
    assert "could not be written" not in page and "the files lack" not in page
    again = atl.from_pretrained(str(tmp_path / "w" / "export"), "sequence-classification")
    assert again.load_report.newly_initialised == ()
