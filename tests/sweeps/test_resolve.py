"""From a spec to runs: names, identities, budgets, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from amharic_tl import sweeps
from amharic_tl.config import build_config, flatten, to_dict
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError
from amharic_tl.records.files import read_json, write_json
from amharic_tl.sweeps.identity import file_name, names, run_id
from amharic_tl.sweeps.inputs import absent, fingerprints, unpinned
from amharic_tl.sweeps.launch import planned
from amharic_tl.sweeps.manifest import store
from amharic_tl.sweeps.place import Place
from amharic_tl.sweeps.resolution import plan
from amharic_tl.sweeps.spec import load_spec, specs

RATES = sweeps.param("optim.lr", [0.1, 0.2])


def test_every_combination_of_arm_and_seed_is_a_valid_config_of_its_own() -> None:
    sweep = sweeps.Sweep(arms=RATES, base={"train.epochs": 2.0}, fixed={"data.train": "t.csv"}, seeds=sweeps.seeds(3))
    configs = sweeps.resolve(sweep)
    assert [(c.optim.lr, c.train.seed) for c in configs] == [(lr, seed) for lr in (0.1, 0.2) for seed in range(3)]
    assert {(c.train.epochs, c.data.train) for c in configs} == {(2.0, "t.csv")}
    assert configs == sweeps.resolve(sweep)


def test_a_preset_is_a_base_and_the_spec_lies_over_it() -> None:
    (config,) = sweeps.resolve(sweeps.Sweep(arms=[{}], base="classify", fixed={"optim.lr": 0.5}))
    assert config.train.class_weights == "balanced" and config.optim.lr == 0.5


def test_a_misspelt_leaf_is_refused_once_with_the_nearest_right_one() -> None:
    sweep = sweeps.Sweep(arms=sweeps.param("optim.lrr", [1, 2, 3]), seeds=sweeps.seeds(5))
    with pytest.raises(ConfigError) as caught:
        sweeps.resolve(sweep)
    assert str(caught.value).count("optim.lrr") == 1 and "config.optim.lr?" in str(caught.value)


def test_a_wrong_value_says_how_many_runs_have_it() -> None:
    with pytest.raises(ConfigError, match=r"optim\.lr.*-1.*5 of 10 runs"):
        sweeps.resolve(sweeps.Sweep(arms=sweeps.param("optim.lr", [0.1, -1]), seeds=sweeps.seeds(5)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"arms": ()},
        {"arms": sweeps.prod(RATES, sweeps.seeds(2))},
        {"seeds": sweeps.param("optim.beta1", [0.1])},
        {"question": sweeps.Question(measure="train/macro_f1")},
        {"question": sweeps.Question(measure="test/macro_f2")},
        {"question": sweeps.Question(measure="test/loss")},
        {"question": sweeps.Question(control={"optim.lr": 0.3})},
        {"question": sweeps.Question(control={"transfer.method": "full"})},
    ],
)
def test_a_spec_that_cannot_be_answered_is_refused(wrong: dict[str, object]) -> None:
    good = sweeps.Sweep(arms=RATES, seeds=sweeps.seeds(2), question=sweeps.Question(control={"optim.lr": 0.1}))
    assert len(plan(good).runs) == 4
    with pytest.raises(ConfigError):
        plan(dataclasses.replace(good, **wrong))  # type: ignore[arg-type]


def test_a_point_that_is_the_run_of_another_is_run_once() -> None:
    arms = sweeps.chain(RATES, sweeps.param("train.batch_size", [32, 64]))
    found = plan(sweeps.Sweep(arms=arms, base={"optim.lr": 0.1, "train.batch_size": 32}))
    assert len(found.runs) == 3 and found.doubles == 1
    assert [dict(run.arm) for run in found.runs] == [
        {"optim.lr": 0.1, "train.batch_size": 32},
        {"optim.lr": 0.2, "train.batch_size": 32},
        {"optim.lr": 0.1, "train.batch_size": 64},
    ]


def test_names_are_made_of_what_varies() -> None:
    arms = sweeps.prod(RATES, sweeps.param("train.batch_size", [32]))
    assert [run.name for run in plan(sweeps.Sweep(arms=arms, seeds=sweeps.seeds(2))).runs] == [
        "lr=0.1,seed=0",
        "lr=0.1,seed=1",
        "lr=0.2,seed=0",
        "lr=0.2,seed=1",
    ]
    assert names([{"model.path": "a/one"}, {"model.path": "b/one"}]) == ["path=a/one", "path=b/one"]
    assert names([{"a.x": 1, "b.x": None}]) == ["a.x=1,b.x=none"]


@pytest.mark.parametrize("name", ["path=../../etc/passwd", "path=ሰላም " * 40, "..", "path=a|b\n"])
def test_a_run_is_a_folder_that_any_file_system_takes(name: str) -> None:
    folder = file_name(name, "0123456789abcdef")
    assert Path(folder).name == folder and len(folder.encode()) < 240 and not folder.startswith(".")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"output.export": False}, True),
        ({"output.tensorboard": False}, True),
        ({"mesh.fsdp": 2}, True),
        ({"train.log_every": 3}, True),
        ({"optim.lr": 0.25}, False),
        ({"train.seed": 1}, False),
        ({"data.train": "other.csv"}, False),
        ({"train.evaluate_every": 5}, False),
        ({"adapt.tapt.steps": 5}, False),
    ],
)
def test_an_identity_rests_on_what_changes_the_result(change: dict[str, object], same: bool) -> None:
    base = {"data.train": "train.csv"}
    assert (run_id(build_config(base)) == run_id(build_config({**base, **change}))) is same


def test_an_identity_is_the_same_in_another_process() -> None:
    code = "from amharic_tl.config import build_config as b; from amharic_tl.sweeps.identity import run_id as r;"
    done = subprocess.run(
        [sys.executable, "-c", f"{code} print(r(b({{'optim.lr': 0.5}})))"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == run_id(build_config({"optim.lr": 0.5}))


def test_of_local_data_the_contents_count_and_not_the_place(tmp_path: Path) -> None:
    for folder, text in (("here", "ሀ"), ("there", "ሀ"), ("edited", "ለ")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.csv").write_text(f"text,label\n{text},1\n", encoding="utf-8")
    runs = [
        planned(sweeps.Sweep(arms=[{}], fixed={"data.train": str(tmp_path / folder / "train.csv")})).runs[0].run_id
        for folder in ("here", "there", "edited")
    ]
    assert runs[0] == runs[1] != runs[2]
    folds = [
        {"data.folds": str(tmp_path / folder / "train.csv"), "data.fold": "fold-1"} for folder in ("here", "edited")
    ]
    told_apart = planned(sweeps.Sweep(arms=folds, fixed={"data.train": "sample:train"}))
    assert len(told_apart.runs) == 2 * len(sweeps.Sweep(arms=[{}]).seeds) and not told_apart.doubles
    pattern = build_config({"data.train": f"{tmp_path}/*/train.csv", "data.test": "sample:test"})
    assert set(fingerprints([pattern])) == {f"{tmp_path}/*/train.csv"}


def test_of_text_to_adapt_to_and_of_mixtures_the_contents_count(tmp_path: Path) -> None:
    def identity(text: str, leaf: str) -> str:
        (tmp_path / "news.txt").write_text(text, encoding="utf-8")
        named = {leaf: f"{tmp_path / 'news.txt'},tfds:enh_news/all:train", "data.test": "sample:test"}
        configs = [build_config({"data.train": "sample:train", **named})]
        assert not absent(configs)
        return run_id(configs[0], fingerprints(configs))

    for leaf in ("adapt.dapt.data", "data.train"):
        assert identity("ሀ", leaf) == identity("ሀ", leaf) != identity("ለ", leaf)
    missing = build_config({"data.train": "sample:train", "adapt.dapt.data": "gone.txt,tfds:enh_news/all:train"})
    assert absent([missing]) == ["config.adapt.dapt.data: gone.txt,tfds:enh_news/all:train"]


def test_hub_data_without_a_commit_is_told() -> None:
    commit = f"hf:owner/name@{'0123456789' * 4}/am:test"
    named = build_config({"data.train": "hf:owner/name/am:train, a.csv", "data.test": commit})
    assert unpinned([named, named]) == ["hf:owner/name/am:train"]


def test_a_run_of_a_time_with_fewer_leaves_is_gone_on_with(tmp_path: Path) -> None:
    place, begun = Place(tmp_path / "sweep"), planned(sweeps.Sweep(arms=[{"optim.lr": 0.5}], seeds=sweeps.seeds(1)))
    (run,) = store(place, "one", sweeps.Question(), begun).runs
    place.workdir(run.folder).root.mkdir(parents=True)
    old = flatten(to_dict(begun.runs[0].config))
    del old["data.long_text"], old["data.gates"]
    nested: dict[str, dict[str, object]] = {}
    for name, value in old.items():
        *path, last = name.split(".")
        here: dict[str, Any] = nested
        for part in path:
            here = here.setdefault(part, {})
        here[last] = value
    write_json(place.config(run.folder), nested)
    stored = read_json(place.plan)
    stored["runs"][0]["run_id"] = run_id(begun.runs[0].config, {}, old.keys())
    write_json(place.plan, stored)
    assert stored["runs"][0]["run_id"] != run.run_id
    assert store(place, "one", sweeps.Question(), begun).runs == (run,)
    # What the new leaf makes another run is another run.
    write_json(place.config(run.folder), nested)
    write_json(place.plan, stored)
    cut = sweeps.Sweep(arms=[{"optim.lr": 0.5, "data.long_text": "head-tail"}], seeds=sweeps.seeds(1))
    with pytest.raises(ConfigError, match="not runs of this spec"):
        store(place, "one", sweeps.Question(), planned(cut))


def arm(method: str, *rates: float) -> tuple[sweeps.Arm, ...]:
    return sweeps.tuned(sweeps.param("transfer.method", [method]), sweeps.param("optim.lr", rates))


def test_arms_are_tuned_over_equally_many_configurations() -> None:
    equal = sweeps.Sweep(arms=(*arm("full", 0.1, 0.2), *arm("head", 0.3, 0.4)), seeds=sweeps.seeds(3))
    found = plan(equal)
    assert len(found.runs) == 12 and found.tuned
    assert {tuple(run.compared) for run in found.runs} == {("transfer.method",)}
    for unequal in (arm("head", 0.3), (sweeps.Arm({"transfer.method": "head"}),)):
        with pytest.raises(ConfigError, match=r"method=full: 2 x 3\n  method=head: 1 x 3"):
            plan(dataclasses.replace(equal, arms=(*arm("full", 0.1, 0.2), *unequal)))


def test_what_tuning_chose_on_is_not_what_arms_are_measured_by() -> None:
    sweep = sweeps.Sweep(arms=arm("full", 0.1, 0.2), question=sweeps.Question(measure="validation/macro_f1"))
    with pytest.raises(ConfigError, match="test"):
        plan(sweep)


def test_specs_that_come_with_the_package_are_found_by_name_and_resolve() -> None:
    assert {"sample", "tuned"} <= set(specs())
    for name in specs():
        called, sweep = load_spec(name)
        assert called == name and len(sweeps.resolve(sweep)) > 1


def test_a_spec_is_a_file_that_returns_a_sweep(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="sample"):
        load_spec("sampel")
    for text in ("x = 1", "def get_sweep():\n    return 3", "def get_sweep():\n    return 1 / 0", "def get_sweep(:"):
        (tmp_path / "wrong.py").write_text(text)
        with pytest.raises(BadInputError, match=r"wrong\.py"):
            load_spec(str(tmp_path / "wrong.py"))
    for fields in ("arms=3", "arms=[{}], minutes=-1", "arms=[{}], question='which?'", "arms=[{}], seeds=5"):
        (tmp_path / "wrong.py").write_text(
            f"from amharic_tl import sweeps\ndef get_sweep():\n    return sweeps.Sweep({fields})"
        )
        with pytest.raises(BadInputError, match=fields.rsplit(" ", 1)[-1].partition("=")[0]):
            load_spec(str(tmp_path / "wrong.py"))
    (tmp_path / "spec.json").write_text(json.dumps({}))
    with pytest.raises(BadInputError):
        load_spec(str(tmp_path / "spec.json"))
