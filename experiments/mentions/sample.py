"""Draws mentions to judge by reading, and tells what the judged ones add up to.

    python experiments/mentions/sample.py draw tweets --data DATA
    python experiments/mentions/sample.py draw news --data DATA
    python experiments/mentions/sample.py draw news --data DATA --human --seed 4 --sentences 80
    python experiments/mentions/sample.py tally

``tweets``: TRAC-2024 (test) and AfriSenti (train), mention by mention. ``news``: sentences of MasakhaNEWS (dev) and of
the Ethiopian News Headlines (dev), at most as many of each, one of an article, and every mention in them. At most 12
mentions of a group are drawn, so that rare groups count. What is drawn is for the judge's eyes: it is text of others
and is kept nowhere. What is kept are verdicts, ``verdicts-*.tsv``: where the mention stands, what the matcher read,
whether the group is right, and the sense that is meant.
"""

from __future__ import annotations

import argparse
import csv
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from amharic_tl.config import build_config
from amharic_tl.culture.mentions import HUMAN, Matcher, Mention
from amharic_tl.culture.pack import open_pack
from amharic_tl.data.splits import load_splits
from amharic_tl.evaluation.intervals import wilson

AXES = ("ethnicity", "religion")
CORPORA = {
    "tweets": (("trac2024-hate/test_category.csv", "tweet"), ("afrisenti/train.tsv", "tweet")),
    "news": (("masakhanews/dev.tsv", "text"), ("enh-news/dev.jsonl.gz", "text")),
}
WORD = re.compile(r"[^\W\d_]+")
SENTENCE_END = re.compile(r"(?<=[።?!\n])|(?<=፡፡)|(?<=::)")
CONTEXT = 40
HERE = Path(__file__).parent


class Passage(NamedTuple):
    """A text to draw from, and where it stands: file, line of the file, character of the text."""

    file: str
    line: int
    start: int
    text: str


class Drawn(NamedTuple):
    """A mention and where it stands."""

    passage: Passage
    mention: Mention

    @property
    def id(self) -> str:
        """File, line and character, by which the text can be found by whoever has it."""
        file, line, start, _ = self.passage
        return f"{file}:{line}:{start + self.mention.start}"


def passages(data: Path, corpus: str) -> list[Passage]:
    """Tweets, or sentences of news; what is there twice is taken once."""
    found = {}
    for file, column in CORPORA[corpus]:
        splits = load_splits(
            build_config({"data.train": str(data / file), "data.text": column}).data, labelled=False, seed=0
        )
        for row in (row for _, source in splits.items() for row in source.rows):
            for start, text in sentences(row.text) if corpus == "news" else [(0, row.text)]:
                found.setdefault(text.strip(), Passage(file, row.line, start, text))
    return list(found.values())


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """Sentences and where they begin."""
    start = 0
    for part in SENTENCE_END.split(text):
        if part.strip():
            yield start, part
        start += len(part)


def draw_mentions(mentions: list[Drawn], most: int, seed: int) -> list[Drawn]:
    """At most ``most`` mentions of each group, in random order."""
    random.Random(seed).shuffle(mentions)
    seen: Counter[str] = Counter()
    drawn = []
    for one in mentions:
        seen[one.mention.group] += 1
        if seen[one.mention.group] <= most:
            drawn.append(one)
    return drawn


