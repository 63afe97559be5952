"""Sets of points, and what must not be put together."""

from __future__ import annotations

import pytest

from amharic_tl import sweeps
from amharic_tl.errors import ConfigError

RATES = sweeps.param("optim.lr", [0.1, 0.2])
METHODS = sweeps.param("transfer.method", ["full", "head"])


def test_a_product_has_every_combination_and_its_last_set_varies_fastest() -> None:
    assert sweeps.prod(METHODS, RATES) == (
        {"transfer.method": "full", "optim.lr": 0.1},
        {"transfer.method": "full", "optim.lr": 0.2},
        {"transfer.method": "head", "optim.lr": 0.1},
        {"transfer.method": "head", "optim.lr": 0.2},
    )


def test_zip_goes_through_its_sets_together_and_chain_through_one_after_the_other() -> None:
    assert sweeps.zip(METHODS, RATES) == (
        {"transfer.method": "full", "optim.lr": 0.1},
        {"transfer.method": "head", "optim.lr": 0.2},
    )
    assert sweeps.chain(RATES, METHODS) == (*RATES, *METHODS)


def test_sets_of_different_length_are_not_zipped() -> None:
    with pytest.raises(ConfigError, match=r"optim\.lr: 3.*transfer\.method: 2"):
        sweeps.zip(sweeps.param("optim.lr", [0.1, 0.2, 0.3]), METHODS)


@pytest.mark.parametrize("function", [sweeps.prod, sweeps.zip])
def test_a_leaf_stands_in_one_set_only(function: object) -> None:
    with pytest.raises(ConfigError, match=r"optim\.lr"):
        function(RATES, sweeps.param("optim.lr", [0.3, 0.4]))  # type: ignore[operator]


@pytest.mark.parametrize("values", ["full", 3, [], [1, 2, 1]])
def test_values_are_a_list_in_which_each_stands_once(values: object) -> None:
    with pytest.raises(ConfigError):
        sweeps.param("optim.lr", values)  # type: ignore[arg-type]


def test_a_subsample_is_drawn_once_and_for_all_in_order() -> None:
    points = sweeps.param("optim.lr", range(1, 101))
    drawn = sweeps.subsample(points, 10, seed=3)
    assert drawn == sweeps.subsample(points, 10, seed=3) != sweeps.subsample(points, 10, seed=4)
    places = [points.index(point) for point in drawn]
    assert places == sorted(set(places)) and len(places) == 10
    assert sweeps.subsample(points, 100, seed=1) == points
    for count in (0, 101):
        with pytest.raises(ConfigError, match="100"):
            sweeps.subsample(points, count)


def test_seeds_are_counted_or_named() -> None:
    assert sweeps.seeds(2) == ({"train.seed": 0}, {"train.seed": 1})
    assert sweeps.seeds([7]) == ({"train.seed": 7},)
    with pytest.raises(ConfigError):
        sweeps.seeds(0)


def test_what_is_no_set_of_points_is_named() -> None:
    with pytest.raises(ConfigError, match="points"):
        sweeps.prod(["optim.lr"])  # type: ignore[list-item]
