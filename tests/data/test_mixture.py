"""Sources in shares of their own: what an epoch holds, and that it is a function of seed and epoch alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from amharic_tl.config import MixtureConfig, build_config
from amharic_tl.data.batches import BatchPlan
from amharic_tl.data.mixture import MixedPlan, Mixture, shares
from amharic_tl.data.splits import load_splits
from amharic_tl.errors import ConfigError


def test_shares_by_temperature_and_by_weights() -> None:
    sizes = np.array([800, 100, 100])
    np.testing.assert_allclose(shares(sizes, MixtureConfig(temperature=1.0)), [0.8, 0.1, 0.1])
    roots = np.sqrt([8, 1, 1])
    np.testing.assert_allclose(shares(sizes, MixtureConfig(temperature=2.0)), roots / roots.sum())
    np.testing.assert_allclose(shares(sizes, MixtureConfig(temperature=1e9)), [1 / 3] * 3, atol=1e-6)
    np.testing.assert_allclose(shares(sizes, MixtureConfig(weights=(1, 1, 2))), [0.25, 0.25, 0.5])
    with pytest.raises(ConfigError, match="3 sources and 2 weights"):
        shares(sizes, MixtureConfig(weights=(1, 2)))


def plan(settings: MixtureConfig, seed: int = 0) -> tuple[MixedPlan, np.ndarray]:
    of_row = np.repeat([0, 1], [90, 7])
    mixed = Mixture(("large", "small"), of_row, settings).of(range(97))
    lengths = np.random.default_rng(0).integers(4, 40, 97)
    return MixedPlan(lengths, 8, seed, mixed), of_row


def epoch_rows(found: BatchPlan, epoch: int) -> np.ndarray:
    size = found.steps_per_epoch
    rows = np.concatenate([found[step].rows for step in range(epoch * size, (epoch + 1) * size)])
    return rows[rows >= 0]


def test_an_epoch_has_as_many_rows_in_the_shares_asked_for() -> None:
    found, of_row = plan(MixtureConfig(weights=(1, 1)))
    seen: Counter[int] = Counter()
    for epoch in range(6):
        rows = epoch_rows(found, epoch)
        assert len(rows) == 97
        assert sorted(np.bincount(of_row[rows]).tolist()) == [48, 49]
        seen.update(rows.tolist())
    for source in (0, 1):
        counts = [seen[row] for row in np.flatnonzero(of_row == source)]
        assert max(counts) - min(counts) <= 1  # no row of a source is seen more than once oftener than another
    assert all(len(row.rows) == 8 for row in (found[step] for step in range(2 * found.steps_per_epoch)))


def test_the_plan_is_a_function_of_seed_and_step() -> None:
    first, _ = plan(MixtureConfig(temperature=3.0))
    again, _ = plan(MixtureConfig(temperature=3.0))
    other, _ = plan(MixtureConfig(temperature=3.0), seed=1)
    step = 3 * first.steps_per_epoch + 2  # asked for at once, as a resumption does
    expected = [first[number].rows for number in range(step + 1)][-1]
    assert again[step].rows.tolist() == expected.tolist()
    assert other[step].rows.tolist() != expected.tolist()
    assert epoch_rows(first, 0).tolist() != epoch_rows(first, 1).tolist()


def write(folder: Path, name: str, count: int) -> str:
    path = folder / name
    path.write_text("".join(f"ሰላም {name} ቁጥር {number} ነው\n" for number in range(count)), encoding="utf-8")
    return str(path)


def test_sources_of_a_run_are_told_apart_after_validation_is_set_aside(tmp_path: Path) -> None:
    named = f"{write(tmp_path, 'a.txt', 60)},{write(tmp_path, 'b.txt', 20)}"
    config = build_config({"task.kind": "masked-lm", "train.select_by": "validation/loss", "data.train": named,
                           "data.mixture.weights": "1,3"})  # fmt: skip
    splits = load_splits(config.data, labelled=False, seed=0)
    assert splits.mixture is not None and len(splits.mixture.of_row) == len(splits.train.rows)
    for row, source in zip(splits.train.rows, splits.mixture.of_row, strict=True):
        assert Path(row.file).name == ("a.txt", "b.txt")[source]
    described = splits.mixture.of(range(len(splits.train.rows))).describe()
    assert [round(one["share"], 2) for one in described] == [0.25, 0.75]
    assert described[1]["passes_an_epoch"] > 2 > described[0]["passes_an_epoch"]


def test_a_mixture_of_one_source_or_of_both_kinds_is_refused(tmp_path: Path) -> None:
    config = build_config({"data.train": write(tmp_path, "a.txt", 9), "data.mixture.temperature": 2})
    with pytest.raises(ConfigError, match="two sources or more"):
        load_splits(config.data, labelled=False, seed=0)
    with pytest.raises(ConfigError, match="both say the shares"):
        build_config({"data.mixture.temperature": 2, "data.mixture.weights": "1,2"})
    with pytest.raises(ConfigError, match="above 0"):
        build_config({"data.mixture.weights": [1, 0]})
