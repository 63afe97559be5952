"""Whether labels shift: estimated shares with intervals, and their distance from training beside what chance gives.

Held-out labelled rows tell how the classifier errs, unlabelled rows what it predicts. Labels of the target are no
argument of anything here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amharic_tl.evaluation.label_shift.correction import learned_prior
from amharic_tl.evaluation.label_shift.estimate import bbse, expectation_maximisation, normalised_columns

RESAMPLES = 1000
# Rounds of the second estimate go through all rows again.
FEW_RESAMPLES = 100
# Below this many held-out rows of a class its column of the confusion matrix says little.
FEWEST_ROWS = 10
# A distance that is beyond chance and smaller than this changes no decision.
SMALLEST_DISTANCE = 0.05
METHOD = (
    f"BBSE by non-negative least squares; 95% percentile bootstrap over held-out and target rows ({RESAMPLES:,} "
    f"resamples, {FEW_RESAMPLES} for EM); chance: the distance found where labels do not shift, 95th percentile"
)


def label_shift(
    label_names: Sequence[str],
    train_counts: np.ndarray,
    labels: np.ndarray,
    predicted: np.ndarray,
    target_predicted: np.ndarray,
    target_probabilities: np.ndarray | None = None,
    *,
    balanced: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """What label_shift.json holds, but for scores of corrected predictions.

    Args:
      label_names: the K classes.
      train_counts: training rows of each class, ``[K]``.
      labels: int ``[n]``, of held-out source rows; -1 (a class that train does not have) is left out.
      predicted: int ``[n]``.
      target_predicted: int ``[m]``, of the unlabelled rows.
      target_probabilities: ``[m, K]``, for the estimate by EM; None: without it.
      balanced: whether the classifier was trained with balanced class weights, which probabilities follow.
      seed: of the resamples.

    Returns:
      ``state`` is ``shifted``, ``not seen`` or ``insufficient``, and ``reason`` why. ``assumption`` tells whether the
      predictions for the target can come from a mixture of the classes as held out at all: where they cannot, texts of
      a class look different there, and the shares are an extrapolation.
    """
    classes, known = len(label_names), labels >= 0
    counts = np.zeros((classes, classes))
    np.add.at(counts, (predicted[known], labels[known]), 1.0)
    target_counts = np.bincount(target_predicted, minlength=classes).astype(np.float64)
    p_train = train_counts / train_counts.sum()
    found: dict[str, Any] = {
        "labels": list(label_names),
        "p_train": _named(label_names, p_train),
        "n": {"held_out": int(known.sum()), "target": len(target_predicted)},
        "method": METHOD,
        "estimates": {},
    }
    few = [name for name, rows in zip(label_names, counts.sum(axis=0), strict=True) if rows < FEWEST_ROWS]
    if few or len(target_predicted) < FEWEST_ROWS:
        what = f"held-out rows of {', '.join(few[:10])}" if few else "target rows"
        return {**found, "state": "insufficient", "reason": f"fewer than {FEWEST_ROWS} {what}"}
    generator = np.random.default_rng(seed)
    shares, drawn, chance = _bbse(counts, target_counts, p_train, generator)
    found["assumption"] = _assumption(counts, target_counts, shares, generator)
    found["estimates"]["bbse"] = _estimate(label_names, p_train, shares, drawn)
    found["confusion_smallest_singular_value"] = float(
        np.linalg.svd(normalised_columns(counts), compute_uv=False).min()
    )
    if target_probabilities is not None:
        prior = learned_prior(train_counts, balanced)
        likeliest, redrawn = _em(target_probabilities, prior, generator)
        found["estimates"]["em"] = _estimate(label_names, p_train, likeliest, redrawn)
    distance, limit = found["estimates"]["bbse"]["total_variation"], float(np.quantile(chance, 0.95))
    found["chance"] = {
        "total_variation_95": limit,
        "p_value": float((1 + np.sum(chance >= distance)) / (1 + len(chance))),
    }
    found["constant_class"] = {name: _constant_scores(q, classes) for name, q in zip(label_names, shares, strict=True)}
    shifted = distance > max(limit, SMALLEST_DISTANCE)
    reason = f"total variation {distance:.3f}, without a shift up to {limit:.3f}"
    return {**found, "state": "shifted" if shifted else "not seen", "reason": reason}


def _bbse(
    counts: np.ndarray, target_counts: np.ndarray, p_train: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The estimate, resamples of it ``[R, K]``, and distances from training that unshifted labels give ``[R]``."""
    confusion, rows = normalised_columns(counts), int(target_counts.sum())

    def estimate(shares: np.ndarray) -> np.ndarray:
        return bbse(_redrawn(counts, generator), generator.multinomial(rows, shares / shares.sum()) / rows)

    drawn = [estimate(target_counts) for _ in range(RESAMPLES)]
    unshifted = [estimate(confusion @ p_train) for _ in range(RESAMPLES)]
    return bbse(confusion, target_counts / rows), np.stack(drawn), _distance(np.stack(unshifted), p_train)


