"""Tuned arms are compared by the configuration that validation chose, and by nothing that was read off test."""

from __future__ import annotations

import dataclasses

from amharic_tl.sweeps.manifest import Manifest, StoredRun
from amharic_tl.sweeps.measured import MeasuredRun, Question, Status
from amharic_tl.sweeps.selection import choices, chosen

# Validation prefers 0.2 for "full" and 0.3 for "head"; test prefers the others.
VALIDATION = {("full", 0.1): 0.5, ("full", 0.2): 0.6, ("head", 0.3): 0.7, ("head", 0.4): 0.4}


def sweep(select_by: str | None = "validation/macro_f1") -> tuple[Manifest, list[MeasuredRun]]:
    stored, runs = [], []
    for (method, rate), score in VALIDATION.items():
        for seed in (0, 1):
            name = f"{method}-{rate}-{seed}"
            arm = {"transfer.method": method, "optim.lr": rate}
            stored.append(StoredRun(name, name, name, arm, {"transfer.method": method}, seed))
            scores = {"validation/macro_f1": score + seed / 100, "test/macro_f1": 1 - score, "validation/loss": score}
            runs.append(MeasuredRun(name, arm, seed, "finished", scores, None, 1.0))
    return Manifest("test", Question(), select_by, tuple(stored)), runs


def with_status(runs: list[MeasuredRun], run_id: str, status: Status) -> list[MeasuredRun]:
    return [dataclasses.replace(run, status=status, scores={}) if run.run_id == run_id else run for run in runs]


def test_validation_chooses_and_the_arm_keeps_what_is_compared() -> None:
    picked = chosen(*sweep())
    assert [run.run_id for run in picked] == ["full-0.2-0", "full-0.2-1", "head-0.3-0", "head-0.3-1"]
    assert {tuple(run.arm.items()) for run in picked} == {
        (("transfer.method", "full"),),
        (("transfer.method", "head"),),
    }
    assert [dict(choice.tuning or {}) for choice in choices(*sweep())] == [{"optim.lr": 0.2}, {"optim.lr": 0.3}]


def test_of_losses_the_lowest_is_chosen() -> None:
    assert [run.run_id for run in chosen(*sweep("validation/loss"))][::2] == ["full-0.1-0", "head-0.4-0"]


def test_nothing_is_chosen_while_a_run_of_the_arm_may_still_finish() -> None:
    manifest, runs = sweep()
    full, head = choices(manifest, with_status(runs, "full-0.1-1", "interrupted"))
    assert full.tuning is None and full.why_not is not None and head.tuning == {"optim.lr": 0.3}
    assert [(run.status, run.scores, run.seed) for run in full.runs] == [("not started", {}, 0), ("not started", {}, 1)]


def test_a_configuration_with_a_failed_seed_is_not_chosen() -> None:
    manifest, runs = sweep()
    full, _ = choices(manifest, with_status(runs, "full-0.2-1", "failed"))
    assert full.tuning == {"optim.lr": 0.1}
    for seed in (0, 1):
        runs = with_status(with_status(runs, f"full-0.1-{seed}", "failed"), f"full-0.2-{seed}", "failed")
    full, _ = choices(manifest, runs)
    assert full.tuning is None and {run.status for run in full.runs} == {"not started"}


def test_without_tuning_every_run_is_compared() -> None:
    manifest, runs = sweep(None)
    assert chosen(manifest, runs) == runs and choices(manifest, runs) == []
