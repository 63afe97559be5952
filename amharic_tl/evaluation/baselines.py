"""The lines every model must be seen beside: the most frequent class, and TF-IDF with logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amharic_tl.evaluation.score import classification_metrics

RECIPE = (
    "character 2-5-grams within words (sublinear, in at least 2 texts) and word 1-2-grams (sublinear), "
    "logistic regression with balanced classes, C=4"
)


def baseline_scores(
    texts: Mapping[str, Sequence[str]],
    labels: Mapping[str, np.ndarray],
    label_names: Sequence[str],
    subsets: Mapping[str, tuple[str, np.ndarray]] | None = None,
) -> dict[str, Any]:
    """Scores both lines, trained on ``train``, on every other split.

    Args:
      texts: by split, ``train`` among them.
      labels: int ``[rows]`` by split, -1 for a label that train does not have.
      label_names: the classes.
      subsets: more names to score: ``{name: (split, kept rows as a mask)}``.

    Returns:
      What baselines.json holds; ``tfidf`` has ``not_measured``, a reason, instead of scores where the texts have no
      features that the recipe counts.
    """
    scored = {name: rows for name, rows in labels.items() if name != "train"}
    majority = most_frequent_class(labels["train"])
    result: dict[str, Any] = {"constant": {"label": label_names[majority]}, "tfidf": {"recipe": RECIPE}}
    lines = {"constant": {name: np.full(len(rows), majority) for name, rows in scored.items()}}
    try:
        lines["tfidf"] = _tfidf_predictions(texts, labels["train"], list(scored))
    except ValueError as error:
        # Texts of single letters, say, have no n-grams; the model can be trained all the same.
        result["tfidf"]["not_measured"] = str(error)
    for line, predictions in lines.items():
        for split, predicted in predictions.items():
            result[line][split] = classification_metrics(labels[split], predicted, label_names)
        for name, (split, kept) in (subsets or {}).items():
            result[line][name] = classification_metrics(labels[split][kept], predictions[split][kept], label_names)
    return result


def most_frequent_class(labels: np.ndarray) -> int:
    """The class with most rows; the first of them where several have as many. Unknown labels (-1) do not count."""
    return int(np.bincount(labels[labels >= 0]).argmax())


def _tfidf_predictions(
    texts: Mapping[str, Sequence[str]], labels: np.ndarray, splits: list[str]
) -> dict[str, np.ndarray]:
    """The classes that the TF-IDF line predicts, by split.

    Raises:
      ValueError: the training texts hold no n-gram that the recipe counts.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    features = make_union(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=min(2, len(texts["train"]))),
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
    )
    model = make_pipeline(features, LogisticRegression(C=4, class_weight="balanced", max_iter=400))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(list(texts["train"]), labels)
    return {split: np.asarray(model.predict(list(texts[split]))) for split in splits}
