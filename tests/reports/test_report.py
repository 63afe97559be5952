"""The page and its figures, over workdirs in every state."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from amharic_tl.records.files import read_json, read_lines, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.reports import write_report
from tests.reports.workdirs import HOSTILE, LABELS, write_masked_lm, write_started, write_workdir

MANY = [f"መለያ {number}" for number in range(150)]
STATES: dict[str, Callable[[Path], Workdir]] = {
    "complete": write_workdir,
    "running": lambda root: write_workdir(root, status="running"),
    "failed": lambda root: write_workdir(root, status="failed"),
    "hostile": lambda root: write_workdir(root, HOSTILE),
    "many classes": lambda root: write_workdir(root, MANY),
    "just started": write_started,
    "masked-lm": write_masked_lm,
    "empty": Workdir,
}
VOID = {"meta", "img", "br", "hr", "link", "input"}
SECTIONS = ["scores", "recommendations", "curves", "data", "plan", "events", "repeat", "files"]


class Page(HTMLParser):
    """Checks that tags close in order, and gathers tags, text of cells and text inside charts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.chart_text: list[str] = []
        self.isolated: list[tuple[str | None, str]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] == "text":
            self.chart_text.append(data)
        if self.open and self.open[-1] == "bdi":
            self.isolated.append((self.tags[-1][1].get("lang"), data))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(path: Path) -> tuple[str, Page]:
    html = path.read_text(encoding="utf-8")
    return html, Page(html)


@pytest.fixture(scope="module", params=STATES)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    place = STATES[request.param](tmp_path_factory.mktemp("run") / "invented")
    return request.param, write_report(place.root)


