"""Claims of studies: read, checked against what is kept, made anew, and listed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from amharic_tl.cli.main import main
from amharic_tl.errors import BadInputError, InputOutputError, MissingInputError
from amharic_tl.studies.claims import PARTS, find_studies, load_study
from amharic_tl.studies.reproduce import artifact_page, check, reproduce

ROOT = Path(__file__).parents[2]
STUDIES = find_studies(ROOT / "experiments")

CLAIMS = """
[study]
hypothesis = "h"
command = "python make.py {output} 0.4321 0.4402"
log = "log.txt"
table = "table.md"
conclusion = "README.md"

[[claims]]
id = "a"
claim = "mean of two seeds"
value = 0.436
kept = { file = "runs.jsonl", where = { arm = "a" }, key = "test.f1" }
fresh = { file = "{output}/seed-*.json", key = "final.f1" }
tolerance = { "bitwise on CPU" = 1e-6, "same accelerator" = 1e-3, statistical = 0.02 }

[[claims]]
id = "b"
claim = "a figure of a text"
value = 2.1e-06
kept = { file = "out.txt", pattern = "logits +([0-9.e-]+)" }
tolerance = { statistical = 1e-4 }
"""
MAKE = """
import json, sys
from pathlib import Path
folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "count").write_text(str(int((folder / "count").read_text()) + 1 if (folder / "count").exists() else 1))
for number, value in enumerate(sys.argv[2:]):
    (folder / f"seed-{number}.json").write_text(json.dumps({"final": {"f1": float(value)}}))
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "experiments" / "one"
    folder.mkdir(parents=True)
    (folder / "claims.toml").write_text(CLAIMS)
    (tmp_path / "make.py").write_text(MAKE)
    rows = [{"arm": "a", "test": {"f1": 0.4321}}, {"arm": "a", "test": {"f1": 0.4402}}, {"arm": "x", "test": {"f1": 0}}]
    (folder / "runs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "out.txt").write_text("layer 1 1.0e-07\nlogits   2.10e-06  1e-4\n")
    return folder


@pytest.mark.parametrize(
    ("values", "level"),
    [
        ("0.4321 0.4402", "bitwise on CPU"),
        ("0.4330 0.4402", "same accelerator"),
        ("0.42 0.44", "statistical"),
        ("0.1 0.2", None),
    ],
)
def test_a_claim_holds_at_the_strictest_level_that_it_reaches(study: Path, values: str, level: str | None) -> None:
    path = study / "claims.toml"
    path.write_text(path.read_text().replace("0.4321 0.4402", values))
    loaded, root, said = load_study(study), study.parents[1], []
    found = reproduce(loaded, root, {"data": "", "output": "runs"}, said.append)
    assert found[0].level == level and found[1].level == "as kept"
    assert found[0].holds("statistical") is (level is not None)
    assert found[0].holds("bitwise on CPU") is (level == "bitwise on CPU")
    assert len(said) == 1 and (root / "runs" / "count").read_text() == "1"
    assert (level or "DOES NOT HOLD") in found[0].line()


def test_checking_runs_nothing_and_sees_a_figure_that_is_not_what_is_kept(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(study.parents[1])
    path = study / "claims.toml"
    path.write_text(path.read_text().replace('"h"', f'"{"a long hypothesis, " * 20}"'))
    assert main(["reproduce", "one", "--check"]) == 0 == main(["reproduce", "--artifact", "page.md"])
    assert "2 of 2 claims hold" in capsys.readouterr().out and not Path("runs").exists()
    path.write_text(path.read_text().replace("value = 0.436", "value = 0.437"))
    assert main(["reproduce", "one", "--check"]) == 65
    path.write_text(path.read_text().replace("value = 0.437", "value = 0.440"))  # not within a thousandth of 0.43615
    assert main(["reproduce", "one", "--check"]) == 65
    (study / "runs.jsonl").unlink()
    assert main(["reproduce", "one", "--check"]) == 0
    assert "NOT RUN" in capsys.readouterr().out
    assert main(["reproduce", "two", "--check"]) == 66 and "with claims are one" in capsys.readouterr().err
    assert main(["reproduce", "one", "--level", "exact"]) == 2


def test_a_command_that_fails_and_claims_that_are_wrong(study: Path) -> None:
    path = study / "claims.toml"
    with pytest.raises(InputOutputError, match=r"make.py runs 0.4321 x ended with 1"):
        path.write_text(CLAIMS.replace("0.4402", "x", 1))
        reproduce(load_study(study), study.parents[1], {"data": "", "output": "runs"}, lambda line: None)
    for wrong, said in (
        (CLAIMS.replace('log = "log.txt"\n', ""), "study. lacks log"),
        (CLAIMS.replace('id = "b"', 'id = "a"'), "two claims are called 'a'"),
        (CLAIMS.replace("statistical = 1e-4", "roughly = 1e-4"), "found roughly"),
        (CLAIMS.replace("value = 2.1e-06", ""), "claim 2 .b.: 'value'"),
        (CLAIMS.replace("[study]", "[study"), "not valid TOML"),
    ):
        path.write_text(wrong)
        with pytest.raises(BadInputError, match=said):
            load_study(study)
    with pytest.raises(InputOutputError, match="ended with 7"):  # a script's own commands find this Python
        code = "import sys; sys.exit(7 if sys.prefix == sys.argv[1] else 1)"
        (study.parents[1] / "call.sh").write_text(f"{Path(sys.executable).name} -c '{code}' \"$1\"\n")
        path.write_text(CLAIMS.replace("python make.py {output} 0.4321 0.4402", f"sh call.sh {sys.prefix}"))
        reproduce(load_study(study), study.parents[1], {"data": "", "output": "runs"}, lambda line: None)
    path.unlink()
    with pytest.raises(MissingInputError, match=r"has no claims\.toml"):
        load_study(study)


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: path.name)
def test_studies_of_this_repository_keep_what_they_claim(folder: Path) -> None:
    study = load_study(folder)
    assert (folder / "README.md").is_file() and study.claims
    assert all(verdict.holds("statistical") in (True, None) for verdict in check(study))
    assert set(study.parts) == set(PARTS)


def test_the_artifact_page_maps_every_claim_to_its_command() -> None:
    studies = [load_study(path) for path in STUDIES]
    page = (ROOT / "ARTIFACT.md").read_text(encoding="utf-8")
    assert page == artifact_page(studies), "write it anew: amharic-tl reproduce --artifact ARTIFACT.md"
    for study in studies:
        for claim in study.claims:
            row = next(line for line in page.splitlines() if line.startswith(f"| `{claim.id}`: "))
            assert claim.command in row
