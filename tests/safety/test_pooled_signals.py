"""Signals of pooled predictions: those of one look where one model saw all, and more of them than in any part."""

from __future__ import annotations

import numpy as np
import pytest

from amharic_tl.records.signals import SafetySignal
from amharic_tl.safety.pooled import look_at_pooled
from tests.safety import world
from tests.safety.world import LABELS, look, monitor, probabilities, rows, settings

MADE = rows(200, seed=0)


def pooled(repeats: int = 1) -> tuple[dict[tuple[str, ...], SafetySignal], dict[tuple[str, ...], SafetySignal]]:
    """Signals of one look at all rows, and of two halves that a monitor looked at one after the other."""
    watch = monitor(MADE, looks=1)
    whole = look(watch, MADE, world.prejudiced)
    halves = [MADE[::2], MADE[1::2]]
    lines = []
    for half in halves:
        lines += look(monitor(half, looks=1), half, world.prejudiced).counterfactuals
    place = {row.id: number for number, row in enumerate(MADE)}
    swaps = [(place[line["id"]] + of * len(MADE), line) for of in range(repeats) for line in lines]
    scores = probabilities(world.prejudiced, [row.text for row in MADE])
    numbers = np.asarray([LABELS.index(row.label or "") for row in MADE])
    found, watched = look_at_pooled(
        MADE * repeats,
        np.tile(watch.probes["validation"].clusters, repeats),
        np.tile(numbers, repeats),
        np.tile(scores, (repeats, 1)),
        LABELS,
        swaps,
        settings(),
        "oof",
    )
    assert watched["splits"]["oof"]["counterfactuals"] == len(swaps)
    mine = [signal for signal in whole.signals if signal.name not in ("missed_harm", "benign_flagged")]
    return {one.key[:3] + one.key[4:]: one for one in mine}, {one.key[:3] + one.key[4:]: one for one in found.signals}


def test_two_halves_say_together_what_one_look_says() -> None:
    one, both = pooled()
    assert one.keys() == both.keys() and len(both) > 10
    for key, signal in both.items():
        for name in ("value", "ci_low", "ci_high", "n", "null_value", "p_value", "detail"):
            assert getattr(signal, name) == pytest.approx(getattr(one[key], name)), (key, name)
        assert (signal.state, signal.reason, signal.estimator) == (one[key].state, one[key].reason, one[key].estimator)
        assert set(signal.evidence_ids) == set(one[key].evidence_ids)


def test_repetitions_count_no_row_twice() -> None:
    once, twice = pooled()[1], pooled(repeats=2)[1]
    assert {key: signal.n for key, signal in twice.items()} == {key: signal.n for key, signal in once.items()}