def draw_sentences(mentions: list[Drawn], count: int, most: int, seed: int) -> list[Drawn]:
    """All mentions of ``count`` sentences of as many articles, as many from each file, no group more than ``most``."""
    by_sentence: dict[Passage, list[Drawn]] = {}
    for one in mentions:
        by_sentence.setdefault(one.passage, []).append(one)
    order = list(by_sentence)
    random.Random(seed).shuffle(order)
    files = {passage.file for passage in order}
    seen: Counter[str] = Counter()
    left = dict.fromkeys(files, count // len(files))
    taken: set[tuple[str, int]] = set()
    drawn = []
    for passage in order:
        article = passage.file, passage.line
        groups = Counter(one.mention.group for one in by_sentence[passage])
        fits = all(seen[group] + number <= most for group, number in groups.items())
        if left[passage.file] and article not in taken and fits:
            taken.add(article)
            seen += groups
            left[passage.file] -= 1
            drawn += by_sentence[passage]
    return drawn


def line_of(one: Drawn, corpus: str) -> str:
    """The mention in brackets, with what stands around it."""
    text, mention = one.passage.text, one.mention
    reach = CONTEXT if corpus == "tweets" else len(text)
    before, after = text[max(0, mention.start - reach) : mention.start], text[mention.end : mention.end + reach]
    return " ".join(f"{before}[{text[mention.start : mention.end]}]{after}".split())


def unmatched(found: list[tuple[str, list[Mention]]], names: set[str], fold: Callable[[str], str]) -> Counter[str]:
    """Words that hold all but the last letter of a name and are no mention."""
    stems = {name[:-1] if len(name) > 3 else name for name in names}
    alike = re.compile("|".join(map(re.escape, sorted(stems))))
    return Counter(
        word.group()
        for text, mentions in found
        for word in WORD.finditer(text)
        if alike.search(fold(word.group())) and not any(one.start <= word.start() < one.end for one in mentions)
    )


def draw(data: Path, corpus: str, seed: int, most: int, count: int, human: bool) -> None:
    """Prints the sample, then words that look like a name and are not matched.

    ``human``: only what is read as persons or a people, for that share is small in news.
    """
    pack = open_pack("am")
    matcher, fold = Matcher(pack, AXES), pack.grammar.fold
    found = [(passage, matcher.find(passage.text)) for passage in passages(data, corpus)]
    mentions = [Drawn(passage, mention) for passage, of in found for mention in of if mention.human or not human]
    chosen = draw_mentions(mentions, most, seed) if corpus == "tweets" else draw_sentences(mentions, count, most, seed)
    for one in chosen:
        print(one.id, one.mention.group, one.mention.sense, line_of(one, corpus), sep="\t")
    forms = [form for axis in AXES for group in pack.axis(axis).groups for form in group.forms]
    names = {fold(form.text) for form in forms if not form.requires_cue}
    missed = unmatched([(passage.text, of) for passage, of in found], names, fold)
    print(f"\n{len(found)} texts, {len(mentions)} mentions, {len(chosen)} drawn; like a name and not matched:")
    print(missed.total(), ", ".join(f"{word} {number}" for word, number in missed.most_common()))


def tally(path: Path) -> None:
    """Prints the shares of a file of verdicts."""
    with path.open(encoding="utf-8", newline="") as lines:
        verdicts = list(csv.DictReader(lines, delimiter="\t"))
    right = [one for one in verdicts if one["group_right"] == "yes"]
    read, meant = ({one["id"] for one in verdicts if one[key] in HUMAN} for key in ("read", "meant"))
    meant &= {one["id"] for one in right}
    print(f"\n{path.name}: {len(verdicts)} mentions of {len({one['group'] for one in verdicts})} groups")
    shares = [
        ("the group is meant", len(right), len(verdicts)),
        ("read as persons or a people, and they are", len(read & meant), len(read)),
    ]
    if len(read) < len(verdicts):  # otherwise only those read as human were drawn
        shares.append(("persons or a people are meant, and read so", len(read & meant), len(meant)))
    for what, good, of in shares:
        low, high = wilson(good, of)
        print(f"| {what} | {good} | {of} | {good / of:.2f} [{low:.2f}, {high:.2f}] |")


def main() -> None:
    """Draws or tallies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("draw", "tally"))
    parser.add_argument("corpus", choices=tuple(CORPORA), nargs="?")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--most", type=int, default=12, help="mentions of one group")
    parser.add_argument("--sentences", type=int, default=90, help="of news")
    parser.add_argument("--human", action="store_true", help="only what is read as persons or a people")
    arguments = parser.parse_args()
    if arguments.what == "tally":
        for path in sorted(HERE.glob("verdicts-*.tsv")):
            tally(path)
    elif arguments.data is None or arguments.corpus is None:
        parser.error("draw needs a corpus and --data")
    else:
        draw(arguments.data, arguments.corpus, arguments.seed, arguments.most, arguments.sentences, arguments.human)


if __name__ == "__main__":
    main()
