"""How well the matcher of the Amharic pack finds each group: labels read blind, and what it says of the same words.

    python experiments/matcher/run.py draw GROUP --data DATA
    python experiments/matcher/run.py record GROUP CODES --data DATA
    python experiments/matcher/run.py measure --data DATA --output DIR

``draw`` prints words for a judge's eyes and never asks the matcher: one word a passage, at random among those that look
like a name of the group (:func:`alike`), which is a superset of what the matcher can find. ``record`` keeps the judge's
codes, one letter a word in the order drawn: ``h`` persons or a people of the group, ``o`` the group otherwise (region,
language, organisation, belief), ``x`` not the group. Where most words are one other thing, the church or the country
Somalia, more are drawn, and a rule (:func:`by_rule`) labels those ``X``, so that enough of the others are read. What is
kept are places and codes, ``labels.tsv``, without text.
``measure`` asks the matcher, and writes ``counts.jsonl``, ``table.md`` and ``log.txt``.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import random
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from amharic_tl.config import build_config
from amharic_tl.culture.groups import Group
from amharic_tl.culture.mentions import Matcher
from amharic_tl.culture.pack import Pack, open_pack
from amharic_tl.data.splits import load_splits
from amharic_tl.evaluation.intervals import wilson
from amharic_tl.language.clitics import Grammar
from amharic_tl.safety.statistics import range_over_groups

FILES = (
    *((f"afrisenti/{split}.tsv", "tweet") for split in ("train", "dev", "test")),
    *((f"trac2024-hate/{split}_category.csv", "tweet") for split in ("train", "dev", "test")),
    *((f"ethioemo/{split}.csv", "text") for split in ("train", "dev", "test")),
    *((f"enh-news/{split}.jsonl.gz", "text") for split in ("train", "dev", "test")),
)
NEEDED = 200  # passages of a group, and words labelled of each
MORE = {"christian": 900, "somali": 900}
# The church is no Christian, and the country Somalia none of the peoples of Ethiopia; its region is.
CHURCH = re.compile(r"(ቤተ|አብያተ|ቤ|በተ)[\s\-/.፡]*$")
COUNTRY = re.compile(r"[ሶሱ]ማ[ሊልሌ]ያ|[ሶሱ]ማ[ሌሊ]ላንድ")
REGION_NEXT = re.compile(r"\S*\s+(ብ[ሔሄ]ራዊ\s+)?ክል")
SEED = 11
WORD = re.compile(r"[^\W\d_]+")
SENTENCE_END = re.compile(r"(?<=[።?!\n])|(?<=፡፡)|(?<=::)")
CONTEXT = 36
LABELLED_BY = "language-model"
HERE = Path(__file__).parent
LABELS = HERE / "labels.tsv"
COLUMNS = ("file", "line", "start", "end", "group", "code")
ROW = 8  # forms of a consonant in the Ethiopic block


class Word(NamedTuple):
    """A word that may name a group, the passage it stands in and where that begins in its row."""

    file: str
    line: int
    offset: int
    passage: str
    start: int
    end: int


def passages(data: Path, files: Sequence[tuple[str, str]] = FILES) -> Iterator[tuple[str, int, int, str]]:
    """Posts, and sentences of news: file, line, character, text."""
    for file, column in files:
        settings = build_config({"data.train": str(data / file), "data.text": column}).data
        for _, source in load_splits(settings, labelled=False, seed=0).items():
            for row in source.rows:
                start = 0
                for part in SENTENCE_END.split(row.text) if file.startswith("enh-news") else [row.text]:
                    if part.strip():
                        yield file, row.line, start, part
                    start += len(part)


def alike(group: Group, grammar: Grammar) -> re.Pattern[str]:
    """What a folded word holds that may be the group: a name of it, spelt as the pack does or nearly so.

    Nearly: of four letters or more, one letter left out or another in its place; of fewer, another vowel at the end.
    Of a name of several words its longest one.
    """
    names = {max(grammar.fold(form.text).split(), key=len) for form in group.forms}
    patterns = set(names)
    for name in names:
        row = ord(name[-1]) // ROW * ROW
        patterns.add(f"{name[:-1]}[{chr(row)}-{chr(row + ROW - 1)}]")
        if len(name) >= 4:
            patterns |= {name[:place] + ".?" + name[place + 1 :] for place in range(len(name))}
    return re.compile("|".join(sorted(patterns)))


def group_of(pack: Pack, name: str) -> Group:
    """A group of any axis by id."""
    return next(group for axis in pack.axes.values() for group in axis.groups if group.id == name)


def drawn(data: Path, name: str, seed: int = SEED) -> tuple[int, list[Word]]:
    """How many passages have such a word, and one word of each of as many passages as are wanted."""
    pack = open_pack("am")
    pattern, fold = alike(group_of(pack, name), pack.grammar), pack.grammar.fold
    generator = random.Random(f"{seed}/{name}")
    found: dict[str, Word] = {}
    for file, line, offset, text in passages(data):
        if pattern.search(fold(text)):
            words = [word for word in WORD.finditer(text) if pattern.search(fold(word.group()))]
            if words and text.strip() not in found:
                word = generator.choice(words)
                found[text.strip()] = Word(file, line, offset, text, word.start(), word.end())
    chosen = list(found.values())
    generator.shuffle(chosen)
    return len(chosen), chosen[: MORE.get(name, NEEDED)]


def by_rule(name: str, word: Word) -> bool:
    """Whether a word needs no reading: the church, or the country Somalia."""
    text = word.passage[word.start : word.end]
    if name == "christian":
        return bool(CHURCH.search(word.passage[: word.start])) or re.search(r"ቤ[ተቴ]?ክ|በ[ተቴ]ክ|አብያተክ", text) is not None
    if name == "somali":
        return COUNTRY.search(text) is not None and not REGION_NEXT.match(word.passage, word.end)
    return False


def draw(data: Path, name: str) -> None:
    """Prints the words of a group that must be read, with what stands around them."""
    count, words = drawn(data, name)
    print(f"{name}: {count} passages")
    for number, word in enumerate(word for word in words if not by_rule(name, word)):
        before = word.passage[max(0, word.start - CONTEXT) : word.start]
        after = word.passage[word.end : word.end + CONTEXT]
        print(number, " ".join(f"{before}[{word.passage[word.start : word.end]}]{after}".split()))


def record(data: Path, name: str, codes: str) -> None:
    """Keeps the codes of the words of a group that were read, in the order drawn."""
    _, words = drawn(data, name)
    codes = "".join(codes.split())
    needed = sum(not by_rule(name, word) for word in words)
    if len(codes) != needed or set(codes) - set("hox"):
        raise SystemExit(f"expected {needed} codes of h, o and x, found {len(codes)}: {sorted(set(codes))}")
    read = iter(codes)
    judged = ["X" if by_rule(name, word) else next(read) for word in words]
    rows = [row for row in read_labels() if row["group"] != name] if LABELS.exists() else []
    for word, code in zip(words, judged, strict=True):
        place = (word.file, word.line, word.offset + word.start, word.offset + word.end)
        rows.append(dict(zip(COLUMNS, map(str, (*place, name, code)), strict=True)))
    rows.sort(key=lambda row: (row["group"], row["file"], int(row["line"]), int(row["start"])))
    with LABELS.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_labels() -> list[dict[str, str]]:
    """The lines of ``labels.tsv``."""
    with LABELS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def measure(data: Path, output: Path) -> None:
    """Asks the matcher of every labelled word, and writes the counts and the table."""
    began = time.perf_counter()
    pack = open_pack("am")
    matcher = Matcher(pack)
    labels = read_labels()
    wanted = {(row["file"], int(row["line"])) for row in labels}
    texts: dict[tuple[str, int], list[tuple[int, str]]] = {}
    for file, line, offset, text in passages(data, [one for one in FILES if one[0] in {file for file, _ in wanted}]):
        if (file, line) in wanted:
            texts.setdefault((file, line), []).append((offset, text))
    judged: dict[str, list[tuple[str, bool, bool]]] = {}
    for row in labels:
        start, end = int(row["start"]), int(row["end"])
        offset, text = next(
            one for one in texts[row["file"], int(row["line"])] if one[0] <= start and end <= one[0] + len(one[1])
        )
        hits = [
            mention
            for mention in matcher.find(text)
            if mention.group == row["group"] and mention.start < end - offset and start - offset < mention.end
        ]
        judged.setdefault(row["group"], []).append((row["code"], bool(hits), any(hit.human for hit in hits)))
    lines = [counts(group, judged[group]) for group in sorted(judged)]
    output.mkdir(parents=True, exist_ok=True)
    spread = spreads(judged)
    written = "".join(json.dumps(line) + "\n" for line in [*lines, *spread])
    (output / "counts.jsonl").write_text(written, encoding="utf-8")
    (output / "table.md").write_text(table(lines, spread), encoding="utf-8")
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, pack {pack.fingerprint[:16]}"
    log = f"{len(labels)} labels of {len(judged)} groups, {time.perf_counter() - began:.1f} s\n{versions}\n"
    (output / "log.txt").write_text(log, encoding="utf-8")
    print((output / "table.md").read_text(encoding="utf-8"))


def counts(group: str, judged: Sequence[tuple[str, bool, bool]]) -> dict[str, object]:
    """Precision and recall of one group: of naming it at all, and of persons or a people."""
    read = sum(code != "X" for code, _, _ in judged)
    found: dict[str, object] = {
        "group": group, "labelled": len(judged), "read": read, "labelled_by": LABELLED_BY,
    }  # fmt: skip
    for what, means, says in (
        ("named", [code in "ho" for code, _, _ in judged], [hit for _, hit, _ in judged]),
        ("human", [code == "h" for code, _, _ in judged], [human for _, _, human in judged]),
    ):
        both = sum(mean and say for mean, say in zip(means, says, strict=True))
        for figure, of in (("precision", sum(says)), ("recall", sum(means))):
            found[f"{what}_{figure}_right"], found[f"{what}_{figure}_n"] = both, of
            low, high = wilson(both, of) if of else (None, None)
            found[f"{what}_{figure}"] = both / of if of else None
            found[f"{what}_{figure}_low"], found[f"{what}_{figure}_high"] = low, high
    return found


def spreads(judged: dict[str, list[tuple[str, bool, bool]]]) -> list[dict[str, object]]:
    """Largest minus smallest precision and recall over groups with their null; groups with too few are left out."""
    found = []
    for what, figure in ((what, figure) for what in ("named", "human") for figure in ("precision", "recall")):
        events: list[bool] = []
        groups: list[int] = []
        kept: list[str] = []
        for group in sorted(judged):
            pairs = [
                (code == "h" if what == "human" else code in "ho", human if what == "human" else hit)
                for code, hit, human in judged[group]
            ]
            inside = [mean and say for mean, say in pairs if (say if figure == "precision" else mean)]
            if len(inside) >= 30:
                events += inside
                groups += [len(kept)] * len(inside)
                kept.append(group)
        strata = np.zeros(len(events), int)
        estimate = range_over_groups(np.asarray(events, bool), np.asarray(groups), strata, SEED, 20_000)
        found.append(
            {
                "spread": f"{what} {figure}", "groups": len(kept), "n": len(events), "value": estimate.value,
                "low": estimate.low, "high": estimate.high, "null": estimate.null, "p": estimate.p,
            }
        )  # fmt: skip
    return found


def table(lines: Sequence[dict[str, object]], spread: Sequence[dict[str, object]]) -> str:
    """The counts and spreads in Markdown."""
    text = f"labelled_by: {LABELLED_BY}\n\n"
    text += "| group | words | read | precision: named | recall: named | precision: persons | recall: persons |\n"
    text += "| --- | ---: | ---: | --- | --- | --- | --- |\n"
    for line in lines:
        cells = [_cell(line, what, figure) for what in ("named", "human") for figure in ("precision", "recall")]
        text += f"| {line['group']} | {line['labelled']} | {line['read']} | {' | '.join(cells)} |\n"
    text += "\n| spread over groups | groups | n | largest minus smallest | if groups meant nothing | p |\n"
    text += "| --- | ---: | ---: | --- | ---: | ---: |\n"
    for one in spread:
        text += (
            f"| {one['spread']} | {one['groups']} | {one['n']} | {one['value']:.3f} "
            f"[{one['low']:.3f}, {one['high']:.3f}] | {one['null']:.3f} | {one['p']:.2g} |\n"
        )
    return text


def _cell(line: dict[str, object], what: str, figure: str) -> str:
    right, of = line[f"{what}_{figure}_right"], line[f"{what}_{figure}_n"]
    low = line[f"{what}_{figure}_low"]
    return f"insufficient ({right} of {of})" if not isinstance(of, int) or of < 30 else f"{right}/{of}, low {low:.3f}"


def main() -> None:
    """Draws, records or measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("draw", "record", "measure"))
    parser.add_argument("group", nargs="?")
    parser.add_argument("codes", nargs="?")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=HERE)
    arguments = parser.parse_args()
    if arguments.what == "measure":
        measure(arguments.data, arguments.output)
    elif arguments.group is None:
        parser.error(f"{arguments.what} needs a group")
    elif arguments.what == "draw":
        draw(arguments.data, arguments.group)
    else:
        record(arguments.data, arguments.group, arguments.codes or "")


if __name__ == "__main__":
    main()
