"""How far two methods of the audit can be trusted: languages by common words, and near-duplicates by MinHash.

    python experiments/data_audit/methods.py --data DATA

Languages: HornMT's parallel news lines and Amharic texts of other kinds. The word lists were drafted without them; the
weight of letters was set, and short English words were taken out, after a first look at these figures.
Near-duplicates: every pair of AfriSenti tweets by its exact Jaccard index, from a matrix of shingles without hashing.
"""

from __future__ import annotations

import argparse
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from amharic_tl.audit.near_duplicates import SHINGLE, SIMILAR, near_pairs, normalise
from amharic_tl.culture.pack import open_pack
from amharic_tl.language.identify import language_of
from amharic_tl.language.script import MINIMUM_LETTERS, vowel_order
from amharic_tl.records.files import write_text

VOWELS = ("e", "u", "i", "a", "ie", "i", "o")
NO_VOWEL = 5


def lines(path: Path) -> list[str]:
    """The lines that hold something."""
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def romanised(text: str, no_vowel: str) -> str:
    """The text in Latin letters by a rule; ``no_vowel``: what the sixth order, which has no vowel, is written with."""
    written = []
    for letter in text:
        order = vowel_order(letter)
        if order is None:
            written.append(letter)
            continue
        consonant = unicodedata.name(chr(ord(letter) - ord(letter) % 8)).split()[-1].lower().removesuffix("a")
        written.append(consonant + (no_vowel if order == NO_VOWEL else VOWELS[order]))
    return "".join(written)


def languages(data: Path) -> list[str]:
    """Shares of each language found in texts whose language is known."""
    amharic = lines(data / "hornmt/amh.txt")
    sets = {
        "HornMT, Amharic": amharic,
        "HornMT, Tigrinya": lines(data / "hornmt/tir.txt"),
        "HornMT, English": lines(data / "hornmt/eng.txt"),
        "HornMT, Oromo": lines(data / "hornmt/orm.txt"),
        "HornMT, Amharic romanised by rule, sixth order without vowel": [romanised(line, "") for line in amharic],
        "HornMT, Amharic romanised by rule, sixth order with i": [romanised(line, "i") for line in amharic],
        "AfriSenti, training tweets": [line.split("\t")[0] for line in lines(data / "afrisenti/train.tsv")[1:]],
        "Bible verses, Amharic": lines(data / "ethiopian-parallel/bible.amh.txt"),
        "NTREX, Amharic": lines(data / "ntrex128/newstest2019-ref.amh.txt"),
    }
    told = []
    for name, texts in sets.items():
        counts = Counter(map(language_of, texts))
        shares = ", ".join(f"{language} {count / len(texts):.2%}" for language, count in counts.most_common())
        told.append(f"{name} ({len(texts):,}): {shares}")
    return told


def near_duplicates(data: Path) -> list[str]:
    """Pairs found by MinHash against all pairs."""
    fold = open_pack("am").grammar.fold
    tweets = [
        line.split("\t")[0] for split in ("train", "dev", "test") for line in lines(data / f"afrisenti/{split}.tsv")
    ]
    texts = [text for text in dict.fromkeys(normalise(one, fold) for one in tweets) if len(text) >= MINIMUM_LETTERS]
    numbers: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(texts):
        for shingle in {text[at : at + SHINGLE] for at in range(len(text) - SHINGLE + 1)}:
            rows.append(row)
            columns.append(numbers.setdefault(shingle, len(numbers)))
    matrix = csr_matrix((np.ones(len(rows)), (rows, columns)))
    common = (matrix @ matrix.T).tocoo()
    sizes = np.asarray(matrix.sum(axis=1)).ravel()
    index = common.data / (sizes[common.row] + sizes[common.col] - common.data)
    chosen = (common.row < common.col) & (index >= SIMILAR)
    expected = set(zip(common.row[chosen].tolist(), common.col[chosen].tolist(), strict=True))
    found = {tuple(pair) for pair in near_pairs(texts).pairs.tolist()}
    return [
        f"near-duplicates among {len(texts):,} distinct AfriSenti tweets: {len(expected)} pairs by the exact index, "
        f"{len(found & expected)} of them found, {len(found - expected)} others found"
    ]


def main() -> None:
    """Measures both and writes what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent, help="where methods.txt goes")
    asked = parser.parse_args()
    told = "\n".join([*languages(asked.data), *near_duplicates(asked.data)]) + "\n"
    write_text(asked.results / "methods.txt", told)
    print(told, end="")


if __name__ == "__main__":
    main()
