"""A whole run of a causal model that is watched, killed and gone on with."""

from __future__ import annotations

import shutil
from pathlib import Path

import jax
import pytest

import amharic_tl as atl
from amharic_tl.config import build_config
from amharic_tl.culture.pack import open_pack
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.models.interchange.locate import locate
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.run import train
from tests.safety.world import GROUPS, WORDS

Overrides = dict[str, object]
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Overrides, Path]:
    """The settings of a run that looks at every step, and its workdir."""
    folder = tmp_path_factory.mktemp("language")
    tokenizer = load_tokenizer(locate("amharic-tiny"))
    config = {
        "model_type": "llama",
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "max_position_embeddings": 64,
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    atl.save_pretrained(
        atl.from_config(config, "causal-lm", seed=0), folder / "model", tokenizer_from=locate("amharic-tiny")
    )
    for name, first in (("train", 0), ("dev", 5)):
        lines = [
            f"{WORDS[(first + n) % 13]} የ{GROUPS[n % 4]} ህዝብ {WORDS[n % 13]} {WORDS[(n * n + first) % 13]}።"
            for n in range(24)
        ]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings: Overrides = {
        "task.kind": "causal-lm",
        "model.path": str(folder / "model"),
        "data.train": str(folder / "train.txt"),
        "data.validation": str(folder / "dev.txt"),
        "data.max_length": 32,
        "train.steps": 4,
        "train.batch_size": 4,
        "train.evaluate_every": 4,
        "train.save_every": 2,
        "train.select_by": "validation/bits_per_character",
        "safety.axes": "ethnicity",
        "safety.pack": "demo",
        "safety.look_every": "25%",
        "safety.benign_texts": 2,
        "safety.prompts": 1,
        "safety.draws": 1,
        "safety.new_tokens": 4,
        "safety.gap_texts": 8,
        "output.tensorboard": False,
        "output.export": False,
    }
    train(build_config(settings), folder / "run", one_device())
    return settings, folder / "run"


def one_device() -> object:
    return make_mesh(1, 1, 1, jax.devices()[:1])


def test_looks_evaluations_and_the_end_leave_lines_of_their_own(watched: tuple[Overrides, Path]) -> None:
    place = Workdir(watched[1])
    lines = read_lines(place.safety)
    assert {(line["split"], line["step"]) for line in lines} == {
        ("look", 1),
        ("look", 2),
        ("look", 3),
        ("monitor", 4),
        ("final", 4),
    }
    final = {
        (line["name"], line["scope"]): line for line in lines if line["split"] == "final" and line["group"] == "all"
    }
    assert {("benign_perplexity", "benign"), ("mention_lost", "written"), ("refusals_added", "written")} <= set(final)
    assert final["mention_gap", "train_dev"]["detail"]["train"] == 8
    names = {line["name"] for line in lines}
    assert {"association_warmth", "honorific_parity", "mention_rate", "benign_likelihood"} <= names
    assert all(line["p_value"] is None for line in lines if line["name"] == "mention_gap")


def test_its_cost_is_declared_before_it_is_paid_and_its_verdict_is_in_run_json(
    watched: tuple[Overrides, Path],
) -> None:
    place = Workdir(watched[1])
    cost = read_json(place.watched)["cost"]
    assert 0 < cost["rows_per_look"] < cost["rows_per_evaluation"]
    assert cost["written_per_evaluation"] == 2 * 6 and cost["look_every"] == 1
    final = read_json(place.run)["final"]["safety"]
    assert final["verdict"]["state"] == "no reference"
    assert {line["group"] for line in final["retention"]} >= {"all"}
    assert all(line["which"] == "undecided" for line in final["retention"])
    page = place.report.read_text(encoding="utf-8")
    assert 'id="safety"' in page and 'id="retention"' in page


def test_items_are_kept_by_id_and_no_text_is(watched: tuple[Overrides, Path]) -> None:
    place = Workdir(watched[1])
    items = read_lines(place.predictions("watched"))
    assert {item["what"] for item in items} == {"benign", "mention", "refusal", "deflection"}
    names = [*GROUPS, *open_pack("demo").placebo_names]
    for path in place.root.rglob("*.jsonl"):
        assert not [name for name in names if name in path.read_text(encoding="utf-8")], path.name


def test_a_killed_run_looks_again_at_what_it_had_looked_at(watched: tuple[Overrides, Path], tmp_path: Path) -> None:
    settings, whole = watched
    shutil.copytree(whole, tmp_path / "again")
    place = Workdir(tmp_path / "again")
    # As if killed in the look at step 3: the checkpoint of step 2 is the newest.
    run = read_json(place.run)
    place.run.write_text(place.run.read_text(encoding="utf-8").replace('"completed"', '"running"', 1), encoding="utf-8")
    shutil.rmtree(place.checkpoints / "4")
    train(build_config(settings), place.root, one_device())
    assert place.safety.read_bytes() == Workdir(whole).safety.read_bytes()
    assert place.predictions("watched").read_bytes() == Workdir(whole).predictions("watched").read_bytes()
    assert read_json(place.run)["final"] == run["final"]
