"""A whole cross-validation: cut off and gone on with, choosing inside the fold, refusing other folds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from amharic_tl.cli.cross_validate import main
from amharic_tl.config import Config, build_config, to_dict
from amharic_tl.data.folds import Fold, load_fold, read_folds
from amharic_tl.errors import BadInputError, ConfigError, Preempted, TrainingStopped
from amharic_tl.evaluation.compare.systems import read_system
from amharic_tl.records.files import read_json, read_lines, write_json, write_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.studies.cross_validation import running
from amharic_tl.studies.cross_validation.request import FoldRun, Request, runs_of
from amharic_tl.studies.cross_validation.study import cross_validate
from amharic_tl.training.interruption import Interruption
from tests.safety import world


class Trainer:
    """Leaves what a run leaves, without a model: it predicts the first class, and its inner figure is its rate."""

    def __init__(self, stop_after: int | None = None, stops: str | None = None, killed: bool = False) -> None:
        self.trained: list[str] = []
        self.stop_after, self.stops, self.killed = stop_after, stops, killed

    def __call__(self, config: Config, workdir: Path, interruption: Interruption) -> None:
        place, fold = Workdir(workdir), config.data.fold
        if self.stop_after is not None and len(self.trained) >= self.stop_after:
            if self.killed:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Preempted("cut off")
        if fold == self.stops:
            raise TrainingStopped("not finite")
        self.trained.append(workdir.name)
        splits = load_fold(config.data, labelled=True, seed=0)
        assert splits.test is not None
        scores = {label: float(label == splits.labels[0]) for label in splits.labels}
        lines = [
            {"id": row.id, "label": row.label, "predicted": splits.labels[0], "scores": scores}
            for row in splits.test.rows
        ]
        write_json(place.config, to_dict(config))
        write_lines(place.predictions("test"), lines)
        run = {
            "status": "completed",
            "best": {"value": config.optim.lr},
            "final": {"test": {"macro_f1": 1 - config.optim.lr}},
            "provenance": {"seconds": 60.0},
        }
        write_json(place.plan, {})
        write_json(place.run, run)


def run(config: Config, workdir: Path, trainer: Trainer, **request: Any) -> dict[str, Any]:
    asked = Request(**{"folds": 3, **request})
    return cross_validate(config, workdir, asked, train=trainer, estimate=lambda config: 60.0)


@pytest.fixture
def config(tiny_files: Path) -> Config:
    named = {f"data.{split}": str(tiny_files / f"{split}.csv") for split in ("validation", "test")}
    return build_config({"data.train": named["data.validation"], "data.test": named["data.test"]})


def test_every_row_is_predicted_once_and_the_report_says_so(config: Config, tmp_path: Path) -> None:
    record = run(config, tmp_path / "cv", Trainer())
    place = Workdir(tmp_path / "cv")
    lines = read_lines(place.predictions("oof"))
    assert len(lines) == 120 == len({line["id"] for line in lines})
    assert lines[0]["id"] == "validation.csv:2" and {line["fold"] for line in lines} == {"fold-1", "fold-2", "fold-3"}
    share = Counter(line["label"] for line in lines)["ሀ"] / 120
    assert record["final"]["oof"]["accuracy"] == pytest.approx(share) and record["status"] == "completed"
    assert read_json(place.evaluation)["oof"]["n"] == 120
    assert read_json(place.baselines)["tfidf"]["oof"]["macro_f1"] > 0.9
    against = read_json(place.cross_validation)["against"]["tfidf"]["interval"]
    assert against["low"] < against["mean"] < 0
    page = place.report.read_text(encoding="utf-8")
    assert "fold-3" in page and "out of fold" in page
    trainer = Trainer()
    assert run(config, tmp_path / "cv", trainer) == record and trainer.trained == []


def test_a_gate_stops_before_the_first_fold_trains(tmp_path: Path) -> None:
    trainer = Trainer()
    lines = [f"{row.text}\t{row.label}\n" for row in world.rows(60, seed=0)]
    (tmp_path / "rows.tsv").write_text("text\tlabel\n" + "".join(lines + lines[:20]), encoding="utf-8")
    leaves = {"data.train": str(tmp_path / "rows.tsv"), "data.gates": "duplicates-within"}
    with pytest.raises(BadInputError, match=r"(?s)^fold-1: .*data\.gates.*duplicates-within"):
        run(build_config(leaves), tmp_path / "cv", trainer)
    assert trainer.trained == [] and [path.name for path in (tmp_path / "cv").iterdir()] == [".lock"]
    with pytest.raises(ConfigError, match="no finding or severity"):
        run(build_config({**leaves, "data.gates": "leek"}), tmp_path / "cv", trainer)
    run(build_config({**leaves, "data.gates": "none"}), tmp_path / "cv", trainer)
    assert len(trainer.trained) == 3


def test_rows_of_one_cluster_are_no_independent_items_of_a_comparison(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(json.dumps({"text": f"{row.text} {n}", "label": row.label, "page": n // 3}) + "\n" for n, row in
                enumerate(world.rows(60, seed=0)))
    )  # fmt: skip
    run(build_config({"data.train": str(path)}), tmp_path / "cv", Trainer(), group_by="page")
    (system, _) = read_system("cv", tmp_path / "cv", "oof", "macro_f1")
    (judged,) = system.runs
    assert judged.clusters_known and len(judged.near_duplicates) == 60
    assert len(set(judged.near_duplicates.values())) <= 20


def test_what_was_cut_off_goes_on_to_the_same_end(config: Config, tmp_path: Path) -> None:
    first = Trainer(stop_after=1)
    with pytest.raises(Preempted):
        run(config, tmp_path / "cut", first, repeats=2)
    assert read_json(tmp_path / "cut" / "run.json")["status"] == "preempted"
    second = Trainer()
    run(config, tmp_path / "cut", second, repeats=2)
    assert len(first.trained) == 1 and len(second.trained) == 5 and not {*first.trained} & {*second.trained}
    run(config, tmp_path / "whole", Trainer(), repeats=2)
    for name in ("folds.json", "predictions-oof.jsonl", "evaluation.json", "baselines.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    seeds = [read_json(path)["train"]["seed"] for path in sorted((tmp_path / "cut" / "folds").glob("*/config.json"))]
    assert seeds == [0, 0, 0, 1, 1, 1]


def test_what_was_killed_goes_on_to_the_same_end(config: Config, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from amharic_tl.config import build_config\n"
        "from tests.studies.test_cross_validation import Trainer, run\n"
        f"config = build_config({{'data.train': {config.data.train!r}, 'data.test': {config.data.test!r}}})\n"
        f"run(config, Path({str(tmp_path / 'cut')!r}), Trainer(stop_after=2, killed=True))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    trainer = Trainer()
    run(config, tmp_path / "cut", trainer)
    assert trainer.trained == ["fold-3"]
    run(config, tmp_path / "whole", Trainer())
    for name in ("folds.json", "predictions-oof.jsonl", "evaluation.json", "baselines.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_fold_that_stops_does_not_keep_the_others_from_being_trained(config: Config, tmp_path: Path) -> None:
    trainer = Trainer(stops="fold-1")
    with pytest.raises(TrainingStopped, match="fold-1: not finite"):
        run(config, tmp_path / "cv", trainer)
    assert trainer.trained == ["fold-2", "fold-3"]
    rows = read_json(tmp_path / "cv" / "cross_validation.json")["folds"]
    assert [row["runs_done"] for row in rows] == [0, 1, 1] and rows[0]["scores"] is None
    assert "0 of 1 runs" in (tmp_path / "cv" / "report.html").read_text(encoding="utf-8")


def test_a_grid_is_chosen_by_the_inner_split_alone(config: Config, tmp_path: Path) -> None:
    # What is best inside is worst on the test rows.
    run(config, tmp_path / "cv", Trainer(), choose={"optim.lr": ("1e-4", "3e-1")})
    rows = read_json(tmp_path / "cv" / "cross_validation.json")["folds"]
    assert [row["chosen"] for row in rows] == [{"optim.lr": "3e-1"}] * 3
    assert [choice["validation"] for choice in rows[0]["choices"]] == [1e-4, 0.3]
    assert {fold.name for fold in (tmp_path / "cv" / "folds").glob("fold-1/*")} == {"optim.lr=1e-4", "optim.lr=3e-1"}


def test_other_folds_and_other_rows_are_refused_and_nothing_is_lost(config: Config, tmp_path: Path) -> None:
    run(config, tmp_path / "cv", Trainer())
    before = {path: path.read_bytes() for path in (tmp_path / "cv").rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="folds was 3, is 4"):
        run(config, tmp_path / "cv", Trainer(), folds=4)
    with pytest.raises(ConfigError, match="another config"):
        run(build_config({"data.train": config.data.test}), tmp_path / "cv", Trainer())
    assert {path: path.read_bytes() for path in (tmp_path / "cv").rglob("*") if path.is_file()} == before
    place = Workdir(tmp_path / "other")
    with pytest.raises(Preempted):
        run(config, place.root, Trainer(stop_after=0))
    stored = json.loads(place.folds.read_text(encoding="utf-8"))
    place.folds.write_text(json.dumps({**stored, "settings": {**stored["settings"], "seed": 7}}))
    with pytest.raises(ConfigError, match="seed is 7 there, 0 here"):
        run(config, place.root, Trainer())
    place.folds.write_text(json.dumps({**stored, "fingerprint": "0" * 64}))
    with pytest.raises(ConfigError, match="other rows"):
        run(config, place.root, Trainer())


@pytest.mark.parametrize(
    ("leaves", "request_", "said"),
    [
        ({"task.kind": "masked-lm", "train.select_by": "validation/loss"}, {}, "no labelled rows"),
        ({}, {"folds": None}, "--folds is missing"),
        ({}, {"choose": {"data.max_length": ("8", "16")}}, "what is compared"),
        ({}, {"choose": {"optim.lr": ("1e-3",)}}, "two or more values"),
        ({}, {"choose": {"optim.lrr": ("1", "2")}}, "did you mean config.optim.lr"),
    ],
)
def test_what_is_not_served_is_refused_before_anything_is_read(
    leaves: dict[str, str], request_: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        run(build_config({"data.train": "absent.csv", **leaves}), tmp_path / "cv", Trainer(), **request_)
    assert not (tmp_path / "cv").exists()


def test_groups_that_the_data_does_not_name_are_refused(config: Config, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="needs two"):
        run(config, tmp_path / "cv", Trainer(), folds=None, group_by="group:ethnicity")
    with pytest.raises(BadInputError, match="none of the columns article"):
        run(config, tmp_path / "cv", Trainer(), group_by="article")
    assert [path.name for path in (tmp_path / "cv").iterdir()] == [".lock"]


def test_the_file_of_a_row_is_its_source_where_no_column_says_so(config: Config, tmp_path: Path) -> None:
    run(config, tmp_path / "cv", Trainer(), folds=2, group_by="source")
    files = [{name.split(":")[0] for name in fold.test} for fold in read_folds(tmp_path / "cv" / "folds.json").folds]
    assert sorted(map(sorted, files)) == [["test.csv"], ["validation.csv"]]


def test_each_group_is_judged_by_a_model_that_has_not_met_it(tmp_path: Path) -> None:
    lines = [f"{row.id}\t{row.text}\t{row.label}\n" for row in world.rows(120, seed=0)]
    (tmp_path / "rows.tsv").write_text("id\ttext\tlabel\n" + "".join(lines), encoding="utf-8")
    config = build_config({"data.train": str(tmp_path / "rows.tsv"), "safety.pack": "demo"})
    run(config, tmp_path / "cv", Trainer(), folds=None, group_by="group:ethnicity")
    stored = read_json(tmp_path / "cv" / "cross_validation.json")
    assert {row["group"] for row in stored["folds"]} == {"dalumi", "felgora", "gisheno", "qaluri"}
    assert stored["against"] == {"tfidf": None}  # groups are no draws of one distribution
    assert sum(row["test_rows"] for row in stored["folds"]) == 120


def test_processes_are_bounded_and_a_failure_says_what_the_fold_said(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[subprocess.Popen[bytes]] = []
    most = []

    def start(one: FoldRun) -> subprocess.Popen[bytes]:
        running.log_of(one).parent.mkdir(parents=True, exist_ok=True)
        running.log_of(one).write_text("amharic-tl train: a column is missing\n")
        code = {"fold-1": "0", "fold-2": "71", "fold-3": "65"}[one.fold.name]
        alive.append(subprocess.Popen([sys.executable, "-S", "-c", f"raise SystemExit({code})"]))
        most.append(sum(process.poll() is None for process in alive))
        return alive[-1]

    monkeypatch.setattr(running, "_start", start)
    monkeypatch.setattr(running, "LOOK_EVERY", 0.02)
    folds = tuple(Fold(f"fold-{n}", 0, ("a",), ("b",)) for n in (1, 2, 3))
    runs = runs_of(config, Request(folds=3), folds, tmp_path)
    ended: list[FoldRun] = []
    with pytest.raises(BadInputError, match="fold-3.*a column is missing"):
        running.run_all(runs, 2, Interruption(), ended.append, print)
    assert [one.fold.name for one in ended] == ["fold-1"] and len(alive) == 3 and max(most) <= 2


def test_models_are_trained_and_judged_out_of_fold(tiny_overrides: dict[str, object], tmp_path: Path) -> None:
    leaves = {name: value for name, value in tiny_overrides.items() if name not in ("data.validation", "data.test")}
    changed = {"data.train": tiny_overrides["data.test"], "train.steps": 4, "train.evaluate_every": 2}
    record = cross_validate(
        build_config({**leaves, **changed}), tmp_path / "cv", Request(folds=2), estimate=lambda config: 1.0
    )
    assert record["status"] == "completed" and 0 <= record["final"]["oof"]["macro_f1"] <= 1
    fold = Workdir(tmp_path / "cv" / "folds" / "fold-1")
    data = read_json(fold.data)
    assert sum(data["splits"][split]["rows"] for split in ("train", "validation", "test")) == 60
    assert [overlap["near"] for overlap in data["across"]] == [0, 0, 0]


def test_the_verb_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0 and "--group-by" in capsys.readouterr().out
