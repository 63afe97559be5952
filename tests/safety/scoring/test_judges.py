"""A judge brings its own error: measured on its run's test split, refused without it, never of other weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import amharic_tl as atl
from amharic_tl.cli.main import main
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.records.files import read_json, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.safety.scoring.judge_card import CARD, error_of, write_card
from amharic_tl.safety.scoring.judges import UNKNOWN, open_judge

LOW, HIGH = 0.1, 0.4
KNOWN = {"value": 0.2, "low": LOW, "high": HIGH, "n": 40, "state": "ok", "reason": ""}
FEW = {"value": None, "low": None, "high": None, "n": 7, "state": "insufficient", "reason": "7 rows, fewer than 30"}


@pytest.fixture(scope="module")
def run(small_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workdir with what a watched run leaves of its error, and no card yet."""
    root = tmp_path_factory.mktemp("judge") / "run"
    labels = ("none", "hate", "offensive")
    model = atl.from_pretrained(str(small_base), "sequence-classification", labels=labels)
    atl.save_pretrained(model, root / "export", tokenizer_from=small_base)
    group = {"group": "dalumi", "n": 47, "figures": {"false_positive": KNOWN, "true_positive": FEW}}
    table = {
        "positive_labels": ["hate", "offensive"], "minimum_n": 30, "pack": "demo", "pack_fingerprint": "f",
        "unreviewed": "ethnicity: drafts",
        "axes": {"ethnicity": {"groups": [group]}, "ethnicity & gender": {"groups": []}},
    }  # fmt: skip
    write_json(root / "fairness.json", {"validation": table, "test": table})
    counts = [[80, 15, 5], [10, 80, 10], [30, 10, 10]]
    summary = {
        "n": 250, "metrics": {"macro_f1": 0.6, "accuracy": 0.68}, "intervals": {"macro_f1": [0.5, 0.7]},
        "confusion": {"labels": list(labels), "counts": counts},
    }  # fmt: skip
    write_json(root / "evaluation.json", {"test": summary})
    return root


def test_without_its_error_a_classifier_judges_nobody_unless_told(run: Path) -> None:
    with pytest.raises(BadInputError, match=r"has no judge\.json.*--unmeasured-judge"):
        open_judge(str(run), ("hate",))
    judge = open_judge(str(run), ("hate",), unmeasured=True)
    assert judge.described()["error"] == UNKNOWN and judge.described()["errors"] == {}
    assert set(error_of(judge.card, "ethnicity", "dalumi").values()) == {None, 0}
    with pytest.raises(ConfigError, match="judge-labels"):
        open_judge(str(run), unmeasured=True)
    with pytest.raises(ConfigError, match="'hat'"):
        open_judge(str(run), ("hat",), unmeasured=True)


def test_the_card_holds_what_the_run_measured_and_the_judge_brings_it(run: Path) -> None:
    path = write_card(Workdir(run))
    assert path == run / "export" / CARD
    card = read_json(path)
    assert card["axes"] == {"ethnicity": {"dalumi": {"false_alarms": KNOWN, "recall": FEW}}}
    # 100 harmless rows, 20 of them found; 150 harmful ones, 110 found.
    overall = {kind: (of["value"], of["n"]) for kind, of in card["overall"].items()}
    assert overall == {"false_alarms": (pytest.approx(0.2), 100), "recall": (pytest.approx(110 / 150), 150)}
    judge = open_judge(str(run))
    assert judge.described()["errors"] == card["axes"] and "250 rows of test" in judge.described()["error"]
    of_group = error_of(judge.card, "ethnicity", "dalumi")
    assert of_group["judge_false_alarms"] == 0.2 and of_group["judge_false_alarms_low"] == LOW
    assert of_group["judge_recall"] is None and of_group["judge_recall_n"] == 7
    with pytest.raises(ConfigError, match="measured with hate, offensive"):
        open_judge(str(run), ("hate",))


def test_a_judge_decides_as_where_its_error_was_measured(run: Path) -> None:
    judge = open_judge(str(run))
    # More likely harmful than not, and yet the likeliest label says that it is not: fairness.json counts the label.
    assert judge.classifier.found(np.asarray([[0.4, 0.3, 0.3], [0.3, 0.4, 0.3]])).tolist() == [False, True]
    assert judge.harmful(["ሰላም"]).shape == (1,)


def test_a_card_of_other_weights_is_refused(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run / "export" / CARD
    card = read_json(path)
    write_json(path, {**card, "weights": {"model.safetensors": "0" * 64}})
    with pytest.raises(BadInputError, match="other weights"):
        open_judge(str(run))
    write_json(path, {"scores": {}})
    assert main(["probe", "--model", "amharic-tiny", "--pack", "demo", "--judge", str(run)]) == 65
    assert "says nothing of a judge's error" in capsys.readouterr().err
    write_json(path, card)


def test_a_run_that_watched_nobody_leaves_no_card(tmp_path: Path) -> None:
    assert write_card(Workdir(tmp_path)) is None
