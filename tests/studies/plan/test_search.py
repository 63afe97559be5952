"""What is tried where a config does not fit, and the largest batch: with a compiler that is a formula."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from amharic_tl.config import build_config
from amharic_tl.studies.plan.candidate import changed
from amharic_tl.studies.plan.search import changes, largest_batch, what_fits


def _formula(change: dict[str, Any], limit: int, config: Any) -> Any:
    """1,000 bytes and 10 a row."""
    other = changed(config, change)
    rows = other.train.microbatch or other.train.batch_size
    total = 1000 + (10 if other.train.remat == "none" else 5) * rows
    memory = SimpleNamespace(total=total)
    fits = total <= limit
    return SimpleNamespace(
        change=change, config=other, limit=limit, fits=fits, compiled=SimpleNamespace(memory=memory, refused=not fits)
    )


@pytest.mark.parametrize(("limit", "largest"), [(5000, 400), (1310, 24), (1085, 8), (1050, None)])
def test_the_largest_batch(limit: int, largest: int | None) -> None:
    config, compiled = build_config({"train.batch_size": 32}), []

    def attempt(change: dict[str, Any]) -> Any:
        compiled.append(change)
        return _formula(change, limit, config)

    found = largest_batch(_formula({}, limit, config), 8, attempt, most=6)
    assert (None if found is None else found.config.train.batch_size) == largest
    assert len(compiled) <= 6


def test_the_first_way_that_fits_is_the_last_that_is_tried() -> None:
    config = build_config({"train.batch_size": 32})
    tried = what_fits(config, 8, lambda change: _formula(change, 1170, config), most=8)
    assert [one.fits for one in tried] == [True]
    assert tried[0].change == {"train.remat": "dots"}
    assert [one.fits for one in what_fits(config, 8, lambda change: _formula(change, 0, config), most=3)] == [False] * 3


def test_every_way_is_a_config() -> None:
    config = build_config({"train.batch_size": 64, "transfer.method": "full"})
    ways = list(changes(config, 8))
    assert len({str(way) for way in ways}) == len(ways)
    for way in ways:
        found = changed(config, way)
        assert found.train.batch_size % (found.train.microbatch or 1) == 0
    assert any(way.get("transfer.method") == "lora" for way in ways)
    assert any(way.get("mesh.fsdp") == 8 for way in ways)