def test_the_page_is_whole_and_keeps_to_itself(written: tuple[str, Path]) -> None:
    state, path = written
    assert path.stat().st_size < 2_000_000
    html, page = read(path)
    assert html.startswith("<!doctype html>")
    assert "<script" not in html.lower() and "javascript:" not in html.lower()
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not page.named("link") and not page.named("img")
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert all((link["href"] or "").startswith("#") for link in page.named("a"))
    policy = next(meta for meta in page.named("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    reloads = [meta["content"] for meta in page.named("meta") if meta.get("http-equiv") == "refresh"]
    assert reloads == (["20"] if state in ("running", "just started") else [])
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert [section["id"] for section in page.named("section")] == SECTIONS
    assert {link["href"] for link in page.named("a")} >= {f"#{name}" for name in SECTIONS}
    assert page.named("html") == [{"lang": "en"}]


def test_every_chart_has_a_title_a_description_and_its_figures(written: tuple[str, Path]) -> None:
    html, page = read(written[1])
    for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        assert re.match(r'<svg role="img" [^>]*><title>[^<]+</title><desc>[^<]+</desc>', svg)
    assert html.count("<svg") <= html.count("<table")
    assert all(attributes.get("font-family", "").count("Ethiopic") for attributes in page.named("text"))


def test_a_second_writing_gives_the_same_bytes_and_leaves_nothing_else(written: tuple[str, Path]) -> None:
    _, path = written
    before = path.read_bytes()
    names = {file.name for file in path.parent.iterdir()}
    assert write_report(path.parent).read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} == names
    assert {"report.html", "report.json"} <= names


def test_the_figures_are_those_of_the_files(tmp_path: Path) -> None:
    place = write_workdir(tmp_path / "w")
    html = write_report(place.root).read_text(encoding="utf-8")
    report, evaluation, baselines = (read_json(p) for p in (place.report_data, place.evaluation, place.baselines))
    assert report["status"] == "completed" and report["judged_split"] == "test"
    for row in report["scores"]:
        if row["metric"] == "loss":
            continue
        for split in ("validation", "test", "test_clean"):
            cell = row["splits"][split]
            assert cell["value"] == evaluation[split]["metrics"][row["metric"]]
            assert cell["interval"] == evaluation[split]["intervals"][row["metric"]]
            assert cell["tfidf"] == baselines["tfidf"][split][row["metric"]]
            assert cell["constant"] == baselines["constant"][split][row["metric"]]
            assert f"{cell['value']:.3f}" in html
            low, high = cell["interval"]
            assert f"[{low:.3f}, {high:.3f}]" in html
    assert [row["label"] for row in report["classes"]] == list(LABELS)
    for row in report["classes"]:
        stored = evaluation["test"]["classes"][row["label"]]
        assert row["f1"] == evaluation["test"]["metrics"][f"f1/{row['label']}"]
        assert (row["precision"], row["recall"]) == (stored["precision"], stored["recall"])
        assert row["recall_interval"] == stored["recall_interval"] and row["rows"] == stored["gold"]
    assert report["confusion"]["counts"] == evaluation["test"]["confusion"]["counts"]
    data = read_json(place.data)
    assert report["fingerprint"] == data["fingerprint"] and data["fingerprint"] in html
    assert report["label_shift"] == data["label_shift"]
    rates = sorted(line["tokens_per_second"] for line in read_lines(place.timing))
    assert report["timing"]["tokens_per_second"] == rates[len(rates) // 2]
    assert report["plan"]["totals"] == read_json(place.plan)["totals"]
    parts = {part["part"]: part for part in report["plan"]["parts"]}
    assert sum(part["parameters"] for part in parts.values()) == report["plan"]["totals"]["parameters"]
    assert not parts["block 1"]["trainable"] and parts["block 2"]["trainable"]
    for said in ("at step 0", "when the loss on validation stalls", "the rates fall twice", "block 0 0.25"):
        assert said in html


def test_what_a_reader_needs_to_repeat_the_run_is_on_the_page(tmp_path: Path) -> None:
    place = write_workdir(tmp_path / "w")
    _, page = read(write_report(place.root))
    provenance = read_json(place.run)["provenance"]
    for needed in (provenance["command"], provenance["git"]["commit"], "jax 0.10.2", "with uncommitted changes"):
        assert needed in page.text
    assert '"train": "data/train.tsv"' in page.text  # the config
    assert f"{200:064x}" in page.text  # a file's sha256
    assert "SIGTERM" in page.text and "10 evaluations and 10 saves" in page.text
    assert "This sample was drafted by a machine" in page.text
    assert "1,717 MiB" in page.text  # 1.8 GB


def test_labels_are_text_in_charts_and_isolated_in_tables(tmp_path: Path) -> None:
    _, page = read(write_report(write_workdir(tmp_path / "w").root))
    for label in LABELS:
        assert page.chart_text.count(label) >= 4  # F1 by class, both sides of the matrix, label shares
        assert ("am", label) in page.isolated
    assert (None, "data/train.tsv") in page.isolated


def test_hostile_labels_are_shown_and_do_nothing(tmp_path: Path) -> None:
    html, page = read(write_report(write_workdir(tmp_path / "w", HOSTILE).root))
    assert "\u202e" not in html and "<U+202E>abc" in page.text
    for label in HOSTILE:
        shown = label.replace("\u202e", "<U+202E>")
        assert shown in page.chart_text and shown in [text for _, text in page.isolated]
    report = read_json(tmp_path / "w" / "report.json")
    assert [row["label"] for row in report["classes"]] == list(HOSTILE)


def test_many_classes_have_a_list_of_confusions_and_no_matrix(tmp_path: Path) -> None:
    html, page = read(write_report(write_workdir(tmp_path / "w", MANY).root))
    assert "150 classes are too many for a matrix" in page.text
    assert "The 20 most frequent of 150 labels" in page.text
    assert html.count("<details open>") == 1
    assert len(read_json(tmp_path / "w" / "report.json")["confusion"]["mistakes"]) == 20


def test_a_run_without_labels_shows_its_own_figure(tmp_path: Path) -> None:
    _, page = read(write_report(write_masked_lm(tmp_path / "w").root))
    assert "bits per character" in page.text and "Bits per character on validation" in page.text
    assert "TF-IDF: " not in page.text and "Confusion" not in page.text


def test_a_run_just_started_says_what_is_not_there(tmp_path: Path) -> None:
    _, page = read(write_report(write_started(tmp_path / "w").root))
    for said in ("No evaluation yet.", "Not read yet.", "Not resolved yet.", "No events recorded yet.", "(not there)"):
        assert said in page.text
    assert page.text.count("Nothing recorded yet.") == 5


def test_files_that_cannot_be_read_are_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    place = write_workdir(tmp_path / "w")
    place.baselines.write_text("{", encoding="utf-8")
    place.data.write_text("[1, 2]", encoding="utf-8")
    place.events.write_text('not json\n{"step": 0, "event": "started"}\n', encoding="utf-8")
    with place.metrics.open("a", encoding="utf-8") as file:
        file.write('{"step": 510, "spl')  # what a kill leaves
    _, page = read(write_report(place.root))
    assert page.text.count("Could not be read: ") == 3
    for name in ("baselines.json", "data.json", "events.jsonl"):
        assert f"{name}" in page.text
    assert "with no baseline measured beside it" in page.text


def test_a_single_evaluation_with_gaps_is_enough(tmp_path: Path) -> None:
    place = write_started(tmp_path / "w")
    place.metrics.write_text('{"step": 10, "split": "train", "loss": null, "grad_norm": null}\n', encoding="utf-8")
    write_json(place.evaluation, {"validation": {"n": 0, "metrics": {}, "intervals": {}}})
    place.timing.write_text('{"step": 10, "tokens_per_second": null}\n', encoding="utf-8")
    _, page = read(write_report(place.root))
    assert "No evaluation yet." in page.text


def test_long_runs_are_thinned(tmp_path: Path) -> None:
    place = write_workdir(tmp_path / "w")
    small = write_report(place.root).stat().st_size
    lines = [
        {"step": step, "split": "train", "loss": 1 / step, "grad_norm": 1.0, "learning_rate": 1e-5}
        for step in range(1, 30_001)
    ]
    place.metrics.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert write_report(place.root).stat().st_size < small + 60_000


def test_importing_the_reports_loads_nothing_heavy() -> None:
    heavy = ["jax", "altair", "vl_convert", "jinja2", "sklearn", "numpy", "transformers"]
    code = f"import sys, amharic_tl.reports; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
