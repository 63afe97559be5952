"""Draws mentions to judge by hand, and words that look like a name but are not matched.

    python experiments/mentions/sample.py --data DATA [--seed 2] [--most 12]

Texts are those of TRAC-2024 (test) and AfriSenti (train). At most 12 mentions of a group are drawn, so that rare groups
count. What is printed is for the judge's eyes: it is text of others and is kept nowhere.
"""

from __future__ import annotations

import argparse
import random
import re
from collections import Counter
from pathlib import Path

from amharic_tl.config import build_config
from amharic_tl.culture.mentions import Matcher
from amharic_tl.culture.pack import open_pack
from amharic_tl.data.splits import load_splits

AXES = ("ethnicity", "religion")
WORD = re.compile(r"[^\W\d_]+")
CONTEXT = 40


def texts(data: Path) -> list[str]:
    """The texts to draw from."""
    found = []
    for train, column in (("trac2024-hate/test_category.csv", "tweet"), ("afrisenti/train.tsv", "tweet")):
        overrides = {"data.train": str(data / train), "data.text": column, "data.label": "label"}
        splits = load_splits(build_config(overrides).data, labelled=True, seed=0)
        found += [row.text for _, source in splits.items() for row in source.rows]
    return found


def main() -> None:
    """Prints the sample, then unmatched words that hold all but the last letter of a name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--most", type=int, default=12, help="mentions of one group")
    arguments = parser.parse_args()
    pack = open_pack("am")
    matcher, fold = Matcher(pack, AXES), pack.grammar.fold
    of_text = {text: matcher.find(text) for text in texts(arguments.data)}
    mentions = [(text, mention) for text, found in of_text.items() for mention in found]
    random.Random(arguments.seed).shuffle(mentions)
    drawn: Counter[str] = Counter()
    for text, mention in mentions:
        drawn[mention.group] += 1
        if drawn[mention.group] <= arguments.most:
            before = text[max(0, mention.start - CONTEXT) : mention.start]
            after = text[mention.end : mention.end + CONTEXT]
            line = f"{before}[{text[mention.start : mention.end]}]{after}".replace("\n", " ")
            print(f"{mention.group}\t{mention.sense}\t{line}")
    forms = [form for axis in AXES for group in pack.axis(axis).groups for form in group.forms]
    names = [fold(form.text) for form in forms if not form.requires_cue]
    stems = {name[:-1] if len(name) > 3 else name for name in names}
    alike = re.compile("|".join(map(re.escape, sorted(stems))))
    missed = Counter(
        word.group()
        for text, found in of_text.items()
        for word in WORD.finditer(text)
        if alike.search(fold(word.group())) and not any(one.start <= word.start() < one.end for one in found)
    )
    print(f"\n{len(mentions)} mentions; {missed.total()} words that look like one and are not matched:")
    print(", ".join(f"{word} {count}" for word, count in missed.most_common()))


if __name__ == "__main__":
    main()
