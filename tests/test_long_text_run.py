"""Texts that are longer than the model's input, from the config to predictions."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.config import Config, build_config
from amharic_tl.data.splits import Splits, load_splits
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.evaluation.pooling import in_order
from amharic_tl.models.output import ModelOutput
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.run import train
from amharic_tl.run.evaluation import evaluate
from amharic_tl.run.telling import about_data
from amharic_tl.tasks.prepared import Prepared
from amharic_tl.tasks.registry import prepare
from tests.tiny import overrides


def prepared(config: Config, base: Path, problem: str) -> tuple[Splits, Prepared]:
    splits = load_splits(config.data, labelled=True, seed=0, problem=problem)
    return splits, prepare(config, splits, load_tokenizer(base))


def test_a_document_counts_once_whatever_its_windows(
    tiny_base: Path, tiny_overrides: dict[str, object], mixed_files: Path
) -> None:
    """Over an epoch, each text's windows together weigh in the updates what every other text's weigh."""
    train = str(mixed_files / "train.csv")
    config = build_config({**tiny_overrides, "data.train": train, "data.max_length": 8, "data.long_text": "windows"})
    splits, found = prepared(config, tiny_base, "single-label")
    assert found.windows["train"] > len(splits.train.rows)
    task, batches, source = found.task, found.train, np.asarray(found.row_source)
    weight = np.zeros(len(splits.train.rows))
    for step in range(len(batches)):
        batch = batches[step]
        update = float(task.loss_weights(batch).sum())
        for place, row in enumerate(batch["row_index"]):
            if row >= 0:
                weight[source[row]] += batch["weights"][place] * batch["shares"][place] / update
    # The last batch is not full: its rows weigh more, as they do without windows.
    assert np.median(weight) == pytest.approx(len(source) / len(weight) / config.train.batch_size, rel=1e-5)
    assert (np.abs(weight / np.median(weight) - 1) < 1e-5).mean() > 0.9
    logits = jnp.zeros((16, len(splits.labels)))
    batch = batches[0]
    loss = float(task.loss(ModelOutput(logits=logits), {name: jnp.asarray(value) for name, value in batch.items()}))
    assert loss == pytest.approx(np.log(3) * float((batch["shares"] * batch["weights"]).sum()), rel=1e-5)


def test_no_tag_is_lost_in_windows(tiny_base: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    words = {"ዳረ": "O", "ዶሮ": "O", "ባለ": "B-PER", "ካነ": "B-LOC"}
    for name, count in (("train", 40), ("dev", 12)):
        sentences = [generator.choice(list(words), size=generator.integers(2, 40)) for _ in range(count)]
        text = "\n\n".join("\n".join(f"{word} {words[str(word)]}" for word in sentence) for sentence in sentences)
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    config = build_config(
        {
            "task.kind": "token-classification",
            "data.train": str(tmp_path / "train.txt"),
            "data.validation": str(tmp_path / "dev.txt"),
            "data.max_length": 12,
            "data.long_text": "windows",
            "train.batch_size": 8,
        }
    )
    splits, found = prepared(config, tiny_base, "tags")
    rows, batches, parts = splits.validation.rows, found.evaluation["validation"], []
    assert found.windows["validation"] > len(rows)
    for step in range(len(batches)):
        batch = {name: jnp.asarray(value) for name, value in batches[step].items()}
        logits = jnp.asarray(generator.normal(size=(*batch["input_ids"].shape, len(splits.labels))))
        parts.append(found.task.evaluate(ModelOutput(logits=logits), batch))
    gathered = {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}
    pooled = found.pools["validation"](in_order(gathered))
    assert found.judge is not None
    lines = found.judge.predictions(rows, pooled)
    assert [len(line["predicted"]) for line in lines] == [len(row.tokens) for row in rows]
    assert found.task.tags_of(pooled["gold"]) == [list(row.labels) for row in rows]  # type: ignore[attr-defined]
    assert pooled["words"].sum() == sum(len(row.tokens) for row in rows)


@pytest.mark.slow
def test_windows_give_one_prediction_a_row(tiny_base: Path, mixed_files: Path, tmp_path: Path) -> None:
    short = {"train.steps": 2, "train.evaluate_every": 2, "output.baselines": False, "output.export": False}
    windows = {"data.max_length": 8, "data.long_text": "windows"}
    config = build_config({**overrides(tiny_base, mixed_files), **short, **windows})
    train(config, tmp_path / "run", make_mesh(1, 1, 1, jax.devices()[:1]))
    data = read_json(tmp_path / "run" / "data.json")
    lines = list(read_lines(tmp_path / "run" / "predictions-test.jsonl"))
    rows, about = data["splits"]["test"]["rows"], data["splits"]["test"]["long_text"]
    assert about["mode"] == "windows" and about["unread_share"] == 0.0 and about["windows"] > rows
    assert len(lines) == rows == len({line["id"] for line in lines})
    assert all(sum(line["scores"].values()) == pytest.approx(1.0, abs=1e-4) for line in lines)
    said = [line for line in about_data(data) if line.startswith(f"{about['longer_share']:.1%} of test")]
    assert len(said) == 1 and "none is cut" in said[0]
    assert "all, in windows" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    again = evaluate(tmp_path / "run")
    assert again.metrics["test"] == pytest.approx(read_json(tmp_path / "run" / "run.json")["final"]["test"], abs=1e-6)
