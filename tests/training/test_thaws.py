"""When a stage begins."""

from __future__ import annotations

import math

import pytest

from amharic_tl.training.memory import Memory, stage_of
from amharic_tl.training.thaws import Thaws


def test_the_clock_begins_one_stage_after_the_other() -> None:
    thaws, memory = Thaws(begins=(0, 3, 5)), Memory()
    began = []
    for step in range(8):
        thaws.note(1.0, memory)
        assert not thaws.stalled(memory)
        if thaws.due(step, memory):
            memory.begin_stage(step)
            began.append(step)
    assert began == [3, 5] and memory.began == [0, 3, 5] and thaws.all_thawed(memory)


def test_a_stall_of_the_smoothed_loss_begins_a_stage() -> None:
    thaws, memory = Thaws(begins=(0, None, None), patience=2, smoothing=0.5, delta=0.01), Memory(since_best=7)
    smoothed = []
    for step, loss in enumerate([1.0, 0.5, 0.9, 0.7, 0.2, 0.6, 0.6, 0.6, 0.6]):
        thaws.note(loss, memory)
        smoothed.append(memory.smoothed_loss)
        if thaws.stalled(memory):
            memory.begin_stage(step)
            assert memory.since_best == 0  # patience counts anew
    # By hand: 1, .75, .825 (1), .7625 (2, thaw at 3), .48125, .540625 (1), .5703 (2, thaw at 6); then nothing waits.
    assert smoothed[:6] == pytest.approx([1.0, 0.75, 0.825, 0.7625, 0.48125, 0.540625])
    assert memory.began == [0, 3, 6] and smoothed[7] == smoothed[6]


def test_a_loss_that_is_not_finite_is_no_lower_one() -> None:
    thaws, memory = Thaws(begins=(0, None), patience=2), Memory()
    for loss in (1.0, math.nan, math.inf):
        thaws.note(loss, memory)
    assert thaws.stalled(memory) and memory.smoothed_loss == 1.0


def test_checkpoints_of_before_there_were_stages_are_of_the_first() -> None:
    assert stage_of({"best_step": 3}) == 0 and stage_of({"began": [0, 4]}) == 1
