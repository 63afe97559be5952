"""The lines every model must be seen beside: one constant prediction, and TF-IDF with a linear model."""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from amharic_tl.evaluation.multi_label import multi_label_metrics
from amharic_tl.evaluation.regression import regression_metrics
from amharic_tl.evaluation.score import classification_metrics

FEATURES = "character 2-5-grams within words (sublinear, in at least 2 texts) and word 1-2-grams (sublinear)"
RECIPE = f"{FEATURES}, logistic regression with balanced classes, C=4"
MULTI_LABEL_RECIPE = f"{FEATURES}, for each label a logistic regression with balanced classes, C=4"
REGRESSION_RECIPE = f"{FEATURES}, ridge regression, alpha=1"

Texts = Mapping[str, Sequence[str]]
Labels = Mapping[str, np.ndarray]
# More names to score: {name: (split, kept rows as a mask)}.
Subsets = Mapping[str, tuple[str, np.ndarray]]


def baseline_scores(
    texts: Texts, labels: Labels, label_names: Sequence[str], subsets: Subsets | None = None
) -> dict[str, Any]:
    """Scores both lines of single-label classification, trained on ``train``, on every other split.

    Args:
      texts: by split, ``train`` among them.
      labels: int ``[rows]`` by split, -1 for a label that train does not have.
      label_names: the classes.
      subsets: more names to score.

    Returns:
      What baselines.json holds; ``tfidf`` has ``not_measured``, a reason, instead of scores where the texts have no
      features that the recipe counts.
    """
    majority = most_frequent_class(labels["train"])

    def score(gold: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
        return classification_metrics(gold, predicted, label_names)

    shown = {"label": label_names[majority]}
    return _both_lines(texts, labels, subsets, np.asarray(majority), shown, RECIPE, logistic(), score)


def multi_label_baselines(
    texts: Texts, flags: Labels, label_names: Sequence[str], subsets: Subsets | None = None
) -> dict[str, Any]:
    """As :func:`baseline_scores` for sets of labels, ``flags`` ``[rows, labels]``; the constant is the usual set."""
    from sklearn.multiclass import OneVsRestClassifier

    usual = most_frequent_set(flags["train"])
    names = [name for name, flag in zip(label_names, usual, strict=True) if flag]

    def score(gold: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
        return multi_label_metrics(gold, predicted, label_names)

    shown = {"label": ", ".join(names) or "no label"}
    model = OneVsRestClassifier(logistic())
    return _both_lines(texts, flags, subsets, usual, shown, MULTI_LABEL_RECIPE, model, score)


def regression_baselines(texts: Texts, numbers: Labels, subsets: Subsets | None = None) -> dict[str, Any]:
    """As :func:`baseline_scores` for numbers ``[rows]``; the constant is the mean of train."""
    from sklearn.linear_model import Ridge

    mean = numbers["train"].mean(dtype=np.float64)
    shown = {"label": f"{mean:.4g}"}
    return _both_lines(texts, numbers, subsets, mean, shown, REGRESSION_RECIPE, Ridge(alpha=1.0), regression_metrics)


def predict_lines(problem: str, texts: Texts, labels: Labels, split: str) -> dict[str, np.ndarray]:
    """What both lines, trained on ``train``, predict for a split; ``tfidf`` is left out where it cannot be trained.

    Args:
      problem: as ``config.task.problem``.
      texts: by split.
      labels: by split: classes int ``[rows]``, flags ``[rows, labels]`` or numbers ``[rows]``.
      split: to predict.
    """
    from sklearn.linear_model import Ridge
    from sklearn.multiclass import OneVsRestClassifier

    train, rows = labels["train"], len(texts[split])
    if problem == "regression":
        constant, model = np.asarray(train.mean(dtype=np.float64)), Ridge(alpha=1.0)
    elif problem == "multi-label":
        constant, model = most_frequent_set(train), OneVsRestClassifier(logistic())
    else:
        constant, model = np.asarray(most_frequent_class(train)), logistic()
    found = {"constant": np.broadcast_to(constant, (rows, *constant.shape))}
    with contextlib.suppress(ValueError):  # texts of single letters, say, have no n-grams
        found["tfidf"] = tfidf_predictions(texts, train, [split], model)[split]
    return found


def most_frequent_class(labels: np.ndarray) -> int:
    """The class with most rows; the first of them where several have as many. Unknown labels (-1) do not count."""
    return int(np.bincount(labels[labels >= 0]).argmax())


def most_frequent_set(flags: np.ndarray) -> np.ndarray:
    """The set of labels that most rows have, ``[labels]`` of 0 and 1; of equally frequent ones the first met."""
    counts = Counter(tuple(row) for row in flags.tolist())
    return np.asarray(counts.most_common(1)[0][0])


def _both_lines(
    texts: Texts,
    labels: Labels,
    subsets: Subsets | None,
    constant: np.ndarray,
    shown: dict[str, str],
    recipe: str,
    model: Any,
    score: Callable[[np.ndarray, np.ndarray], dict[str, float]],
) -> dict[str, Any]:
    scored = {name: rows for name, rows in labels.items() if name != "train"}
    result: dict[str, Any] = {"constant": dict(shown), "tfidf": {"recipe": recipe}}
    lines = {"constant": {name: np.broadcast_to(constant, rows.shape) for name, rows in scored.items()}}
    try:
        lines["tfidf"] = tfidf_predictions(texts, labels["train"], list(scored), model)
    except ValueError as error:
        # Texts of single letters, say, have no n-grams; the model can be trained all the same.
        result["tfidf"]["not_measured"] = str(error)
    for line, predictions in lines.items():
        for split, predicted in predictions.items():
            result[line][split] = score(labels[split], predicted)
        for name, (split, kept) in (subsets or {}).items():
            result[line][name] = score(labels[split][kept], predictions[split][kept])
    return result


def logistic() -> Any:
    """The linear model of the single-label line; of each label of the multi-label one."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=4, class_weight="balanced", max_iter=400)


def tfidf_predictions(texts: Texts, labels: np.ndarray, splits: list[str], model: Any) -> dict[str, np.ndarray]:
    """What the TF-IDF line predicts, by split.

    Raises:
      ValueError: the training texts hold no n-gram that the recipe counts.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union

    features = make_union(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=min(2, len(texts["train"]))),
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
    )
    line = make_pipeline(features, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # A label that all rows of train have, or none, is predicted as a constant.
        warnings.filterwarnings("ignore", message="Label .* is present in all|Label not .* is present in all")
        line.fit(list(texts["train"]), labels)
    return {split: np.asarray(line.predict(list(texts[split]))) for split in splits}
