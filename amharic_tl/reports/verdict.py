"""The sentence at the top of a report: what the model reaches, beside what it must be compared with."""

from __future__ import annotations

from amharic_tl.reports.contents import Contents


def verdict(run: Contents) -> str:
    """One or two honest sentences; says so where there is nothing to say yet."""
    if not run.is_classification:
        return _language_model(run)
    split = next((name for name in ("test", "validation") if run.metric(name, "macro_f1") is not None), None)
    if split is None:
        return "No evaluation yet."
    score = run.metric(split, "macro_f1") or 0.0
    ends = run.interval(split, "macro_f1")
    shown = f" (95% interval {ends[0]:.3f} to {ends[1]:.3f})" if ends else ""
    prefix = "" if run.status == "completed" else "So far: "
    sentence = f"{prefix}macro-F1 {score:.3f}{shown} on {split}."
    compared = [
        _compare(score, ends, line, name)
        for name, key in (("TF-IDF with logistic regression", "tfidf"), ("the most frequent class", "constant"))
        if (line := run.baseline(key, split, "macro_f1")) is not None
    ]
    return " ".join([sentence, *compared])


def _compare(score: float, ends: tuple[float, float] | None, line: float, name: str) -> str:
    if ends is not None and ends[0] <= line <= ends[1]:
        side = "above" if score > line else "below"
        return f"It cannot be told from {name} ({line:.3f}, {side} it by less than the interval)."
    return f"It is {'above' if score > line else 'below'} {name} ({line:.3f})."


def _language_model(run: Contents) -> str:
    curve = run.curve("validation", "bits_per_character")
    if not curve:
        return "No evaluation yet."
    step, value = min(curve, key=lambda point: point[1])
    return f"The best evaluation so far is at step {step:,}: {value:.3f} bits per character of what was masked."
