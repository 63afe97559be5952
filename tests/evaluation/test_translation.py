"""What is translated and how it begins. sacreBLEU itself is optional: a stand-in with its interface takes its place."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.errors import ConfigError
from amharic_tl.evaluation.translation import Translations, can_score, refuse_selection

T5 = {
    "model_type": "t5",
    "vocab_size": 24,
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 24,
    "num_layers": 1,
    "num_heads": 2,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
    "eos_token_id": 1,
}


class Tokenizer:
    """Writes each id as a word; 0 is padding, 1 the end, 2 a language."""

    pad_token_id = 0

    def __call__(self, text_target: str) -> dict[str, list[int]]:
        return {"input_ids": [2, 5, 1]}

    def batch_decode(self, rows: Any, skip_special_tokens: bool) -> list[str]:
        assert skip_special_tokens
        return [" ".join(str(token) for token in row if token > 2) for row in rows.tolist()]


class Score:
    """As sacreBLEU's metrics: the share of equal lines; a signature only after something was scored."""

    def __init__(self) -> None:
        self.scored = False

    def corpus_score(self, written: list[str], wanted: list[list[str]]) -> SimpleNamespace:
        self.scored = True
        assert len(wanted) == 1 and len(wanted[0]) == len(written)
        return SimpleNamespace(score=100.0 * float(np.mean([a == b for a, b in zip(written, wanted[0], strict=True)])))

    def get_signature(self) -> str:
        assert self.scored
        return "nrefs:1"


@pytest.fixture
def sacrebleu(monkeypatch: pytest.MonkeyPatch) -> None:
    package, metrics = ModuleType("sacrebleu"), ModuleType("sacrebleu.metrics")
    package.__spec__ = ModuleSpec("sacrebleu", None)
    metrics.BLEU = metrics.CHRF = Score  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sacrebleu", package)
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", metrics)


def test_a_part_of_the_rows_is_translated_as_the_model_does(sacrebleu: None) -> None:
    assert can_score()
    model = atl.from_config(T5, "seq2seq-lm", seed=0)
    generator = np.random.default_rng(0)
    sources = [generator.integers(3, 24, length).astype(np.int32) for length in (3, 9, 5, 4, 7, 6, 2)]
    made = Translations(sources, ["?"] * 7, Tokenizer(), None, rows=4, batch_rows=3, new_tokens=5)
    written = made.translate(model)
    for row, text in zip((0, 2, 4, 6), written, strict=True):
        alone = atl.generate(model, sources[row][None], max_new_tokens=5)
        assert text == " ".join(str(token) for token in alone[0, 1:].tolist() if token > 2)
    again = Translations(sources, written, Tokenizer(), None, rows=10, batch_rows=4, new_tokens=5)
    assert len(again.translate(model)) == 7
    assert made.metrics(model) == {"bleu": 0.0, "chrf": 0.0}
    right = Translations(sources, again.translate(model), Tokenizer(), None, rows=7, batch_rows=7, new_tokens=5)
    assert right.metrics(model) == {"bleu": 100.0, "chrf": 100.0}
    assert "4 rows, evenly spread over 7" in made.describe() and "bleu nrefs:1" in made.describe()


def test_the_target_language_comes_first() -> None:
    model = atl.from_config(T5, "seq2seq-lm", seed=0)
    made = Translations([np.asarray([5, 6], np.int32)], ["?"], Tokenizer(), 2, rows=1, batch_rows=1, new_tokens=4)
    assert made._first_tokens(model) == {"decoder_start_token_id": 0, "forced_bos_token_id": 2}
    without = Translations([np.asarray([5, 6], np.int32)], ["?"], Tokenizer(), None, rows=1, batch_rows=1, new_tokens=4)
    assert without._first_tokens(model) == {"decoder_start_token_id": 0}


def test_selecting_by_what_is_not_measured_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="generate_rows above 0"):
        refuse_selection("validation/bleu", 0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs sacrebleu"):
        refuse_selection("validation/chrf", 10)
    refuse_selection("validation/loss", 0)
