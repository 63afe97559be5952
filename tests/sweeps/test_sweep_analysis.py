"""A sweep's runs become tables that say what is measured, what is not, and what is established."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.records.files import read_json
from amharic_tl.sweeps.analysis import analyse, write_tables
from amharic_tl.sweeps.analysis.arms import arm_names
from amharic_tl.sweeps.analysis.latex import escaped
from amharic_tl.sweeps.analysis.tables import Table, as_csv, latex, markdown
from amharic_tl.sweeps.measured import MeasuredRun, Question, Status, Value
from tests.evaluation.compare.workdirs import random_lines, write_run

MEASURE = "test/macro_f1"


def run(
    arm: dict[str, Value], seed: int, score: float | None, status: Status = "finished", workdir: Path | None = None
) -> MeasuredRun:
    scores = {MEASURE: score} if status == "finished" else {}
    return MeasuredRun(f"{arm}-{seed}", arm, seed, status, scores, workdir, 2.0)


def crossed(score: Callable[[str, int, int], float], seeds: int = 5) -> list[MeasuredRun]:
    """Two methods by three weights."""
    return [
        run({"transfer.method": method, "penalty.weight": weight, "optim.lr": 1e-3}, seed, score(method, weight, seed))
        for method in ("full", "head")
        for weight in (0, 1, 2)
        for seed in range(seeds)
    ]


def noise(seed: int, *words: object) -> float:
    return float(np.random.default_rng([seed, *(sum(map(ord, str(word))) for word in words)]).normal(0, 0.004))


def test_effects_of_crossed_arms_are_found() -> None:
    def score(method: str, weight: int, seed: int) -> float:
        both = 0.1 if method == "head" and weight == 2 else 0.0
        return 0.5 + 0.05 * (method == "head") + both + noise(seed, method, weight)

    found = analyse(crossed(score), Question())
    by_name = {one.name: one for one in found.factors.effects}
    main = by_name["method: head against full"]
    assert main.effect is not None and main.effect.value == pytest.approx(0.05 + 0.1 / 3, abs=0.01)
    assert main.verdict(True) == "better" and main.verdict(False) == "worse"
    interaction = by_name["method=head × weight=2"]
    assert interaction.effect is not None and interaction.effect.value == pytest.approx(0.1, abs=0.01)
    assert interaction.verdict(True) == "established"
    assert by_name["method=head × weight=1"].verdict(True) == "not established"
    assert len(by_name) == 1 + 2 + 2
    assert [one.name for one in found.contrasts][0] == "method=full, weight=1" and len(found.contrasts) == 5
    means = {arm.name: arm.mean for arm in found.arms}
    cells = [[means[f"method={m}, weight={w}"] for w in (0, 1, 2)] for m in ("full", "head")]
    assert main.effect.value == pytest.approx(np.mean(cells[1]) - np.mean(cells[0]))


def test_a_cell_without_a_score_is_not_measured_and_nothing_is_filled_in(tmp_path: Path) -> None:
    runs = [
        run(dict(one.arm), one.seed, None, "failed")
        if one.arm["transfer.method"] == "head" and one.arm["penalty.weight"] == 1
        else one
        for one in crossed(lambda method, weight, seed: 0.5 + noise(seed, method, weight))
    ]
    found = analyse(runs, Question())
    by_name = {one.name: one for one in found.factors.effects}
    for name in ("method: head against full", "weight: 1 against 0", "method=head × weight=1"):
        assert by_name[name].effect is None and by_name[name].verdict(True) == "not measured", name
    assert by_name["weight: 2 against 0"].effect is not None
    arm = next(arm for arm in found.arms if arm.name == "method=head, weight=1")
    assert arm.mean is None and set(arm.missing.values()) == {"failed"}
    write_tables(found, tmp_path)
    page = (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert page.count("not measured") >= 4 and "25 of 30 runs are measured" in page


def test_seeds_are_paired_and_those_without_a_partner_are_named() -> None:
    control = [run({"a": 0}, seed, 0.5 + 0.1 * seed) for seed in range(5)]
    other = [run({"a": 1}, seed, 0.51 + 0.1 * seed + 0.001 * (seed % 2)) for seed in range(1, 6)]
    contrast = analyse([*control, *other], Question()).contrasts[0]
    assert contrast.effect is not None and contrast.effect.seeds == ((1, 2, 3, 4), (1, 2, 3, 4))
    assert contrast.verdict(True) == "better"  # unpaired, seeds differ far more than the arms
    assert any("seeds 5 of a=1" in note for note in contrast.notes)
    assert any("seeds 0 of a=0" in note for note in contrast.notes)


def test_items_are_used_where_there_are_predictions(tmp_path: Path) -> None:
    runs = []
    for method, right in (("full", 0.6), ("head", 0.9)):
        for seed in range(5):
            number = seed + 100 * (method == "head")
            place = write_run(tmp_path / f"{method}-{seed}", random_lines(number, right), ["macro_f1"], seed=seed)
            score = read_json(place / "run.json")["final"]["test"]["macro_f1"]
            runs.append(run({"transfer.method": method}, seed, score, workdir=place))
    found = analyse(runs, Question(control={"transfer.method": "head"}))
    assert found.items == found.clusters == 60 and found.control.name == "method=head"
    contrast = found.contrasts[0]
    assert contrast.effect is not None and contrast.effect.basis == "seeds and items"
    assert contrast.verdict(True) == "worse" and contrast.order is not None and contrast.order[0] > 0.5
    # One run whose predictions are lost: what is left are the seeds, and it is said.
    (tmp_path / "full-0" / "predictions-test.jsonl").unlink()
    lost = analyse(runs, Question())
    assert lost.items is None and lost.contrasts[0].effect.basis == "seeds"
    assert any("1 of 10 measured runs have no predictions" in note for note in lost.notes)


def test_one_seed_tells_models_apart_and_says_so() -> None:
    contrast = analyse([run({"a": 0}, 0, 0.5), run({"a": 1}, 0, 0.9)], Question()).contrasts[0]
    assert contrast.verdict(True) == "not tested" and any("one seed" in note for note in contrast.notes)


def test_collapsed_and_non_finite_seeds_are_counted(tmp_path: Path) -> None:
    runs = [run({"a": 0}, seed, 0.5 + 0.01 * seed) for seed in range(3)]
    place = write_run(tmp_path / "w", random_lines(0, 0.5), ["macro_f1"], constant={"macro_f1": 0.99})
    score = read_json(place / "run.json")["final"]["test"]["macro_f1"]
    runs += [run({"a": 1}, 0, score, workdir=place), run({"a": 1}, 1, None), run({"a": 1}, 2, 0.6)]
    found = analyse(runs, Question())
    assert found.arms[0].collapsed == () and found.arms[1].collapsed == (0, 1)
    assert found.arms[1].not_finite == (1,) and set(found.arms[1].scores) == {0, 2}


def test_questions_that_no_arm_answers_are_refused() -> None:
    runs = [run({"a": value}, 0, 0.5) for value in (0, 1)]
    with pytest.raises(ConfigError, match="no arm has a=7"):
        analyse(runs, Question(control={"a": 7}))
    with pytest.raises(ConfigError, match="split/metric"):
        analyse(runs, Question(measure="macro_f1"))
    with pytest.raises(ConfigError, match="no runs"):
        analyse([], Question())
    with pytest.raises(BadInputError, match="one arm and of one seed"):
        analyse([*runs, runs[0]], Question())


def test_names_are_of_what_varies_and_short() -> None:
    arms: list[dict[str, Value]] = [
        {"a.weight": 0.5, "b.weight": 1, "c.same": "x"},
        {"a.weight": 1.0, "b.weight": 2, "c.same": "x"},
    ]
    assert arm_names(arms) == ["a.weight=0.5, b.weight=1", "a.weight=1, b.weight=2"]


def test_tables_hold_any_text() -> None:
    table = Table("t", "ሰላም_1", ("arm", "x"), (("=cmd|ሰላም & 50% \\ {a}", "-0.1"), ("b|c", "+1")))
    assert escaped("50%_ሰላም") == r"50\%\_{\ethiopicfont ሰላም}"
    written = latex(table)
    assert r"{\ethiopicfont ሰላም} \& 50\% \textbackslash{} \{a\} & $-$0.1 \\" in written
    assert r"\toprule" in written and r"\bottomrule" in written
    rows = list(csv.reader(as_csv(table).splitlines()))
    assert rows[1] == ["'=cmd|ሰላም & 50% \\ {a}", "-0.1"] and rows[2][1] == "+1"
    assert all(
        len(re.findall(r"(?<!\\)\|", line)) == 3 for line in markdown(table).splitlines() if line.startswith("|")
    )


def test_plots_keep_ethiopic_as_text_and_embed_its_font(tmp_path: Path) -> None:
    runs = [run({"label": label}, seed, 0.5 + 0.01 * seed) for label in ("ሰላም", "ቡና") for seed in range(3)]
    written = {path.name for path in write_tables(analyse(runs, Question(text="ጥያቄ")), tmp_path)}
    assert {"scores.svg", "scores.pdf", "differences.svg", "differences.pdf", "arms.tex", "arms.csv"} <= written
    assert "ሰላም" in (tmp_path / "scores.svg").read_text(encoding="utf-8")
    document = (tmp_path / "scores.pdf").read_bytes()
    assert document.startswith(b"%PDF") and b"FontFile" in document
    assert (tmp_path / "tables.md").read_text(encoding="utf-8").startswith("# ጥያቄ\n")
