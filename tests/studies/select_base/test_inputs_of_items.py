"""Which tokens belong to which word, and that small files alone are fetched for the gates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amharic_tl.config import Config, build_config
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.models.interchange.locate import locate
from amharic_tl.studies.select_base.features import make_inputs
from amharic_tl.studies.select_base.request import Request, without_test
from amharic_tl.studies.select_base.task_data import read_task

SENTENCES = [["አዲስ", "አበባ", "ትልቅ", "ከተማ", "ናት", "።"], ["ሰላም", "ለሁሉም"], ["ዛሬ", "ሐሙስ", "ነው"]] * 4


def tagged(tmp_path: Path, **leaves: object) -> Config:
    path = tmp_path / "train.txt"
    tags = ["B-LOC", "I-LOC", *["O"] * 4]
    lines = ["\n".join(f"{word} {tag}" for word, tag in zip(words, tags, strict=False)) for words in SENTENCES]
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    named = {"data.train": str(path), "data.validation": str(path), "task.kind": "token-classification"}
    return without_test(build_config({**named, **leaves}))


@pytest.mark.parametrize("long_text", ["truncate", "windows"])
def test_the_pieces_of_words_make_up_the_sentence(tmp_path: Path, long_text: str) -> None:
    config = tagged(tmp_path, **{"data.long_text": long_text, "data.max_length": 8 if long_text == "windows" else 64})
    task = read_task(config, Request(("amharic-tiny",)))
    tokenizer = load_tokenizer(locate("amharic-tiny"))
    inputs = make_inputs(config, task, tokenizer)
    words = [word for row in task.rows for word in row.tokens]
    seen = np.zeros(len(words), int)
    for ids, spans, items in zip(inputs.ids, inputs.spans, inputs.items, strict=True):
        for (begin, end), item in zip(spans, items, strict=True):
            seen[item] += 1
            written = tokenizer.decode(ids[begin:end], skip_special_tokens=True).strip()
            assert words[item].startswith(written) and written  # a window may end within a word
            assert long_text == "windows" or written == words[item]
    assert (seen == 1).all()


def test_the_sample_is_bounded_by_words_in_whole_sentences(tmp_path: Path) -> None:
    task = read_task(tagged(tmp_path), Request(("amharic-tiny",), words=25))
    assert 20 <= len(task.labels) <= 25
    assert len(task.labels) == sum(len(row.tokens) for row in task.rows)
    assert len(task.texts) == 2 * len(SENTENCES) and any("--words 25" in note for note in task.notes)


def test_copies_of_a_sentence_share_a_fold(tmp_path: Path) -> None:
    task = read_task(tagged(tmp_path), Request(("amharic-tiny",)))
    for cluster in np.unique(task.clusters):
        assert len(set(task.folds[task.clusters == cluster])) == 1
    assert len(np.unique(task.clusters)) == 3


def test_no_weights_are_fetched_for_the_gates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def download(repository: str, *, revision: Any, allow_patterns: list[str]) -> str:
        asked.extend(allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    locate("owner/name", weights=False)
    assert "config.json" in asked and "README.md" in asked
    assert not any("safetensors" in name or "msgpack" in name or ".bin" in name for name in asked)
