"""Shares of unlabelled classes: recovered from planted ones, with intervals that hold, and honest where they cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amharic_tl.cli.main import main
from amharic_tl.evaluation.label_shift import bbse, conditional_confusion, corrected, expectation_maximisation
from amharic_tl.evaluation.label_shift.correction import learned_prior
from amharic_tl.evaluation.label_shift.shift import label_shift

PRIOR, TARGET = np.asarray([0.2, 0.5, 0.3]), np.asarray([0.7, 0.1, 0.2])
MEANS = np.asarray([[1.5, 0.0], [0.0, 1.5], [-1.0, -1.0]])
NAMES = ["ሀ", "ለ", "መ"]


def _draw(shares: np.ndarray, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and what the best classifier under PRIOR says of texts drawn around the labels' means."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(3, size=rows, p=shares)
    x = MEANS[labels] + generator.normal(size=(rows, 2))
    likelihood = np.exp(-0.5 * ((x[:, None] - MEANS) ** 2).sum(-1)) * PRIOR
    return labels, likelihood / likelihood.sum(1, keepdims=True)


def _shift(shares: np.ndarray, rows: int = 2000, seed: int = 0, **changes: Any) -> dict[str, Any]:
    labels, scores = _draw(PRIOR, 1500, 100 + seed)
    _, target = _draw(shares, rows, 200 + seed)
    arguments: dict[str, Any] = {"target_probabilities": target, **changes}
    return label_shift(NAMES, PRIOR * 1000, labels, scores.argmax(1), target.argmax(1), **arguments)


def test_both_estimates_find_planted_shares() -> None:
    found = _shift(TARGET)
    assert found["state"] == "shifted" and found["assumption"]["holds"]
    for estimate in found["estimates"].values():
        np.testing.assert_allclose([estimate["shares"][name] for name in NAMES], TARGET, atol=0.06)
        for name, share in zip(NAMES, TARGET, strict=True):
            low, high = estimate["intervals"][name]
            assert low < share < high and high - low < 0.2
    assert found["estimates"]["bbse"]["total_variation"] == pytest.approx(0.5, abs=0.06)


def test_the_least_squares_are_the_inverse_where_that_is_positive() -> None:
    confusion = np.asarray([[0.8, 0.1, 0.2], [0.1, 0.7, 0.1], [0.1, 0.2, 0.7]])
    np.testing.assert_allclose(bbse(confusion, confusion @ TARGET), TARGET, atol=1e-12)
    outside = bbse(confusion, np.asarray([0.95, 0.025, 0.025]))  # the inverse gives negative shares
    assert outside.min() >= 0 and outside.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(
        conditional_confusion(np.asarray([0, 0, 1]), np.asarray([0, 1, 1]), 2), [[0.5, 0], [0.5, 1]]
    )


def test_the_likeliest_shares_are_where_em_stays() -> None:
    _, scores = _draw(TARGET, 1000, 0)
    shares = expectation_maximisation(scores, PRIOR, tolerance=1e-10)
    posterior = corrected(scores, PRIOR, shares)
    np.testing.assert_allclose(posterior.mean(axis=0), shares, atol=1e-6)

    def likelihood(q: np.ndarray) -> float:
        return float(np.log((scores / PRIOR * q).sum(axis=1)).sum())

    generator = np.random.default_rng(0)
    assert all(likelihood(shares) >= likelihood(q) for q in generator.dirichlet(np.ones(3), size=200))


def test_without_a_shift_none_is_seen() -> None:
    states = [_shift(PRIOR, 400, seed, target_probabilities=None)["state"] for seed in range(4)]
    assert states.count("not seen") >= 3


def test_texts_that_look_otherwise_within_their_classes_are_noticed() -> None:
    """Every row is predicted to be of one class, which no mixture of the held-out classes gives."""
    labels, scores = _draw(PRIOR, 1500, 0)
    found = label_shift(NAMES, PRIOR * 1000, labels, scores.argmax(1), np.zeros(500, int))
    assert not found["assumption"]["holds"] and "no mixture" in found["assumption"]["sentence"]


def test_few_rows_are_insufficient() -> None:
    few = np.asarray([0] * 20 + [1] * 20 + [2] * 3)
    found = label_shift(NAMES, PRIOR * 100, few, few, few)
    assert found["state"] == "insufficient" and "መ" in found["reason"]


def test_correcting_raises_accuracy_where_labels_shift() -> None:
    labels, scores = _draw(TARGET, 4000, 1)
    better = corrected(scores, PRIOR, TARGET)
    np.testing.assert_allclose(better.sum(axis=1), 1.0)
    assert (better.argmax(1) == labels).mean() > (scores.argmax(1) == labels).mean() + 0.03
    np.testing.assert_allclose(corrected(scores, PRIOR, PRIOR), scores)


def test_balanced_weights_teach_equal_shares() -> None:
    counts = np.asarray([10.0, 30.0, 0.0])
    assert learned_prior(counts, balanced=False).tolist() == [0.25, 0.75, 0.0]
    assert learned_prior(counts, balanced=True).tolist() == [0.5, 0.5, 0.0]


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a finished run that the verb reads."""
    root = tmp_path_factory.mktemp("run")
    files = {
        "config.json": {"task": {"kind": "sequence-classification"}, "train": {"seed": 0, "class_weights": "none"}},
        "data.json": {
            "labels": NAMES,
            "splits": {"train": {"labels": dict(zip(NAMES, [200, 500, 300], strict=True))}},
        },
        "run.json": {"status": "completed"},
    }
    for name, value in files.items():
        (root / name).write_text(json.dumps(value), encoding="utf-8")
    for split, shares, rows, seed in (("validation", PRIOR, 800, 5), ("test", TARGET, 1000, 6)):
        labels, scores = _draw(shares, rows, seed)
        lines = [
            {"id": str(n), "label": NAMES[label], "predicted": NAMES[row.argmax()],
             "scores": dict(zip(NAMES, row.tolist(), strict=True))}
            for n, (label, row) in enumerate(zip(labels, scores, strict=True))
        ]  # fmt: skip
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (root / f"predictions-{split}.jsonl").write_text(text, encoding="utf-8")
    return root


