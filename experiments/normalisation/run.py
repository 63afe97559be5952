"""How many words of public Amharic text sets each form of written Amharic changes, and how many it joins.

    python experiments/normalisation/run.py --data DATA [--output DIR]

DATA holds a folder for each set; one that is not there is said and left out. Writes table.md and log.txt beside this
file, or to DIR. No text is kept.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path

from amharic_tl.data.normalised_file import count_changes
from amharic_tl.data.rows import Columns
from amharic_tl.data.sources import read_source
from amharic_tl.language.normalisation import DEFAULT_FORMS, Normaliser
from amharic_tl.language.words import word_spans
from amharic_tl.language.writing import open_writing
from amharic_tl.records.files import write_text

HERE = Path(__file__).parent
# Name -> files and the column of the text; None for a text a line.
SETS = {
    "AfriSenti": (("afrisenti/train.tsv", "afrisenti/dev.tsv", "afrisenti/test.tsv"), "tweet"),
    "TRAC-2024": (tuple(f"trac2024-hate/{s}_category.csv" for s in ("train", "dev", "test")), "tweet"),
    "EthioEmo": (("ethioemo/train.csv", "ethioemo/dev.csv", "ethioemo/test.csv"), "text"),
    "hate on Facebook (2021)": (
        ("zenodo2021-hate-facebook/AMHSDataTrain.txt", "zenodo2021-hate-facebook/AMHSDataTest.txt"), None,
    ),
    "MasakhaNEWS, dev and test": (("masakhanews/dev.tsv", "masakhanews/test.tsv"), "text"),
    "MasakhaNER news text": (("masakhaner-news-text/amharic_news.txt",), None),
    "Ethiopian News Headlines, dev": (("enh-news/dev.jsonl.gz",), "text"),
    "HornMT": (("hornmt/amh.txt",), None),
    "NTREX-128": (("ntrex128/newstest2019-ref.amh.txt",), None),
    "MAFAND-MT": (("mafand-mt/dev.tsv", "mafand-mt/test.tsv"), "amh"),
    "Ethiopian parallel, bible": (("ethiopian-parallel/bible.amh.txt",), None),
    "Ethiopian parallel, legal": (("ethiopian-parallel/legal.amh.txt",), None),
    "Amharic Wikipedia 2015": (("amwiki-2015/amharic_wiki_clean.txt",), None),
}  # fmt: skip


def texts_of(data: Path, files: tuple[str, ...], column: str | None) -> list[str]:
    found: list[str] = []
    for file in files:
        columns = Columns(column or "text", None)
        kind = "txt" if column is None else "auto"
        found += [row.text for row in read_source(str(data / file), columns, kind, unusable=[]).rows]
    return found


def kinds(texts: list[str]) -> int:
    return len({text[start:end] for text in texts for start, end in word_spans(text)})


def row_of(name: str, texts: list[str], forms: list[str]) -> str:
    cells = []
    for form in forms:
        counts = count_changes(texts, Normaliser([form]))
        # A mark is no word: its form is counted in places for each hundred words.
        changed = counts.places[form] if form == "punctuation" else counts.changed_words
        cells.append(f"{100 * changed / counts.words:.2f}")
    both = Normaliser(DEFAULT_FORMS)
    before, after = kinds(texts), kinds([both.text(text) for text in texts])
    return f"| {name} | {counts.words:,} | " + " | ".join(cells) + f" | {100 * (before - after) / before:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=HERE)
    asked = parser.parse_args()
    data, output = asked.data, asked.output
    forms = list(open_writing("am").forms)
    head = ["set", "words", *forms, "kinds of words joined by homophones"]
    rows = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    log = [f"python {platform.python_version()}"]
    for name, (files, column) in SETS.items():
        if not (data / files[0]).is_file():
            log.append(f"{name}: there is no {files[0]}; left out")
            continue
        began = time.process_time()
        texts = texts_of(data, files, column)
        rows.append(row_of(name, texts, forms))
        log.append(f"{name}: {len(texts):,} texts, {time.process_time() - began:.1f} s of CPU")
        print(log[-1], flush=True)
    write_text(output / "table.md", "\n".join(rows) + "\n")
    write_text(output / "log.txt", "\n".join([*log, f"all: {time.process_time():.1f} s of CPU"]) + "\n")


if __name__ == "__main__":
    main()
