"""Rows of new tokens: what they are mixed of, and that old ones are copied bit for bit."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from amharic_tl.errors import ConfigError
from amharic_tl.models.interchange.locate import read_config
from amharic_tl.models.interchange.weights import open_weights
from amharic_tl.models.registry import task_of
from amharic_tl.transfer.vocabulary.extend import extend
from amharic_tl.transfer.vocabulary.focus import mixtures, sparsemax, token_vectors
from amharic_tl.transfer.vocabulary.initialise import METHODS, Cutter, Rows, fill_table, plan_rows
from amharic_tl.transfer.vocabulary.replace import replace
from amharic_tl.transfer.vocabulary.tables import vocabulary_axes
from tests.transfer.vocabulary.making import KINDS, sentences, tokenizer_of

LEARNED = sentences(150)
GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_of_subwords_is_that_of_what_the_old_tokenizer_made_of_the_piece(kind: str) -> None:
    old = tokenizer_of(kind)
    change = extend(old, LEARNED, 40)
    table = GENERATOR.normal(size=(len(old.tokens) + 3, 8)).astype(np.float32)
    rows = plan_rows(old, change, len(table), "subword-mean")
    new = fill_table(rows, table, np.random.default_rng(1))
    assert np.array_equal(new[: len(old.tokens)], table[: len(old.tokens)])
    cut = Cutter(old)
    for row in rows.new:
        piece = str(change.tokenizer.tokens[row])
        parts = cut(piece)
        if piece in ("።", "##።"):  # the one sign that the little tokenizers do not know
            assert rows.drawn[row] == (not parts) == (kind != "byte-fallback")
            continue
        marks = [old.text(str(old.tokens[part])) if not old.byte_level else str(old.tokens[part]) for part in parts]
        assert "".join(marks) == (old.text(piece) if not old.byte_level else piece)
        np.testing.assert_allclose(new[row], table[parts].mean(axis=0), rtol=1e-5, atol=1e-6)


def test_a_piece_of_which_nothing_is_known_is_drawn() -> None:
    old = tokenizer_of("bpe")
    rows = plan_rows(old, extend(old, ["ጠጸ ጠጸ"] * 3, 5), len(old.tokens), "subword-mean")
    assert len(rows.new) > 2 and rows.drawn[rows.new].all()  # two letters, and what is merged of them and a mark


@pytest.mark.parametrize("method", METHODS)
def test_what_both_have_is_copied_whatever_the_method(method: str) -> None:
    old = tokenizer_of("unigram")
    change = replace(old, LEARNED, 120)
    table = GENERATOR.normal(size=(len(old.tokens), 4)).astype(ml_dtypes.bfloat16)
    rows = plan_rows(old, change, len(table), method, lambda new: {})  # type: ignore[arg-type]
    new = fill_table(rows, table, np.random.default_rng(1))
    kept = change.origin >= 0
    assert new.dtype == table.dtype and kept.sum() > 10
    assert np.array_equal(new[kept].view(np.uint16), table[change.origin[kept]].view(np.uint16))
    assert np.isfinite(new.astype(np.float32)).all()


def test_draws_have_the_mean_and_deviation_of_the_old_rows_and_biases_their_mean() -> None:
    table = GENERATOR.normal([3.0, -1.0], [0.5, 2.0], size=(500, 2)).astype(np.float32)
    origin = np.concatenate([np.arange(500), np.full(20_000, -1)])
    rows = Rows(origin, {}, origin < 0, np.arange(500))
    new = fill_table(rows, table, np.random.default_rng(2))[500:]
    np.testing.assert_allclose(new.mean(axis=0), table.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(new.std(axis=0), table.std(axis=0), rtol=0.03)
    bias = fill_table(rows, table[:, 0], np.random.default_rng(2))[500:]
    np.testing.assert_allclose(bias, table[:, 0].mean(), rtol=1e-5)


def test_rows_that_no_token_names_stay_when_a_vocabulary_is_extended() -> None:
    old = tokenizer_of("wordpiece")
    change = extend(old, LEARNED, 10)
    rows = plan_rows(old, change, len(old.tokens) + 30, "mean")
    assert len(rows.origin) == len(old.tokens) + 30
    assert rows.origin[-20:].tolist() == list(range(len(old.tokens) + 10, len(old.tokens) + 30))


def test_an_unknown_method_is_refused() -> None:
    old = tokenizer_of("bpe")
    with pytest.raises(ConfigError, match="subword-mean"):
        plan_rows(old, extend(old, LEARNED, 5), 200, "zeros")  # type: ignore[arg-type]


def test_sparsemax_is_the_nearest_point_of_the_simplex() -> None:
    scores = GENERATOR.normal(size=(50, 12))
    found = sparsemax(scores)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found >= 0).all() and (found == 0).any()
    distance = ((found - scores) ** 2).sum(axis=1)
    for other in GENERATOR.dirichlet(np.full(12, 0.3), size=500):
        assert (distance <= ((other - scores) ** 2).sum(axis=1) + 1e-12).all()
    # Worked by hand: of (1, 0.5, -1) the threshold is (1.5 - 1) / 2.
    np.testing.assert_allclose(sparsemax(np.asarray([[1.0, 0.5, -1.0]])), [[0.75, 0.25, 0.0]])


def test_focus_mixes_the_old_tokens_that_are_used_alike() -> None:
    origin = np.asarray([10, 11, 12, -1, -1, -1])
    vectors = {0: np.asarray([1.0, 0, 0]), 1: np.asarray([0, 1.0, 0]), 2: np.asarray([0, 0, 1.0])}
    found = mixtures({**vectors, 3: np.asarray([2.0, 0.0, 0.0]), 4: np.asarray([1.0, 1.0, 0.0])}, [3, 4, 5], origin)
    assert sorted(found) == [3, 4]  # 5 has no vector
    assert found[3][0].tolist() == [10] and found[3][1].tolist() == [1.0]
    assert found[4][0].tolist() == [10, 11]
    np.testing.assert_allclose(found[4][1], 0.5)


def test_focus_learns_vectors_of_the_new_tokens_from_the_text_and_always_the_same() -> None:
    pytest.importorskip("gensim", reason="FOCUS needs gensim")
    old = tokenizer_of("bpe")
    change = extend(old, LEARNED, 30)
    vectors = token_vectors(change, LEARNED, seed=3, minimum_count=5)
    again = token_vectors(change, LEARNED, seed=3, minimum_count=5)
    assert vectors.keys() == again.keys()
    assert all(np.array_equal(vectors[token], again[token]) for token in vectors)
    assert any(change.origin[token] < 0 for token in vectors) and change.tokenizer.ids["<unk>"] not in vectors


@pytest.mark.parametrize(
    ("checkpoint", "names"),
    [
        ("xlmr-mlm", {"roberta.embeddings.word_embeddings.weight", "lm_head.bias"}),
        ("bert-base-model", {"embeddings.word_embeddings.weight"}),
        ("mt5-gated-untied", {"shared.weight", "lm_head.weight"}),
        ("mbart-seq2seq", {"model.shared.weight", "final_logits_bias"}),
        ("v5-qwen2-lm", {"model.embed_tokens.weight", "lm_head.weight"}),
        ("v5-deberta-v2-mlm", None),
        ("v5-modernbert-mlm", None),
    ],
)
def test_tables_are_found_in_every_family(checkpoints_dir: Path, checkpoint: str, names: set[str] | None) -> None:
    folder = checkpoints_dir / checkpoint / "safetensors"
    config = read_config(folder)
    axes = vocabulary_axes(config, task_of(config, str(folder)), open_weights(folder))
    assert names is None or set(axes) == names, sorted(axes)
    assert any("embed" in name or "shared" in name for name in axes)
