"""Audits twenty public Amharic data sets, one after the other, and writes a page and a table of what was found.

    python experiments/data_audit/run.py --data DATA --output runs/data_audit [--only NAME ...]

DATA holds a folder for each set. An audit that is there already is kept. Page, table, findings and log hold neither
texts nor ids of rows; the audits in the output folder hold ids.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
import io
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amharic_tl.audit.job import summary
from amharic_tl.cli.main import main as amharic_tl
from amharic_tl.records.files import read_json, write_lines, write_text
from amharic_tl.reports.audit_page import write_audit_index

HERE = Path(__file__).parent
EMOTIONS = "anger,disgust,fear,joy,sadness,surprise"


def column(name: str, value: str) -> str:
    """A leaf of ``config.data``."""
    return f"--config.data.{name}={value}"


def splits(folder: Path, pattern: str) -> list[str]:
    """The leaves that name three splits."""
    return [
        column(split, str(folder / pattern.format(stem)))
        for split, stem in {"train": "train", "validation": "dev", "test": "test"}.items()
    ]


def hornmt(data: Path, made: Path) -> list[str]:
    """The Amharic lines with their news category, which stands in another file."""
    lines = (data / "hornmt/amh.txt").read_text(encoding="utf-8").splitlines()
    head, *about = (line.split("\t") for line in (data / "hornmt/metadata.tsv").read_text("utf-8").splitlines())
    rows = [{"text": text, **dict(zip(head, one, strict=True))} for text, one in zip(lines, about, strict=True)]
    return [_jsonl(made / "hornmt.jsonl", rows), column("label", "Category"), "--by", "Domain", "Scope"]


def amqa(data: Path, made: Path) -> list[str]:
    """Contexts, each once; an entry may be an object where a list is usual."""
    files = []
    for split in ("train", "dev", "test"):
        contexts: dict[str, None] = {}
        for entry in read_json(data / f"amqa/{split}.json")["data"]:
            paragraphs = entry["paragraphs"]
            for one in [paragraphs] if isinstance(paragraphs, dict) else paragraphs:
                contexts[one["context"]] = None
        files.append(_jsonl(made / f"{split}.jsonl", [{"text": text} for text in contexts]))
    return files


def treebank(data: Path, made: Path) -> list[str]:
    """The sentences, from their comment lines."""
    content = (data / "ud-amharic-att/am_att-ud-test.conllu").read_text(encoding="utf-8")
    return [_jsonl(made / "sentences.jsonl", [{"text": text} for text in re.findall("^# text = (.*)$", content, re.M)])]


def _jsonl(path: Path, rows: list[dict[str, str]]) -> str:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return str(path)


def _parallel(data: Path, names: list[tuple[str, str]]) -> list[str]:
    return [f"{data / english}::{data / amharic}" for english, amharic in names]


# Name -> what is typed behind ``amharic-tl audit``.
AUDITS: dict[str, Callable[[Path, Path], list[str]]] = {
    "trac2024-hate-category": lambda d, _: [*splits(d / "trac2024-hate", "{}_category.csv"), column("text", "tweet")],
    "trac2024-hate-target": lambda d, _: [
        *splits(d / "trac2024-hate", "{}_target.csv"), column("text", "tweet"), column("label", "target"),
    ],
    "trac2024-hate-intensity": lambda d, _: [
        *splits(d / "trac2024-hate", "{}_intensity.csv"), column("text", "tweet"), column("label", "score"),
        "--config.task.problem=regression",
    ],
    "zenodo2021-hate-facebook": lambda d, _: [
        column("train", str(d / "zenodo2021-hate-facebook/AMHSDataTrain.txt")),
        column("test", str(d / "zenodo2021-hate-facebook/AMHSDataTest.txt")),
        column("text", "Content"), column("label", "Label"), "--against", str(d / "ethiopian-parallel/bible.amh.txt"),
    ],
    "afrisenti": lambda d, _: [*splits(d / "afrisenti", "{}.tsv"), column("text", "tweet")],
    "masakhanews": lambda d, _: [
        column("train", str(d / "masakhanews/train_50shot.tsv")), column("validation", str(d / "masakhanews/dev.tsv")),
        column("test", str(d / "masakhanews/test.tsv")), column("label", "category"), column("max_length", "512"),
    ],
    "ethioemo": lambda d, _: [
        *splits(d / "ethioemo", "{}.csv"), "--config.task.problem=multi-label", column("label", EMOTIONS),
        "--against", *(str(d / f"ethioemo/{split}_intensity.csv") for split in ("train", "dev", "test")),
    ],
    "hornmt": hornmt,
    "hornmt-languages": lambda d, _: [str(d / f"hornmt/{name}.txt") for name in ("amh", "eng", "tir", "orm")],
    "enh-news": lambda d, _: [
        *splits(d / "enh-news", "{}.jsonl.gz"), "--config.task.kind=masked-lm", "--by", "newspaper",
    ],
    "masakhaner-news-text": lambda d, _: [
        str(d / "masakhaner-news-text/amharic_news.txt"),
        "--against", *(str(d / f"masakhaner/{split}.txt") for split in ("train", "dev", "test")),
    ],
    "amwiki-2015": lambda d, _: [str(d / "amwiki-2015/amharic_wiki_clean.txt")],
    "masakhaner": lambda d, _: [
        *splits(d / "masakhaner", "{}.txt"), "--config.task.kind=token-classification",
        "--against", str(d / "masakhaner-news-text/amharic_news.txt"),
    ],
    "amqa": amqa,
    "ntrex128": lambda d, _: _parallel(
        d, [("ntrex128/newstest2019-src.eng.txt", "ntrex128/newstest2019-ref.amh.txt")]
    ),
    "mafand-mt": lambda d, _: [
        str(d / "mafand-mt/dev.tsv"), str(d / "mafand-mt/test.tsv"), column("source", "en"), column("target", "amh"),
    ],
    "ethiopian-parallel": lambda d, _: _parallel(
        d, [(f"ethiopian-parallel/{one}.eng.txt", f"ethiopian-parallel/{one}.amh.txt")
            for one in ("legal", "news", "history", "bible")]
    ),
    "blend-ethiopia": lambda d, _: [
        str(d / "blend-ethiopia/Ethiopia_questions.csv"), column("text", "Question"), column("label", "Topic"),
    ],
    "gender-bias-probe": lambda d, _: [
        str(d / "gender-bias-probe/Am-Benchmark-Masked.csv"), column("text", "Maked Sentence"),
        column("label", "Expected Gender"),
    ],
    "crows-pairs-en": lambda d, _: [
        str(d / "crows-pairs-en/crows_pairs_anonymized.csv"), column("text", "sent_more"), column("label", "bias_type"),
    ],
    "toxic-words": lambda d, _: [str(d / "toxic-words/am.txt")],
    "ud-amharic-att": treebank,
    "unimorph-amh": lambda d, _: [
        str(d / "unimorph-amh/amh.tsv"), column("columns", "lemma,form,features"), column("text", "form"),
    ],
}  # fmt: skip


def environment() -> str:
    """Date, hardware and versions."""
    model = platform.machine()
    if Path("/proc/cpuinfo").is_file():
        named = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
        model = named[1] if named else model
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy", "scikit-learn"))
    python = platform.python_version()
    return f"{datetime.date.today()}; one core of {os.cpu_count()} x {model}; Python {python}, {versions}"


def audit(name: str, data: Path, output: Path) -> float:
    """Runs one audit, unless it is there already; gives the seconds of CPU that it took."""
    clock = output / name / "seconds.txt"
    if not clock.exists():
        began = time.process_time()
        words = [*AUDITS[name](data, output / "made" / name), "--output", str(output / name)]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            # 65 where a gate would stop a run: the audit is written all the same.
            code = amharic_tl(["audit", *words])
        if code not in (0, 65):
            sys.exit(f"{name}: exit code {code}")
        write_text(clock, f"{time.process_time() - began:.1f}\n")
    return float(clock.read_text())


def said(name: str, data: Path, output: Path) -> str:
    """What the verb prints of an audit, without the folders of this machine."""
    lines = "\n".join(summary(read_json(output / name / "audit.json"), output / name))
    return lines.replace(f"{output}/", "").replace(f"{data}/", "")


def table(output: Path, names: list[str]) -> str:
    """A line a set: rows, and what was found of errors and warnings."""
    lines = ["| data set | rows | errors | warnings | notes |", "| --- | --- | --- | --- | --- |"]
    for name in names:
        record = read_json(output / name / "audit.json")
        cells = []
        for severity in ("error", "warning", "info"):
            found = [one["name"] for one in record["findings"] if one["severity"] == severity]
            counted = ", ".join(
                f"{one} {found.count(one)}" if found.count(one) > 1 else one for one in dict.fromkeys(found)
            )
            cells.append(counted or "–")
        rows = "/".join(f"{part['rows']:,}" for part in record["parts"])
        lines.append(f"| `{name}` | {rows} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def findings(output: Path, names: list[str]) -> list[dict[str, Any]]:
    """A line a finding: in which set and part, what was compared with a threshold, and how many rows are behind it."""
    kept = ("name", "severity", "where", "figure", "threshold", "rows_in_all")
    records = {name: read_json(output / name / "audit.json") for name in names}
    return [
        {"set": name, **{key: one[key] for key in kept}}
        for name, record in records.items()
        for one in record["findings"]
    ]


def main() -> None:
    """Audits what is asked for, then writes log, table, findings and page beside this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=sorted(AUDITS), default=list(AUDITS))
    parser.add_argument("--results", type=Path, default=HERE, help="where log, table, findings and page go")
    asked = parser.parse_args()
    log, total = [environment(), ""], 0.0
    for name in asked.only:
        seconds = audit(name, asked.data, asked.output)
        log += [f"== {name} ({seconds:.1f} s of CPU)", said(name, asked.data, asked.output), ""]
        total += seconds
        print(f"{name}: {seconds:.1f} s of CPU", flush=True)
    log.append(f"all: {total:.0f} s of CPU")
    write_text(asked.results / "log.txt", "\n".join(log))
    write_text(asked.results / "table.md", table(asked.output, asked.only))
    write_lines(asked.results / "findings.jsonl", findings(asked.output, asked.only))
    write_audit_index([asked.output / name for name in asked.only], asked.results / "page.html", environment())


if __name__ == "__main__":
    main()
