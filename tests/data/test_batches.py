"""The plan is a pure function; every row once an epoch; few shapes; little padding; alike however many processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amharic_tl.data.batches import (
    MAX_BUCKETS,
    Batches,
    BatchPlan,
    bucket_lengths,
    classification_fields,
    shapes_worth_compiling,
)
from amharic_tl.data.readers import read_file
from amharic_tl.data.rows import Columns
from amharic_tl.errors import ConfigError

LENGTHS = np.random.default_rng(0).gamma(2.0, 15.0, 1003).astype(int) + 3


def batches_of(lengths: np.ndarray, size: int, seed: int | None = 0, **share: int) -> Batches:
    ids = [np.arange(1, length + 1, dtype=np.int32) + 1000 * row for row, length in enumerate(lengths)]
    labels = np.arange(len(lengths), dtype=np.int32) % 3
    return Batches(BatchPlan(lengths, size, seed), ids, 0, classification_fields(labels), **share)


def test_buckets_are_few_round_lengths_that_hold_everything() -> None:
    buckets = bucket_lengths(LENGTHS)
    assert buckets == sorted(set(buckets)) and len(buckets) <= MAX_BUCKETS
    assert all(length % (4 if length <= 64 else 8) == 0 for length in buckets)
    assert buckets[-1] - 8 < LENGTHS.max() <= buckets[-1]
    assert bucket_lengths(np.asarray([5, 5, 5])) == [8]
    assert bucket_lengths(np.asarray([8, 9])) == [8, 12]
    assert bucket_lengths(np.asarray([64, 65])) == [64, 72]
    assert bucket_lengths(np.asarray([100] + [105] * 2000)) == [112], "a length that saves next to nothing has no shape"


def test_padding_stays_within_the_positions_of_the_model() -> None:
    lengths = np.asarray([5, 9, 20, 30] * 50)
    assert BatchPlan(lengths, 4, 0).buckets[-1] == 32
    assert BatchPlan(lengths, 4, 0, limit=30).buckets[-1] == 30
    assert BatchPlan(lengths, 4, 0, limit=64).buckets[-1] == 32


def test_little_data_has_few_shapes() -> None:
    assert shapes_worth_compiling(100, 32) == 2
    assert shapes_worth_compiling(5984, 32) == 9
    assert shapes_worth_compiling(10**6, 32) == MAX_BUCKETS


def test_buckets_waste_as_little_as_any_choice_of_boundaries() -> None:
    from itertools import combinations

    lengths = np.random.default_rng(1).integers(1, 60, 50)
    rounded = -(-lengths // 4) * 4
    values = np.unique(rounded)

    def padded(buckets: tuple[int, ...]) -> int:
        return int(np.asarray(buckets)[np.searchsorted(buckets, lengths)].sum())

    best = min(padded((*chosen, int(values[-1]))) for chosen in combinations(values[:-1].tolist(), 2))
    assert padded(tuple(bucket_lengths(lengths, 3))) == best


@pytest.mark.parametrize("size", [1, 7, 32, 2000])
def test_an_epoch_has_every_row_exactly_once(size: int) -> None:
    plan = BatchPlan(LENGTHS, size, 3)
    for epoch in range(3):
        steps = range(epoch * plan.steps_per_epoch, (epoch + 1) * plan.steps_per_epoch)
        planned = [plan[step] for step in steps]
        rows = np.concatenate([batch.rows for batch in planned])
        assert sorted(rows[rows >= 0]) == list(range(len(LENGTHS)))
        assert all(len(batch.rows) == size for batch in planned)
        assert sum((batch.rows < 0).any() for batch in planned) <= 1, "fillers stand in one batch at most"
        for batch in planned:
            assert batch.length in plan.buckets and LENGTHS[batch.rows[batch.rows >= 0]].max() <= batch.length


def test_a_plan_is_a_function_of_seed_epoch_and_step() -> None:
    forward, backward = BatchPlan(LENGTHS, 16, 5), BatchPlan(LENGTHS, 16, 5)
    steps = range(3 * forward.steps_per_epoch)
    first = [forward[step].rows.tolist() for step in steps]
    assert [backward[step].rows.tolist() for step in reversed(steps)][::-1] == first
    epoch = forward.steps_per_epoch
    assert first[:epoch] != first[epoch : 2 * epoch], "epochs differ"
    other = BatchPlan(LENGTHS, 16, 6)
    assert [other[step].rows.tolist() for step in range(epoch)] != first[:epoch], "seeds differ"


def test_without_a_seed_rows_keep_their_order_within_a_bucket() -> None:
    plan = BatchPlan(np.full(10, 5), 4, None)
    assert [plan[step].rows.tolist() for step in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, -1, -1]]
    assert plan[3].rows.tolist() == [0, 1, 2, 3], "every epoch alike"


def test_arrays_of_a_batch() -> None:
    batches = batches_of(np.asarray([3, 8, 5]), 4, None)
    batch = batches[0]
    assert {name: (array.shape, array.dtype.name) for name, array in batch.items()} == {
        "input_ids": ((4, 8), "int32"),
        "attention_mask": ((4, 8), "int32"),
        "row_index": ((4,), "int32"),
        "labels": ((4,), "int32"),
        "weights": ((4,), "float32"),
    }
    assert batch["row_index"].tolist() == [0, 1, 2, -1]
    assert batch["weights"].tolist() == [1, 1, 1, 0]
    assert batch["labels"].tolist() == [0, 1, 2, 0]
    assert batch["input_ids"][0].tolist() == [1, 2, 3, 0, 0, 0, 0, 0]
    assert batch["attention_mask"].sum(axis=1).tolist() == [3, 8, 5, 1]


def test_an_unknown_label_keeps_its_weight() -> None:
    fields = classification_fields(np.asarray([-1, 2], np.int32))(np.asarray([0, 1, -1]), 8, 0)
    assert fields["labels"].tolist() == [-1, 2, 0] and fields["weights"].tolist() == [1, 1, 0]


@pytest.mark.parametrize("count", [2, 4])
def test_processes_share_out_each_batch(count: int) -> None:
    whole = batches_of(LENGTHS, 8)
    parts = [batches_of(LENGTHS, 8, process_index=index, process_count=count) for index in range(count)]
    for step in (0, 1, len(whole) - 1, len(whole), 3 * len(whole)):
        expected = whole[step]
        for name, array in expected.items():
            joined = np.concatenate([part[step][name] for part in parts])
            np.testing.assert_array_equal(joined, array)
    with pytest.raises(ConfigError, match="8 rows cannot be divided evenly over 3 processes"):
        batches_of(LENGTHS, 8, process_index=0, process_count=3)


def test_a_stream_can_begin_anywhere_and_crosses_epochs() -> None:
    batches = batches_of(LENGTHS[:100], 8)
    start, stop = len(batches) - 3, 2 * len(batches) + 2
    streamed = list(batches.stream(start, stop))
    assert len(streamed) == stop - start
    for step, batch in zip(range(start, stop), streamed, strict=True):
        for name, array in batches[step].items():
            np.testing.assert_array_equal(batch[name], array)
    assert list(batches.stream(5, 5)) == []


def test_an_error_in_a_prefetching_thread_reaches_the_reader() -> None:
    def broken(rows: np.ndarray, length: int, step: int) -> dict[str, np.ndarray]:
        if step == 2:
            raise OSError("the disk is gone")
        return {}

    batches = Batches(BatchPlan(np.full(40, 5), 4, 0), [np.ones(5, np.int32)] * 40, 0, broken)
    with pytest.raises(OSError, match="the disk is gone"):
        list(batches.stream(0, 10))


def test_so_many_lengths_as_are_asked_for() -> None:
    lengths = np.random.default_rng(0).integers(5, 60, 3000)
    shares = {count: BatchPlan(lengths, 32, 0, buckets=count).padding_share() for count in (4, 12, 24)}
    assert shares[24] < shares[12] < shares[4] and shares[24] <= 0.05
    plan = BatchPlan(lengths, 32, 0, buckets=24)
    assert len(plan.buckets) == 24 and all(length % 2 == 0 for length in plan.buckets)


def test_padding_of_real_texts_is_small(data_dir: Path) -> None:
    """Lengths by a proxy for subword tokens: a token for every 2.5 characters, and two special ones; at most 128."""
    rows, *_ = read_file(data_dir / "afrisenti" / "train.tsv", Columns("tweet", "label"), "auto", "auto")
    lengths = np.asarray([min(int(len(row.text) / 2.5) + 2, 128) for row in rows])
    assert BatchPlan(lengths, 32, 0).padding_share() <= 0.08
    assert BatchPlan(lengths, 32, 0, buckets=24).padding_share() <= 0.05
    rows, *_ = read_file(data_dir / "enh-news" / "dev.jsonl.gz", Columns("text", None), "auto", "auto")
    windows = []
    for tokens in (max(1, int(len(row.text) / 2.5)) for row in rows):
        windows += [128] * (tokens // 126) + ([tokens % 126 + 2] if tokens % 126 else [])
    news = BatchPlan(np.asarray(windows), 32, 0)
    assert news.padding_share() <= 0.08
    assert BatchPlan(np.asarray(windows), 32, 0, buckets=24).padding_share() <= 0.05
