"""The lines beside the model, fitted in each fold: on its training rows alone, as the model is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from amharic_tl.config import Config
from amharic_tl.data.folds import Fold, divide
from amharic_tl.data.rows import Source
from amharic_tl.data.splits import Splits, columns_of
from amharic_tl.data.tags import OUTSIDE
from amharic_tl.evaluation.baselines import MULTI_LABEL_RECIPE, RECIPE, REGRESSION_RECIPE, predict_lines
from amharic_tl.evaluation.entities import RECIPE as WORDS_RECIPE
from amharic_tl.evaluation.entities import word_list
from amharic_tl.records.files import read_json, write_json

# The line that learns, by problem, with its recipe.
LEARNED = {
    "single-label": ("tfidf", RECIPE),
    "multi-label": ("tfidf", MULTI_LABEL_RECIPE),
    "regression": ("tfidf", REGRESSION_RECIPE),
    "tags": ("words", WORDS_RECIPE),
}


def lines_of(config: Config, pool: Source, fold: Fold, problem: str, path: Path) -> dict[str, dict[str, Any]]:
    """What each line predicts for the test rows of a fold, by line and row id; kept in the file ``path``."""
    if path.exists():
        return dict(read_json(path))
    splits = divide(pool, fold, columns_of(config.data, True, problem), problem)
    ids = [row.id for row in _test(splits).rows]
    found = {line: dict(zip(ids, of, strict=True)) for line, of in _predicted(splits, problem).items()}
    write_json(path, found)
    return found


def _test(splits: Splits) -> Source:
    assert splits.test is not None  # a fold always has one
    return splits.test


def _predicted(splits: Splits, problem: str) -> dict[str, list[Any]]:
    """By line, a prediction for each test row as it stands in predictions-<split>.jsonl."""
    test = _test(splits)
    if problem == "tags":
        usual = Counter(tag for row in splits.train.rows for tag in row.labels).most_common(1)[0][0]
        words = word_list([row.tokens for row in splits.train.rows], [row.labels for row in splits.train.rows])
        return {
            "constant": [[usual] * len(row.tokens) for row in test.rows],
            "words": [[words.get(word, OUTSIDE) for word in row.tokens] for row in test.rows],
        }
    named = {"train": splits.train, "test": test}
    texts = {name: [row.text for row in source.rows] for name, source in named.items()}
    read = {"single-label": splits.label_ids, "multi-label": splits.label_flags, "regression": splits.numbers}[problem]
    predicted = predict_lines(problem, texts, {name: read(source) for name, source in named.items()}, "test")
    if problem == "regression":
        return {line: [float(value) for value in of] for line, of in predicted.items()}
    names = splits.labels
    if problem == "multi-label":
        return {
            line: [[name for name, flag in zip(names, row, strict=True) if flag > 0.5] for row in of]
            for line, of in predicted.items()
        }
    return {line: [names[int(number)] for number in of] for line, of in predicted.items()}
