"""A whole run that is watched, and the same with a penalty beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

import jax
import pytest
from jax.sharding import Mesh

from amharic_tl.config import Config, build_config
from amharic_tl.culture.pack import open_pack
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import ConfigError, MissingInputError
from amharic_tl.records.files import read_json, read_lines, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.run import assemble, train
from amharic_tl.run.evaluation import evaluate
from tests.safety.test_penalties import GROUPS, WORDS, write_biased

Overrides = dict[str, object]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, small_base: Path) -> tuple[Overrides, Path]:
    """The settings of a watched run on biased rows, and its workdir."""
    folder = tmp_path_factory.mktemp("watched")
    for number, (name, count) in enumerate((("train", 400), ("validation", 160), ("test", 160))):
        write_biased(folder / f"{name}.csv", count, number, 0.95)
    settings: Overrides = {
        **{f"data.{split}": str(folder / f"{split}.csv") for split in ("train", "validation", "test")},
        "model.path": str(small_base),
        "data.max_length": 32,
        "train.steps": 12,
        "train.batch_size": 16,
        "train.evaluate_every": 6,
        "optim.lr": 5e-4,
        "safety.axes": "ethnicity",
        "safety.pack": "demo",
        "safety.positive_labels": "harm",
        "output.tensorboard": False,
        "output.baselines": False,
    }
    train(build_config(settings), folder / "off", one_device())
    return settings, folder / "off"


def one_device() -> Mesh:
    """That several devices give the same is tested with the step; eight on two cores take long."""
    return make_mesh(1, 1, 1, jax.devices()[:1])


def penalised(settings: Overrides, reference: Path, **changes: object) -> Config:
    extra = {"safety.penalties.logit_pairing.weight": 2.0, "safety.reference": str(reference)}
    return build_config({**settings, **extra, **changes})


def test_every_evaluation_leaves_judged_signals(watched: tuple[Overrides, Path]) -> None:
    place = Workdir(watched[1])
    lines = read_lines(place.safety)
    assert {(line["split"], line["step"]) for line in lines} >= {("validation", 6), ("validation", 12)}
    assert {line["split"] for line in lines} == {"validation", "test"}
    assert {line["state"] for line in lines} <= {"ok", "suspected", "confirmed", "resolved", "insufficient"}
    assert all(line["unreviewed"] for line in lines)
    about = read_json(place.watched)
    assert about["planned_looks"] == 3 and about["drafted_by"] == "language-model"
    final = read_json(place.run)["final"]["safety"]
    assert set(final) == {"validation", "test", "verdict", "retention"} and "3 planned looks" in final["test"]["family"]
    assert len(read_lines(place.predictions("benign"))) == about["splits"]["validation"]["benign"]
    assert 'id="safety"' in place.report.read_text(encoding="utf-8")


def test_fairness_is_followed_while_training_and_judged_at_the_end(
    watched: tuple[Overrides, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workdir(watched[1])
    followed = [line for line in read_lines(place.metrics) if line["split"] == "validation"]
    assert followed and all("fairness/ethnicity/demographic_parity_difference" in line for line in followed)
    stored = read_json(place.fairness)
    assert set(stored) == {"validation", "test"}
    assert read_json(place.run)["final"]["safety"]["test"]["fairness"]["screen"] == stored["test"]["screen"]
    assert 'id="fairness"' in place.report.read_text(encoding="utf-8")
    groups = {one["group"]: one["figures"]["false_positive"] for one in stored["test"]["axes"]["ethnicity"]["groups"]}
    card = read_json(place.export / "judge.json")
    assert {group: of["false_alarms"] for group, of in card["axes"]["ethnicity"].items()} == groups
    one = jax.devices()[:1]
    monkeypatch.setattr(jax, "devices", lambda: one)
    evaluate(place.root, "test", which="checkpoint", output=tmp_path / "again")
    again = read_json(Workdir(tmp_path / "again").fairness)["test"]
    assert again["axes"]["ethnicity"]["parity"] == stored["test"]["axes"]["ethnicity"]["parity"]


def test_no_text_and_no_swap_is_written_anywhere(watched: tuple[Overrides, Path]) -> None:
    names = (*WORDS, *open_pack("demo").placebo_names)
    for path in watched[1].rglob("*"):
        # The export's tokenizer has a vocabulary of its own.
        if path.is_file() and path.suffix in (".json", ".jsonl", ".html") and path.name != "tokenizer.json":
            text = path.read_text(encoding="utf-8")
            assert not [name for name in names if name in text], path.name
            if path.suffix == ".jsonl":
                assert not [name for name in GROUPS if name in text], path.name


@pytest.mark.long
def test_with_a_penalty_twins_are_measured_against_the_reference(
    watched: tuple[Overrides, Path], tmp_path: Path
) -> None:
    settings, reference = watched
    train(penalised(settings, reference), tmp_path / "on", one_device())
    place = Workdir(tmp_path / "on")
    assert all("penalty/logit_pairing" in line for line in read_lines(place.metrics) if line["split"] == "train")
    twins = [line for line in read_lines(place.safety) if line["name"] in ("missed_harm", "benign_flagged")]
    assert [line for line in twins if line["group"] == "all" and line["state"] != "insufficient"]
    about = read_json(place.watched)
    assert about["reference_signals"] and about["training"]["refused"]["ethnicity"]["dalumi"]["swapped"] > 0
    assert "reference" in place.report.read_text(encoding="utf-8")


def test_a_killed_run_leaves_the_same_signals(watched: tuple[Overrides, Path], tmp_path: Path) -> None:
    settings, whole = watched
    shutil.copytree(whole, tmp_path / "again")
    place = Workdir(tmp_path / "again")
    # As if killed in its last evaluation: the step is saved, what came after is there by half.
    run = read_json(place.run)
    place.run.write_text(place.run.read_text(encoding="utf-8").replace('"completed"', '"running"', 1), encoding="utf-8")
    with place.safety.open("a", encoding="utf-8") as file:
        file.write('{"half": ')
    train(build_config(settings), place.root, one_device())
    assert place.safety.read_bytes() == Workdir(whole).safety.read_bytes()
    assert place.alerts.exists() == Workdir(whole).alerts.exists()
    assert read_json(place.run)["final"] == run["final"]


def test_a_reference_must_be_the_same_run_without_penalties(watched: tuple[Overrides, Path], tmp_path: Path) -> None:
    settings, reference = watched
    with pytest.raises(ConfigError, match=r"not the same run(.|\n)*config.train.seed: the reference has 0, this run 1"):
        assemble(penalised(settings, reference, **{"train.seed": 1}))
    with pytest.raises(ConfigError, match="config.safety.pack"):
        assemble(penalised(settings, reference, **{"safety.pack": "am"}))
    with pytest.raises(MissingInputError, match="no completed run"):
        assemble(penalised(settings, tmp_path))
    copy = tmp_path / "copy"
    shutil.copytree(reference, copy)
    config = Workdir(copy).config
    config.write_text(config.read_text(encoding="utf-8").replace('"weight": 0.0', '"weight": 1.0'), encoding="utf-8")
    with pytest.raises(ConfigError, match="has a penalty itself"):
        assemble(penalised(settings, copy))
    Workdir(reference).predictions("benign").rename(reference / "aside")
    try:
        with pytest.raises(MissingInputError, match=r"lacks predictions-benign.jsonl"):
            assemble(penalised(settings, reference))
    finally:
        (reference / "aside").rename(Workdir(reference).predictions("benign"))


def test_a_reference_whose_rows_or_pack_were_changed_is_refused(
    watched: tuple[Overrides, Path], tmp_path: Path
) -> None:
    settings, reference = watched
    copy = tmp_path / "off"
    shutil.copytree(reference, copy)
    for name, what in (("data.json", "data"), ("safety.json", "culture pack")):
        kept = (copy / name).read_text(encoding="utf-8")
        write_json(copy / name, {**read_json(copy / name), "fingerprint": "0" * 64})
        with pytest.raises(ConfigError, match=f"the {what} of .* has another fingerprint"):
            assemble(penalised(settings, copy))
        (copy / name).write_text(kept, encoding="utf-8")
    assemble(penalised(settings, copy))


def test_what_each_swap_showed_is_kept_by_row_id_and_without_text(watched: tuple[Overrides, Path]) -> None:
    place = Workdir(watched[1])
    lines = read_lines(place.counterfactuals("test"))
    assert {frozenset(line) for line in lines} == {
        frozenset(
            [
                "id",
                "axis",
                "scope",
                "groups",
                "cluster",
                "flip",
                "placebo_flip",
                "gap",
                "placebo_gap",
                "to_harm",
                "from_harm",
            ]
        )
    }
    for scope in ("trained_on", "held_out"):
        mine = [line for line in lines if line["scope"] == scope]
        excess = sum(line["flip"] - line["placebo_flip"] for line in mine) / len(mine)
        assert excess == pytest.approx(signals_of_all(place, "counterfactual_flip_rate", scope))


def signals_of_all(place: Workdir, name: str, scope: str) -> float:
    found = [line for line in read_lines(place.safety) if line["split"] == "test" and line["group"] == "all"]
    return next(line["value"] for line in found if (line["name"], line["scope"]) == (name, scope))