def test_the_verb_writes_shares_and_corrected_predictions_beside_the_raw_ones(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = (workdir / "predictions-test.jsonl").read_bytes()
    assert main(["label-shift", str(workdir)]) == 0
    assert "labels shift from train to test" in capsys.readouterr().out
    found = json.loads((workdir / "label_shift.json").read_text(encoding="utf-8"))
    assert found["scores"]["bbse"]["accuracy"] > found["scores"]["raw"]["accuracy"] + 0.02
    assert (workdir / "predictions-test.jsonl").read_bytes() == raw
    first = json.loads((workdir / "predictions-test-corrected.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert first["predicted"] == max(first["scores"], key=lambda name: first["scores"][name])


def test_labels_of_the_target_change_no_estimate(workdir: Path, tmp_path: Path) -> None:
    lines = (workdir / "predictions-test.jsonl").read_text(encoding="utf-8").splitlines()
    bare = [{**json.loads(line), "label": None} for line in lines]
    target = tmp_path / "others.jsonl"
    target.write_text("".join(json.dumps(line) + "\n" for line in bare), encoding="utf-8")
    assert main(["label-shift", str(workdir), "--target", str(target), "--output", str(tmp_path / "out")]) == 0
    there = json.loads((tmp_path / "out" / "label_shift.json").read_text(encoding="utf-8"))
    assert main(["label-shift", str(workdir)]) == 0
    here = json.loads((workdir / "label_shift.json").read_text(encoding="utf-8"))
    assert there["estimates"] == here["estimates"] and "scores" not in there


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (None, 66, "there are no predictions"),
        ({"id": "1", "scores": {"x": 1.0}}, 65, "line 1: expected id, and scores of"),
    ],
)
def test_wrong_predictions_are_refused(
    workdir: Path, tmp_path: Path, line: Any, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "target.jsonl"
    if line is not None:
        target.write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert main(["label-shift", str(workdir), "--target", str(target), "--output", str(tmp_path / "o")]) == code
    assert said in capsys.readouterr().err
    assert main(["label-shift", str(workdir), "--target", str(target)]) == 2