def _redrawn(counts: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The confusion matrix of a resample of the held-out rows."""
    cells = generator.multinomial(int(counts.sum()), counts.ravel() / counts.sum())
    return normalised_columns(cells.reshape(counts.shape).astype(np.float64))


def _assumption(
    counts: np.ndarray, target_counts: np.ndarray, shares: np.ndarray, generator: np.random.Generator
) -> dict[str, Any]:
    """How far the target's predictions are from any mixture of the classes, beside how far chance takes them."""
    confusion, rows = normalised_columns(counts), int(target_counts.sum())
    mixture = confusion @ shares
    observed = float(_distance(mixture, target_counts / rows))
    drawn = []
    for _ in range(RESAMPLES):
        redrawn, predicted = _redrawn(counts, generator), generator.multinomial(rows, mixture / mixture.sum()) / rows
        drawn.append(_distance(redrawn @ bbse(redrawn, predicted), predicted))
    limit = float(np.quantile(drawn, 0.95))
    sentence = (
        f"no mixture of the classes, as they are held out, gives these predictions (off by {observed:.3f}, by chance "
        f"up to {limit:.3f}): texts of a class look different there, the shares are an extrapolation, and predictions "
        "corrected to them may be worse than the raw ones; label some target rows instead"
    )
    holds = observed <= max(limit, 1e-9)  # rounding alone is no misfit
    return {"misfit": observed, "misfit_95": limit, "holds": holds, "sentence": None if holds else sentence}


def _em(probabilities: np.ndarray, prior: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    found = expectation_maximisation(probabilities, prior)
    rows = len(probabilities)
    # Started a little inside: a share of 0 would stay there.
    start = 0.99 * found + 0.01 * prior
    drawn = [
        expectation_maximisation(
            probabilities, prior, start, generator.multinomial(rows, np.full(rows, 1 / rows)), 1e-4, 200
        )
        for _ in range(FEW_RESAMPLES)
    ]
    return found, np.stack(drawn)


def _estimate(names: Sequence[str], p_train: np.ndarray, shares: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    ends = np.quantile(_distance(drawn, p_train), [0.025, 0.975])
    return {
        "shares": _named(names, shares),
        "intervals": {name: [float(a), float(b)] for name, a, b in zip(names, low, high, strict=True)},
        "total_variation": float(_distance(shares, p_train)),
        "total_variation_interval": [float(end) for end in ends],
    }


def _distance(shares: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Total variation: half the summed difference."""
    return 0.5 * np.abs(shares - others).sum(axis=-1)


def _constant_scores(share: float, classes: int) -> dict[str, float]:
    """What always predicting a class of this share is worth."""
    f1 = 2 * share / (1 + share)
    return {"accuracy": float(share), "macro_f1": float(f1 / classes), "weighted_f1": float(share * f1)}


def _named(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def shift_sentences(found: Mapping[str, Any], target: str) -> list[str]:
    """A verdict and, where there are estimates, a table: for the terminal."""
    if found["state"] == "insufficient":
        return [f"label shift towards {target}: not measured ({found['reason']})"]
    verdict = {"shifted": "labels shift", "not seen": "no shift of labels seen"}[found["state"]]
    names, estimates = list(found["labels"]), found["estimates"]
    width = max(map(len, [*names, "class"]))
    headings = "".join(f"  {name.upper() + ', 95%':>24}" for name in estimates)
    lines = [
        f"{verdict} from train to {target}: {found['reason']} (estimated without its labels)",
        f"  {'class':<{width}}  {'train':>6}{headings}  {'always: accuracy':>16}  {'macro-F1':>8}  {'weighted F1':>11}",
    ]
    if found["assumption"]["sentence"]:
        lines.insert(1, f"  but {found['assumption']['sentence']}")
    for name in names[:30]:
        cells = ""
        for of in estimates.values():
            low, high = of["intervals"][name]
            cells += f"  {of['shares'][name]:>6.3f} [{low:.3f}, {high:.3f}]".rjust(26)
        constant = found["constant_class"][name]
        lines.append(
            f"  {name:<{width}}  {found['p_train'][name]:>6.3f}{cells}  {constant['accuracy']:>16.3f}"
            f"  {constant['macro_f1']:>8.3f}  {constant['weighted_f1']:>11.3f}"
        )
    return lines
