"""How long texts are in words and in the configured tokenizer's tokens, and what ``data.max_length`` cuts off."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from amharic_tl.audit.checked import Checked, graded
from amharic_tl.audit.material import Material
from amharic_tl.data.audit import TRUNCATION_WARNING, UNKNOWN_WARNING, describe_tokens
from amharic_tl.data.tokenizer import Encoded, encode
from amharic_tl.data.words import encode_words
from amharic_tl.records.findings import Finding, finding

FINDINGS = ("truncation", "unknown-tokens")
TRUNCATION_ERROR = 0.5  # share of texts cut from which most of the data is read in part only

# Takes a model's path; gives its tokenizer. Where models lie is not this room's to know.
LoadTokenizer = Callable[[str], Any]


def check(material: Material, load_tokenizer: LoadTokenizer) -> Checked:
    """Words, tokens, texts cut, unknown tokens."""
    tokenizer = load_tokenizer(material.config.model.path)
    data = material.config.data
    figures: dict[str, Any] = {"tokenizer": material.config.model.path, "parts": {}}
    found: list[Finding] = []
    for where, part, view in material.texts():
        texts = [view.text(row) for row in part.rows]
        limit, leaf = data.max_length, "max_length"
        if view.name == "target":
            limit, leaf = data.max_target_length, "max_target_length"
        if material.problem == "tags":
            encoded = encode_words(tokenizer, [row.tokens for row in part.rows], limit).encoded
        else:
            encoded = encode(tokenizer, texts, limit, target=view.name == "target")
        if data.long_text == "windows":  # all of a text is read, by one window or another
            encoded = dataclasses.replace(encoded, truncated=np.zeros_like(encoded.truncated))
        words = np.asarray([len(text.split()) for text in texts])
        figures["parts"][where] = {
            "words": {
                "mean": float(words.mean()),
                "median": float(np.median(words)),
                "p95": float(np.percentile(words, 95)),
                "max": int(words.max()),
            },
            "max_length": limit,
            **describe_tokens(encoded),
        }
        # Running text is cut into windows where it is long, and nothing is lost.
        cut = material.problem != "none"
        how = "only its two ends are read" if data.long_text == "head-tail" else "is cut there"
        found += _findings([row.id for row in part.rows], encoded, where, limit, leaf, how if cut else None)
    return Checked(figures, found)


def _findings(ids: list[str], encoded: Encoded, where: str, limit: int, leaf: str, cut: str | None) -> list[Finding]:
    found = []
    share = float(encoded.truncated.mean())
    severity = graded(share, warning=TRUNCATION_WARNING, error=TRUNCATION_ERROR) if cut else None
    if severity:
        windows = ", config.data.long_text=windows reads all of every text" if leaf == "max_length" else ""
        needed = int(np.percentile(encoded.lengths, 95))
        found.append(
            finding(
                "truncation",
                severity,
                where,
                f"{share:.1%} of {where} is longer than {limit} tokens and {cut} (config.data.{leaf})",
                share,
                TRUNCATION_WARNING,
                [row for row, is_cut in zip(ids, encoded.truncated, strict=True) if is_cut],
                f"config.data.{leaf}={needed} holds 95% of the texts whole{windows}.",
            )
        )
    unknown = int(encoded.unknown.sum()) / max(sum(map(len, encoded.ids)), 1)
    if unknown > UNKNOWN_WARNING:
        found.append(
            finding(
                "unknown-tokens",
                "warning",
                where,
                f"{unknown:.1%} of the tokens of {where} are unknown to the tokenizer",
                unknown,
                UNKNOWN_WARNING,
                [row for row, count in zip(ids, encoded.unknown, strict=True) if count],
                "Choose a base whose tokenizer knows these letters (config.model.path).",
            )
        )
    return found
