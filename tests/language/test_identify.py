"""Languages by common words: what is told apart, and how often it errs on parallel news."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from amharic_tl.language.identify import language_of, markers


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ይህ ቤት ትልቅ ነው", "amharic"),
        ("እዚ ገዛ ዓቢ እዩ", "tigrinya"),
        ("the house is big", "english"),
        ("manni kun guddaa jira fi bareedaa", "oromo"),
        ("selam new yihe bet betam tilik new", "amharic-romanised"),
        ("ቤት", "ethiopic, undecided"),
        ("zorp", "latin, undecided"),
        ("дом большой", "other"),
        ("123 !! @user https://the.of.and", "no letters"),
        ("", "no letters"),
        ("ቤት ነው እዩ", "ethiopic, undecided"),
    ],
)
def test_a_text_is_in_the_language_of_most_of_its_common_words(text: str, language: str) -> None:
    assert language_of(text) == language


def test_no_word_speaks_for_two_languages_of_a_script_unless_both_have_it() -> None:
    known = markers()
    shared = known["amharic"].words & known["tigrinya"].words
    assert len(shared) < 5, shared
    assert not known["english"].words & known["amharic-romanised"].words & known["oromo"].words


@pytest.mark.parametrize(
    ("name", "language"), [("amh", "amharic"), ("tir", "tigrinya"), ("eng", "english"), ("orm", "oromo")]
)
def test_errors_on_parallel_news_are_as_small_as_the_documentation_says(
    data_dir: Path, name: str, language: str
) -> None:
    path = data_dir / "hornmt" / f"{name}.txt"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    counts = Counter(language_of(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    wrong = sum(count for found, count in counts.items() if found in markers() and found != language)
    total = sum(counts.values())
    assert wrong <= 0.002 * total, counts
    assert counts[language] >= 0.85 * total, counts
