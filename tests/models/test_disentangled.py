"""The rows that distances take in DeBERTa's table."""

from __future__ import annotations

import numpy as np
import pytest

from amharic_tl.models.disentangled import relative_rows


def test_without_buckets_every_distance_has_a_row() -> None:
    rows = relative_rows(5, span=3, buckets=0, farthest=3)
    assert rows[:, 0].tolist() == [3, 4, 5, 5, 5]
    assert rows[0].tolist() == [3, 2, 1, 0, 0]


def test_buckets_widen_and_end() -> None:
    rows = relative_rows(600, span=256, buckets=256, farthest=512)
    assert rows[:129, 0].tolist() == list(range(256, 385))
    assert rows[511, 0] == rows[599, 0] == 511
    assert (np.diff(rows[:, 0]) >= 0).all()
    # The other way round: at minus the distance from the middle row.
    assert rows[0, :511].tolist() == (512 - rows[:511, 0]).tolist()


@pytest.mark.parametrize(("buckets", "farthest"), [(256, 512), (8, 64), (32, 128), (4, 30), (2, 9), (12, 100)])
def test_buckets_are_those_of_torch(buckets: int, farthest: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    from transformers.models.deberta_v2.modeling_deberta_v2 import build_relative_position

    length = 2 * farthest
    probe = torch.zeros(1, length, 1)
    theirs = build_relative_position(probe, probe, bucket_size=buckets, max_position=farthest)[0].numpy()
    clipped = np.clip(theirs + buckets, 0, 2 * buckets - 1)
    np.testing.assert_array_equal(relative_rows(length, buckets, buckets, farthest), clipped)
