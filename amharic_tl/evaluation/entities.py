"""Scores of tagged tokens: entities count where their type and both ends are right (Tjong Kim Sang & De Meulder 2003,
as seqeval computes them)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

import numpy as np

from amharic_tl.data.tags import OUTSIDE, entities, entity_types
from amharic_tl.evaluation.baselines import Subsets
from amharic_tl.evaluation.intervals import LEVEL, RESAMPLES, Intervals, bca, f1_by_class, resample, wilson
from amharic_tl.evaluation.summary import precision_and_recall

METHOD = (
    f"{LEVEL:.0%} intervals: BCa bootstrap over sentences ({RESAMPLES:,} resamples), and Wilson of TP/(TP+FP+FN) for "
    "the F1 of a type"
)
RECIPE = "each word gets the tag it had most often in train, a word that train does not have gets O"

# The tags of each sentence.
Tags = Sequence[Sequence[str]]


def entity_metrics(gold: Tags, predicted: Tags, types: Sequence[str]) -> dict[str, float]:
    """``entity_f1 entity_precision entity_recall accuracy f1/<type>``; nothing where there are no sentences.

    The first three are over the entities of all types together (micro average), accuracy is over tokens. What has
    nothing to divide by is 0.

    Args:
      gold: of each sentence.
      predicted: as many for each sentence.
      types: those that get an F1 of their own; entities of others count in the figures over all.
    """
    if not gold:
        return {}
    sums = row_sums(gold, predicted, types).sum(axis=0)
    return {name: float(value) for name, value in metrics_of(sums, types).items()}


def entity_intervals(gold: Tags, predicted: Tags, types: Sequence[str], seed: int = 0) -> Intervals:
    """95% intervals of these metrics, see :data:`METHOD`; one that cannot be estimated is left out."""
    if not gold:
        return {}
    units, counts = np.unique(row_sums(gold, predicted, types), axis=0, return_counts=True)
    total = counts @ units
    observed, resampled = metrics_of(total, types), metrics_of(resample(units, counts, seed), types)
    left_out = metrics_of(total - units, types) if counts.sum() > 1 else {}
    found: Intervals = {}
    for name in ("entity_f1", "entity_precision", "entity_recall", "accuracy"):
        if name in left_out and np.ptp(resampled[name]) > 0:
            found[name] = bca(resampled[name], float(observed[name]), left_out[name], counts)
    right, marked, guessed = np.split(total[:-2], 3)
    for index, name in enumerate(types):
        involved = int(marked[index] + guessed[index] - right[index])
        if involved:
            low, high = wilson(int(right[index]), involved)
            found[f"f1/{name}"] = (2 * low / (1 + low), 2 * high / (1 + high))
    return found


def entity_summary(gold: Tags, predicted: Tags, types: Sequence[str]) -> dict[str, Any]:
    """What evaluation.json holds of a split: metrics, intervals, precision and recall by type.

    ``n`` counts sentences, ``tokens`` tokens; ``unknown_types`` the entities of types that train does not have.
    """
    sums = row_sums(gold, predicted, types).sum(axis=0).astype(int)
    right, marked, guessed = np.split(sums[:-2], 3)
    return {
        "n": len(gold),
        "tokens": int(sums[-1]),
        "metrics": entity_metrics(gold, predicted, types),
        "intervals": {name: list(ends) for name, ends in entity_intervals(gold, predicted, types).items()},
        "interval": METHOD,
        "classes": {
            name: precision_and_recall(int(right[index]), int(marked[index]), int(guessed[index]))
            for index, name in enumerate(types)
        },
        "unknown_types": int(marked[-1]),
    }


def entity_baselines(
    tokens: Mapping[str, Sequence[Sequence[str]]], tags: Mapping[str, Tags], subsets: Subsets | None = None
) -> dict[str, Any]:
    """Scores two lines learned from ``train`` on every other split: one tag for all, and a list of words.

    Args:
      tokens: of each sentence, by split.
      tags: of each sentence, by split.
      subsets: more names to score.

    Returns:
      What baselines.json holds.
    """
    usual = Counter(tag for sentence in tags["train"] for tag in sentence).most_common(1)[0][0]
    words = word_list(tokens["train"], tags["train"])
    lines = {
        "constant": {name: [[usual] * len(s) for s in sentences] for name, sentences in tokens.items()},
        "words": {name: [[words.get(w, OUTSIDE) for w in s] for s in sentences] for name, sentences in tokens.items()},
    }
    result: dict[str, Any] = {"constant": {"label": usual}, "words": {"recipe": RECIPE}}
    types = entity_types(tag for sentence in tags["train"] for tag in sentence)
    for line, predictions in lines.items():
        for split in tags:
            if split != "train":
                result[line][split] = entity_metrics(tags[split], predictions[split], types)
        for name, (split, kept) in (subsets or {}).items():
            gold, guessed = (list(compress(sentences[split], kept)) for sentences in (tags, predictions))
            result[line][name] = entity_metrics(gold, guessed, types)
    return result


def word_list(tokens: Sequence[Sequence[str]], tags: Tags) -> dict[str, str]:
    """The tag that each word has most often; of equally frequent ones the one met first."""
    counts: dict[str, Counter[str]] = {}
    for words, marks in zip(tokens, tags, strict=True):
        for word, mark in zip(words, marks, strict=True):
            counts.setdefault(word, Counter())[mark] += 1
    return {word: found.most_common(1)[0][0] for word, found in counts.items()}


def row_sums(gold: Tags, predicted: Tags, types: Sequence[str]) -> np.ndarray:
    """float64 ``[sentences, 3 * (types + 1) + 2]``: entities right, gold and predicted by type, those of other types
    last; tokens right, tokens.
    """
    index = {name: number for number, name in enumerate(types)}
    width = len(types) + 1
    sums = np.zeros((len(gold), 3 * width + 2))
    for row, (marks, guesses) in enumerate(zip(gold, predicted, strict=True)):
        marked, guessed = set(entities(marks)), set(entities(guesses))
        for part, found in enumerate((marked & guessed, marked, guessed)):
            for entity in found:
                sums[row, part * width + index.get(entity.kind, width - 1)] += 1
        sums[row, -2] = sum(mark == guess for mark, guess in zip(marks, guesses, strict=True))
        sums[row, -1] = len(marks)
    return sums


def metrics_of(sums: np.ndarray, types: Sequence[str]) -> dict[str, np.ndarray]:
    """The metrics of sums ``[..., 3 * (types + 1) + 2]``, each ``[...]``."""
    right, gold, predicted = np.split(sums[..., :-2], 3, axis=-1)
    by_type = f1_by_class(right, gold, predicted)
    hits, marked, guessed = (part.sum(axis=-1) for part in (right, gold, predicted))
    metrics = {
        "entity_f1": f1_by_class(hits, marked, guessed),
        "entity_precision": hits / np.maximum(guessed, 1),
        "entity_recall": hits / np.maximum(marked, 1),
        "accuracy": sums[..., -2] / np.maximum(sums[..., -1], 1),
    }
    return metrics | {f"f1/{name}": by_type[..., index] for index, name in enumerate(types)}
