"""What a change of vocabulary did, in figures, and what of it the literature found to do harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from amharic_tl.records.findings import Finding, Severity, finding, in_order
from amharic_tl.transfer.vocabulary.initialise import Rows
from amharic_tl.transfer.vocabulary.pieces import SCRIPTS
from amharic_tl.transfer.vocabulary.serialised import Change, Serialised

UNKNOWN, FERTILITY = 0.005, 4.0
WORSE = 0.01  # tokens a word, relative: more than the noise of another sample
FEW_SHARED = 1000
RANDOM_ROWS = 0.05
NORMS = (0.5, 2.0)


def pieces_by_script(old: Serialised, change: Change | None, rows: Rows | None) -> dict[str, dict[str, int]]:
    """Pieces by script, fixed tokens aside: ``before``, ``after``, ``shared`` (in both), ``dropped``, and of the new
    ones those that are ``mixed`` of old rows and those that are ``drawn``.
    """
    found: dict[str, Counter[str]] = {script: Counter() for script in SCRIPTS}
    after = change.tokenizer.ids if change is not None else old.ids
    for token in old.model_ids:
        if token not in old.fixed:
            counts = found[old.script(token)]
            counts["before"] += 1
            counts["shared" if token in after else "dropped"] += 1
    if change is None or rows is None:
        return {script: {"before": counts["before"]} for script, counts in found.items() if counts}
    fixed = old.fixed | change.tokenizer.fixed
    for token, place in change.tokenizer.ids.items():
        if token not in fixed:
            counts = found[change.tokenizer.script(token)]
            counts["after"] += 1
            if rows.origin[place] < 0:
                counts["drawn" if rows.drawn[place] else "mixed"] += 1
    names = ("before", "after", "shared", "dropped", "mixed", "drawn")
    return {script: {name: counts[name] for name in names} for script, counts in found.items() if counts}


def norm_ratio(table: np.ndarray, rows: Rows, old: np.ndarray) -> float | None:
    """Mean length of the new rows of a table over that of the old rows; None without new rows."""
    if not len(rows.new):
        return None
    lengths = [np.linalg.norm(part.astype(np.float32), axis=1).mean() for part in (table[rows.new], old[rows.known])]
    return float(lengths[0] / lengths[1]) if lengths[1] else None


def findings(record: Mapping[str, Any]) -> list[Finding]:
    """What to know and to do, the gravest first; from the figures of a record."""
    before = record["before"]
    after = record.get("after") or before
    found = _cut(after)
    if record["action"] == "trim":
        found += _trimmed(record, before, after)
    if record["action"] in ("extend", "replace"):
        found += _grown(record)
    return in_order(found)


def _said(
    name: str, severity: Severity, where: str, sentence: str, figure: float, threshold: float, advice: str
) -> Finding:
    return finding(name, severity, where, sentence, figure, threshold, advice=advice)


def _cut(after: Mapping[str, Any]) -> list[Finding]:
    one = after.get("ethiopic")
    if one is None:
        advice = "Name Amharic text with --heldout; nothing is known of how Amharic is cut."
        return [_said("no-ethiopic", "warning", "text", "the held-out text has no Ethiopic word", 0, 1, advice)]
    found = []
    unknown, tokens = one["unknown_rate"] or 0.0, one["tokens_per_word"]
    if unknown > UNKNOWN:
        sentence = f"{unknown:.1%} of the tokens of Ethiopic words are unknown"
        advice = "What is unknown cannot be learned: extend or replace the vocabulary, or choose another base."
        found.append(_said("unknown-tokens", "warning", "ethiopic", sentence, unknown, UNKNOWN, advice))
    if tokens > FERTILITY:
        sentence = f"an Ethiopic word is {tokens:.2f} tokens on average"
        advice = "Texts are cut off early and cost more: extend the vocabulary, or choose another base."
        found.append(_said("many-tokens", "warning", "ethiopic", sentence, tokens, FERTILITY, advice))
    return found


def _trimmed(record: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Finding]:
    pieces = record["pieces"].get("ethiopic", {"before": 0, "dropped": 0})
    dropped, there = pieces["dropped"], pieces["before"]
    harm = "a vocabulary trimmed by counts alone cost Amharic 6 points of F1 on MasakhaNER, other languages under 1"
    if dropped:
        sentence = f"{dropped:,} of {there:,} Ethiopic pieces are dropped; {harm}"
        advice = "Leave --counts-alone out: all Ethiopic pieces then stay."
        found = [_said("ethiopic-dropped", "error", "ethiopic", sentence, dropped, 0, advice)]
    else:
        sentence = f"all {there:,} Ethiopic pieces are kept; {harm}"
        advice = "Compare with the untrimmed model on your task before you publish with this one."
        found = [_said("ethiopic-kept", "info", "ethiopic", sentence, 0, 0, advice)]
    for script in (script for script in after if script != "all"):
        for name, figure, least in (("tokens_per_word", "tokens a word", WORSE), ("unknown_rate", "unknown", 0.0)):
            was, now = before[script][name] or 0.0, after[script][name] or 0.0
            grown = now / was - 1 if name == "tokens_per_word" and was else now - was
            if grown > least:
                sentence = f"held-out words of script {script}: {figure} {was:.4g} before, {now:.4g} after"
                severity: Severity = "warning" if script == "ethiopic" else "info"
                advice = "Name text of all that the model will read with --text."
                found.append(_said("cut-worse", severity, script, sentence, grown, least, advice))
    other = record["text_split_otherwise"]
    if other:
        sentence = f"{other:,} lines of the text itself are cut otherwise than before"
        advice = "With --minimum-count=1 there are none."
        found.append(_said("text-cut-otherwise", "info", "text", sentence, other, 0, advice))
    return found


def _grown(record: Mapping[str, Any]) -> list[Finding]:
    rows = record["rows"]
    ratio, share = rows["norm_ratio"], rows["drawn"] / rows["all"]
    sentence = (
        f"{rows['new']:,} rows are new. On Tigrinya names, 30,000 new tokens cost XLM-R 7 points while they were not "
        "trained (94.6 before; 87.0 drawn, 87.6 as means), and after further pretraining it had 95.7"
    )
    advice = f"{record['next']} (a task is refused until then)"
    found = [_said("pretrain-first", "warning", "model", sentence, rows["new"], 0, advice)]
    shared = record["pieces"].get("ethiopic", {}).get("shared", 0)
    if (record["action"] == "replace" or record["initialise"] == "focus") and shared < FEW_SHARED:
        sentence = f"{shared:,} Ethiopic pieces are in both vocabularies; with few, FOCUS mixes marks and Latin pieces"
        advice = "Take --initialise=subword-mean, or a base that has seen Amharic."
        found.append(_said("few-shared", "warning", "ethiopic", sentence, shared, FEW_SHARED, advice))
    if share > RANDOM_ROWS:
        sentence = f"{share:.1%} of the rows are drawn at random"
        advice = "Where the old tokenizer knows no part of a piece, only long training helps, or another base."
        found.append(_said("random-rows", "warning", "model", sentence, share, RANDOM_ROWS, advice))
    if ratio is not None and not NORMS[0] <= ratio <= NORMS[1]:
        sentence = f"new rows are {ratio:.2f} times as long as old ones"
        limit = NORMS[0] if ratio < NORMS[0] else NORMS[1]
        advice = "Their logits are of another size at first: begin further pretraining with a warm-up."
        found.append(_said("norms-differ", "warning", "model", sentence, ratio, limit, advice))
    return found
