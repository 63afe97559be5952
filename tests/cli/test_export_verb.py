"""amharic-tl export: other formats, precisions and shards, with all that belongs to a model; nothing made up."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.cli.arguments import UsageError
from amharic_tl.cli.export import size_of
from amharic_tl.cli.main import main


def _same(first: Path, second: Path, task: str | None = "masked-lm") -> None:
    ours, theirs = (atl.named_parameters(atl.from_pretrained(str(path), task)) for path in (first, second))
    assert ours.keys() == theirs.keys()
    for name, view in ours.items():
        assert np.asarray(view.value()).tobytes() == np.asarray(theirs[name].value()).tobytes(), name


@pytest.fixture
def base(tiny_base: Path, tmp_path: Path) -> Path:
    """A model with a generation config."""
    shutil.copytree(tiny_base, tmp_path / "base")
    (tmp_path / "base" / "generation_config.json").write_text('{"max_length": 20, "eos_token_id": 2}')
    return tmp_path / "base"


def test_there_and_back_again_keeps_every_bit(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flax, back, shards = tmp_path / "flax", tmp_path / "back", tmp_path / "shards"
    assert main(["export", str(base), "--output", str(flax), "--format", "flax"]) == 0
    assert f"wrote {flax}" in capsys.readouterr().out
    assert main(["export", str(flax), "--output", str(back)]) == 0
    assert (back / "model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()
    assert main(["export", str(back), "--output", str(shards), "--max-shard-size=40KB"]) == 0
    assert len(list(shards.glob("model-*-of-*.safetensors"))) > 2
    _same(shards, base)
    for folder in (flax, back, shards):
        for name in ("config.json", "generation_config.json"):
            assert json.loads((folder / name).read_text()) == json.loads((base / name).read_text())
        for name in ("tokenizer.json", "tokenizer_config.json"):
            assert (folder / name).read_bytes() == (base / name).read_bytes()


@pytest.mark.parametrize(
    "name", ["xlmr-mlm/pytorch-bin-v4.30", "bert-mlm/safetensors-legacy-names", "bert-mlm/flax-bf16"]
)
def test_old_forms_are_written_as_new_ones(name: str, checkpoints_dir: Path, tmp_path: Path) -> None:
    assert main(["export", str(checkpoints_dir / name), "--output", str(tmp_path / "new")]) == 0
    _same(tmp_path / "new", checkpoints_dir / name)
    assert atl.from_pretrained(str(tmp_path / "new"), "masked-lm").load_report.dropped == ()


def test_precision_and_head_can_be_chosen(base: Path, tmp_path: Path) -> None:
    output = tmp_path / "half"
    assert main(["export", str(base), "--output", str(output), "--dtype=bfloat16"]) == 0
    views = atl.named_parameters(atl.from_pretrained(str(output), "masked-lm"))
    assert {str(view.dtype) for view in views.values()} == {"bfloat16"}
    model = atl.from_pretrained(str(base), "sequence-classification", labels=["a", "b"])
    atl.save_pretrained(model, tmp_path / "classifier")
    config = json.loads((tmp_path / "classifier" / "config.json").read_text())
    assert config["architectures"] == ["RobertaForSequenceClassification"]
    assert main(["export", str(tmp_path / "classifier"), "--output", str(tmp_path / "copy")]) == 0
    _same(tmp_path / "copy", tmp_path / "classifier", "sequence-classification")
    assert json.loads((tmp_path / "copy" / "config.json").read_text()) == config


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "the model is missing"),
        (["BASE"], 2, "--output is missing"),
        (["BASE", "OTHER", "--output", "o"], 2, "'OTHER' is not an option"),
        (["BASE", "--output", "o", "--config.optim.lr=1"], 2, "there is no option --config.optim.lr"),
        (["BASE", "--output", "o", "--formt=flax"], 2, "did you mean --format?"),
        (["BASE", "--output", "o", "--format=pickle"], 78, "expected 'safetensors' or 'flax'"),
        (["BASE", "--output", "o", "--dtype=int8"], 78, "expected one of"),
        (["BASE", "--output", "o", "--max-shard-size=big"], 2, "such as 500MB"),
        (["BASE", "--output", "o", "--task=poetry"], 78, "'poetry'"),
        (["BASE", "--output", "BASE"], 78, "is the model itself"),
        (["BASE", "--output", "o", "--task=sequence-classification"], 65, "lacks classifier"),
        (["nowhere", "--output", "o"], 66, "nowhere"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(
    words: list[str],
    code: int,
    said: str,
    base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["export", *(str(base) if word == "BASE" else word for word in words)]) == code
    shown = capsys.readouterr().err
    assert said in shown and "Traceback" not in shown
    assert sorted(tmp_path.rglob("*")) == before


def test_a_class_that_no_task_has_is_named(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = json.loads((base / "config.json").read_text())
    for architectures in (["RobertaForPreTraining"], None, [3]):
        (base / "config.json").write_text(json.dumps({**config, "architectures": architectures}))
        assert main(["export", str(base), "--output", str(tmp_path / "o")]) == 65
        assert "RobertaForMaskedLM" in capsys.readouterr().err
    assert main(["export", str(base), "--output", str(tmp_path / "o"), "--task", "masked-lm"]) == 0
    assert json.loads((tmp_path / "o" / "config.json").read_text())["architectures"] == ["RobertaForMaskedLM"]


def test_sizes() -> None:
    assert [size_of(text) for text in ("1000", "2GB", "1.5gb", "500 MB", "2GiB", "7kb")] == [
        1000, 2 * 10**9, 15 * 10**8, 5 * 10**8, 2**31, 7000
    ]  # fmt: skip
    for text in ("", "0", "GB", "-1GB", "2TB", "1e9", "inf"):
        with pytest.raises(UsageError):
            size_of(text)
