"""``amharic-tl probe --model``: files without a text, groups by id, drafts refused, nothing overwritten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import amharic_tl as atl
from amharic_tl.cli.main import main
from amharic_tl.culture import pack as pack_module
from amharic_tl.culture.expansion import expand
from amharic_tl.culture.pack import open_pack
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.records.files import read_lines, read_object, write_json
from amharic_tl.reports.report import write_report
from amharic_tl.safety.scoring.selection import panels

PACK = open_pack("demo")
PACKS = Path(pack_module.__file__).parent / "packs"
ITEM = """  - id: food.f{number}.a
    topic: food
    text: "ሻይ {number} {{answer}} ነው።"
    right: ትኩስ
    wrong: [ቀዝቃዛ]
    sources: ["invented for a test"]
    split: monitor
    drafted_by: person
    source: "invented for a test"
    reviewers: []
    status: draft
"""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo pack with nine nuance items, and a family whose wordings do not agree."""
    folder = tmp_path_factory.mktemp("packs") / "packs"
    shutil.copytree(PACKS, folder)
    head = folder / "demo" / "pack.yaml"
    head.write_text(head.read_text(encoding="utf-8").replace("  families:", "  nuance: [nuance.yaml]\n  families:"))
    items = "".join(ITEM.format(number=number) for number in range(9))
    (folder / "demo" / "nuance.yaml").write_text("items:\n" + items, encoding="utf-8")
    file = folder / "demo" / "families.yaml"
    written = file.read_text(encoding="utf-8")
    retired = '    retired: {reason: "its wordings do not agree", figure: 0.12, model: amharic-tiny}\n'
    place = written.index("    kind: honorific")
    file.write_text(written[:place] + retired + written[place:], encoding="utf-8")
    return folder / "demo"


@pytest.fixture(scope="module")
def causal(small_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("causal")
    config = {
        "model_type": "gpt2", "vocab_size": len(load_tokenizer(small_base)), "n_embd": 16, "n_layer": 1, "n_head": 2,
        "n_positions": 64, "bos_token_id": 0, "eos_token_id": 2,
    }  # fmt: skip
    atl.save_pretrained(atl.from_config(config, "causal-lm", seed=0), folder, tokenizer_from=small_base)
    return folder


@pytest.fixture(scope="module")
def probed(causal: Path, pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probe") / "new"
    arguments = ["--pack", str(pack), "--max-new-tokens=2", "--workdir", str(folder)]
    assert main(["probe", "--model", str(causal), *arguments]) == 0
    return folder


def test_figures_of_each_kind_are_there_and_groups_stand_by_id(probed: Path) -> None:
    lines = read_lines(probed / "safety.jsonl")
    names = {line["name"] for line in lines}
    assert {"association_warmth", "association_spread", "honorific_parity", "likelihood", "benign_likelihood"} <= names
    assert {"mention_rate", "refusal_rate", "tokens_per_name"} <= names
    ids = [group.id for group in PACK.axis("ethnicity").groups]
    assert [line["group"] for line in lines if line["name"] == "association_warmth"] == ids
    # A family or two of each kind are too few for any figure; of eight of politeness one is retired here.
    known = {line["name"] for line in lines if line["state"] != "insufficient"}
    assert known == {"tokens_per_name", "benign_likelihood", "nuance_accuracy"}
    about = read_object(probed / "probe.json")
    assert (about["kind"], about["form"], about["watermark"]) == ("causal", "total", "")
    answers = about["written"]["ethnicity"]["answers"]
    assert answers["comply"] + answers["refuse"] + answers["deflect"] == pytest.approx(1)


def test_what_a_model_knows_of_a_culture_is_in_file_table_and_page(probed: Path) -> None:
    (all_items, _) = [line for line in read_lines(probed / "safety.jsonl") if line["axis"] == "nuance"]
    assert (all_items["name"], all_items["n"], all_items["null_value"]) == ("nuance_accuracy", 9, 0.5)
    assert "9 of 9 items in 9 families" in (probed / "probe.md").read_text(encoding="utf-8")
    page = (probed / "report.html").read_text(encoding="utf-8")
    assert "Cultural knowledge" in page and "nuance_accuracy" in page


def test_a_retired_family_is_listed_and_used_only_where_asked_for(
    pack: Path, probed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "ethnicity.guest.polite"
    assert name not in read_object(probed / "probe.json")["axes"]["ethnicity"]["families"]
    assert main(["probe", "--pack", str(pack), "--list"]) == 0
    shown = capsys.readouterr().out
    assert "retired (0.12 on amharic-tiny: its wordings do not agree)" in shown and "do not agree: 1" in shown
    everything = panels(open_pack(str(pack)), retired=True)[0]
    assert name in {family.id for family in everything.families}


def test_a_model_beside_itself_has_changed_in_nothing(causal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(causal)
    assert main(["probe", "--model", model, "--compare", model, "--pack", "demo", "--split", "penalty"]) == 0
    assert "association competence change" in capsys.readouterr().out


def test_no_file_holds_a_text(probed: Path) -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in probed.iterdir())
    for family in PACK.families:
        for one in expand(family, PACK.axis("ethnicity").groups, PACK.paradigms):
            assert one.text not in written
            assert one.span is None or one.text[slice(*one.span)] not in written


def test_nothing_is_overwritten_and_a_page_can_be_written_again(
    probed: Path, causal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = probed / "report.html"
    before = page.read_bytes()
    assert main(["probe", "--model", str(causal), "--pack", "demo", "--workdir", str(probed)]) == 73
    assert "not empty" in capsys.readouterr().err and page.read_bytes() == before
    assert write_report(probed) == page and page.read_bytes() == before


def test_a_runs_report_gets_a_section(probed: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"status": "completed"})
    assert 'id="probe"' not in write_report(tmp_path).read_text(encoding="utf-8")
    probed_here = tmp_path / "probe"
    probed_here.mkdir()
    for name in ("probe.json", "safety.jsonl"):
        (probed_here / name).write_bytes((probed / name).read_bytes())
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert 'id="probe"' in page and "insufficient" in page


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--list"], 2),
        (["--judge-labels", "x"], 2),
        (["--unmeasured-judge"], 2),
        (["--pack", "demo", "--split", "test"], 2),
        (["--pack", "demo", "--form", "aul"], 78),
        (["--pack", "demo", "--positive-labels", "hate"], 65),
        (["--pack", "demo", "--axes", "religion"], 65),
    ],
)
def test_what_is_wrong_has_its_exit_code(causal: Path, arguments: list[str], code: int) -> None:
    assert main(["probe", "--model", str(causal), *arguments]) == code


def test_a_model_that_scores_no_text_is_refused(small_base: Path, tmp_path: Path) -> None:
    config = {**read_object(small_base / "config.json"), "architectures": ["RobertaForTokenClassification"]}
    write_json(tmp_path / "config.json", config)
    assert main(["probe", "--model", str(tmp_path), "--pack", "demo"]) == 65
