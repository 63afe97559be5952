"""Positions: buckets of distances, sinusoids, places within packed documents."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.models.decoder_tower import places_in_segments
from amharic_tl.models.positions import RelativeBuckets, SinusoidalPositions


def test_buckets_are_exact_near_by_and_wider_farther_away() -> None:
    ahead = np.arange(-200, 201)
    found = np.asarray(RelativeBuckets(32, 128, both_ways=True)(jnp.zeros(1, jnp.int32), jnp.asarray(ahead)))[0]
    near = np.abs(ahead) < 8
    np.testing.assert_array_equal(found[near], np.abs(ahead[near]) + 16 * (ahead[near] > 0))
    assert (np.diff(found[ahead > 0]) >= 0).all() and (np.diff(found[ahead <= 0]) <= 0).all()
    assert set(found[ahead <= -128]) == {15} and set(found[ahead >= 128]) == {31}
    back = np.asarray(RelativeBuckets(32, 128, both_ways=False)(jnp.zeros(1, jnp.int32), jnp.asarray(ahead)))[0]
    assert set(back[ahead >= 0]) == {0} and set(back[ahead <= -128]) == {31}
    assert sorted(set(back)) == list(range(32))


@pytest.mark.parametrize("both_ways", [True, False])
@pytest.mark.parametrize("buckets", [4, 6, 7, 16, 31, 32, 64, 128])
def test_buckets_are_those_of_the_torch_class(buckets: int, both_ways: bool) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    from transformers.models.t5.modeling_t5 import T5Attention

    ahead = np.arange(-1100, 1101)
    for farthest in (64, 65, 100, 128, 256, 1000):
        if farthest <= buckets // 2:
            continue
        theirs = T5Attention._relative_position_bucket(
            torch.tensor(ahead), bidirectional=both_ways, num_buckets=buckets, max_distance=farthest
        )
        ours = RelativeBuckets(buckets, farthest, both_ways)(jnp.zeros(1, jnp.int32), jnp.asarray(ahead))
        np.testing.assert_array_equal(ours[0], theirs.numpy())


def test_sinusoids_count_real_tokens_and_padding_has_none() -> None:
    ids = jnp.asarray([[7, 8, 1, 9], [1, 1, 7, 8]])
    counted = SinusoidalPositions(6, pad_id=1, from_ids=True)
    rows = np.asarray(counted(ids, None))
    angles = np.asarray([2.0, 3.0, 4.0])[:, None] * np.exp(-np.arange(3) * np.log(10_000) / 2)
    table = np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)
    np.testing.assert_allclose(rows[0], [table[0], table[1], np.zeros(6), table[2]], atol=1e-6)
    np.testing.assert_allclose(rows[1], [np.zeros(6), np.zeros(6), table[0], table[1]], atol=1e-6)
    np.testing.assert_array_equal(counted(ids[:, 3:], jnp.asarray([[2], [1]])), rows[:, 3:])
    plain = SinusoidalPositions(7, pad_id=1, from_ids=False)
    rows = np.asarray(plain(ids, None))
    np.testing.assert_allclose(rows[0, :3, :6], table, atol=1e-6)
    assert not rows[..., 6].any()


def test_places_begin_anew_in_each_document() -> None:
    segments = jnp.asarray([[1, 1, 1, 2, 2, 0], [5, 1, 1, 5, 5, 5]])
    np.testing.assert_array_equal(places_in_segments(segments), [[0, 1, 2, 0, 1, 0], [0, 0, 1, 0, 1, 2]])


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "gpt2", "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 16},
        {"model_type": "xglm", "d_model": 8, "num_layers": 2, "attention_heads": 2, "ffn_dim": 8},
    ],
    ids=lambda config: config["model_type"],
)
def test_packed_documents_read_as_they_do_alone(config: dict[str, object]) -> None:
    model = atl.from_config({"vocab_size": 20, "initializer_range": 0.5, "init_std": 0.5, **config}, "causal-lm")
    documents = [[3, 4, 5, 6], [7, 8, 9]]
    packed = model(
        jnp.asarray([[*documents[0], *documents[1], 1]]), segment_ids=jnp.asarray([[1, 1, 1, 1, 2, 2, 2, 0]])
    ).logits[0]
    for document, stretch in zip(documents, (slice(0, 4), slice(4, 7)), strict=True):
        alone = model(jnp.asarray([document])).logits[0]
        np.testing.assert_allclose(packed[stretch], alone, atol=1e-5)
        assert np.abs(np.asarray(alone)).max() > 0.1
