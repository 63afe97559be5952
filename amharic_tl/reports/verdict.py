"""The sentences at the top of a report: what the model reaches, beside what it must be compared with."""

from __future__ import annotations

from amharic_tl.reports.contents import Contents


def verdict(run: Contents) -> str:
    """A few honest sentences; says so where there is nothing to say yet."""
    said = _classifier(run) if run.is_classification else _other_task(run)
    safety = (run.final.get("safety") or {}).get("verdict") or {}
    # A run that has failed beside its reference is said to at the top, whatever it scores.
    return f"{said} Safety: {safety['words']}." if safety.get("state") in ("failed", "unproven", "passed") else said


def _so_far(run: Contents) -> str:
    """What must precede a figure that is not the final one."""
    if run.status == "completed":
        return ""
    steps = [int(line["step"]) for line in run.metrics if line.get("split") == "validation" and "step" in line]
    at = f" (step {steps[-1]:,})" if steps else ""
    return {"running": f"So far{at}: ", "preempted": f"Interrupted{at}: "}.get(run.status, f"Not finished{at}: ")


def _classifier(run: Contents) -> str:
    split = run.judged_split()
    if split is None:
        return "No evaluation yet."
    score = run.metric(split, run.headline) or 0.0
    ends = run.interval(split, run.headline)
    rows = run.evaluation.get(split, {}).get("n")
    named = "out-of-fold predictions" if split == "oof" else split
    on = f"{named} ({rows:,} rows)" if rows else named
    shown = f" [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else " (no interval can be estimated)"
    sentences = [
        f"{_so_far(run)}the model scores {score:.3f} {run.headline_shown}{shown} on {on}, {_lines(run, split)}."
    ]
    clean = run.metric("test_clean", run.headline) if split == "test" else None
    left_out = (rows or 0) - (run.evaluation.get("test_clean", {}).get("n") or 0)
    if clean is not None and left_out > 0:
        sentences.append(f"Without {_counted(left_out)} it scores {clean:.3f}.")
    elif split == "test" and (why := run.final.get("test_clean", {}).get("not_measured")):
        sentences.append(f"There is no score without near-duplicates: {why}.")
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)


def _counted(rows: int) -> str:
    """The rows that test_clean leaves out, in words."""
    which = "the 1 test row that nearly repeats" if rows == 1 else f"the {rows:,} test rows that nearly repeat"
    return f"{which} a row of train or validation"


def _lines(run: Contents, split: str) -> str:
    """Where both lines lie: above, below, or inside the interval, in which case they cannot be told apart."""
    score, ends = run.metric(split, run.headline) or 0.0, run.interval(split, run.headline)
    parts = []
    for key, name in run.line_names.items():
        line = run.baseline(key, split, run.headline)
        if line is None:
            continue
        side = "equal to" if line == score else "above" if score > line else "below"
        inside = ends is not None and ends[0] <= line <= ends[1]
        unsure = ", which lies inside the interval: this split cannot tell them apart" if inside else ""
        parts.append(f"{side} {name} ({line:.3f}){unsure}")
    if not parts:
        return "with no baseline measured beside it"
    joint = "; and " if any("inside" in part for part in parts) else " and "
    return joint.join(parts)


def _other_task(run: Contents) -> str:
    """A language model, or any task whose figure is the one that picks the checkpoint."""
    name = str(run.config.get("train", {}).get("select_by", "validation/bits_per_character")).partition("/")[2]
    curve = run.curve("validation", name)
    if not curve:
        return "No evaluation yet."
    best = run.run.get("best") or {}
    step, value = best.get("step"), best.get("value")
    if step is None or value is None:
        step, value = curve[-1]
    of = " of what was masked" if run.task == "masked-lm" else ""
    said = {
        "bits_per_character": f"bits per character{of} (lower is better)",
        "perplexity": "perplexity (lower is better)",
        "loss": "loss (lower is better)",
        "bleu": "BLEU",
        "chrf": "chrF",
    }.get(name, name.replace("_", " "))
    sentence = f"{_so_far(run)}{value:.3f} {said} on validation at step {step:,}, the best of {len(curve)} evaluations"
    first = curve[0][1]
    return f"{sentence}; the first, at step {curve[0][0]:,}, had {first:.3f}." if len(curve) > 1 else f"{sentence}."
