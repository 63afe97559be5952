"""What a run records and says of the attention it took."""

from __future__ import annotations

from pathlib import Path

import pytest

from amharic_tl.config import build_config
from amharic_tl.errors import ConfigError
from amharic_tl.models.attention import Choice
from amharic_tl.models.attention.paths import Machine, Request
from amharic_tl.run import assemble
from amharic_tl.run.attention import AttentionRecord
from amharic_tl.run.telling import about_attention

LENGTHS = ((8, 8), (16, 16), (8, 8))


def test_choices_for_the_same_reasons_are_one_line_with_the_lengths_of_its_calls() -> None:
    record = AttentionRecord()
    choices = [
        Choice("xla", {"cudnn": "no"}, Request("float32", 2, *lengths, 2, 2, 8, frozenset({"causal"})), Machine("cpu"))
        for lengths in LENGTHS
    ]
    assert [record.add(choice) is not None for choice in choices] == [True, False, False]
    calls = [{"dtype": "float32", "features": ["causal"], "lengths": [[8, 8], [16, 16]]}]
    assert record.lines == [{"path": "xla", "platform": "cpu", "not_taken": {"cudnn": "no"}, "calls": calls}]
    assert about_attention(record.lines[0]) == "attention: xla on cpu (not cudnn: no)"


def test_attention_that_cannot_serve_the_model_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text("text,label\n" + "".join(f"ቃል {index},{'ab'[index % 2]}\n" for index in range(32)), "utf-8")
    config = build_config({"data.train": str(train), "train.batch_size": 8, "model.attention": "cudnn"})
    with pytest.raises(ConfigError, match="config.model.attention: cudnn .*NVIDIA GPU"):
        assemble(config)
