"""Where the data lies and how it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from amharic_tl.config.leaf import leaf
from amharic_tl.config.mixture import MixtureConfig

Sources = str | tuple[str, ...] | None


@dataclass(frozen=True)
class DataConfig:
    """Where the data lies and how it is read."""

    train: Sources = leaf(
        None, "A file, a glob, several of them, tfds:name/config:split or hf:owner/name/config:split."
    )
    validation: Sources = leaf(None, "As data.train; none: a tenth of the training rows, stratified, is set aside.")
    test: Sources = leaf(None, "As data.train; none: no test scores.")
    text: str = leaf("text", "The column that holds the text.")
    label: str | tuple[str, ...] = leaf(
        "label",
        "The column that holds the label; multi-label: or several columns of 0 and 1 (anger,joy,fear). "
        "token-classification: lists of tags beside lists of tokens (data.text), unless named called tags and tokens.",
    )
    label_separator: str = leaf(",", "multi-label, one column: what stands between the labels of a row.")
    source: str = leaf("source", "text-to-text: the column of the text to read (also translation.eng).")
    target: str = leaf("target", "text-to-text: the column of the text to write.")
    prefix: str | None = leaf(None, 'text-to-text: put before each source ("translate English to Amharic: ").')
    source_language: str | None = leaf(None, "text-to-text: the tokenizer's name of the source's language (eng_Latn).")
    target_language: str | None = leaf(None, "text-to-text: the tokenizer's name of the target's language (amh_Ethi).")
    max_target_length: int = leaf(128, "text-to-text: longest target in tokens.", minimum=8)
    columns: tuple[str, ...] | None = leaf(None, "Column names of a file without a header line.")
    format: Literal["auto", "csv", "tsv", "jsonl", "txt", "parquet", "conll"] = leaf(
        "auto", "auto: by the file's ending."
    )
    quoting: Literal["auto", "standard", "none"] = leaf(
        "auto", 'Of .csv and .tsv: standard ("..." with "" inside), none (a quote is text), auto (found out and said).'
    )
    max_length: int = leaf(128, "Longest input in tokens, special tokens included.", minimum=8)
    buckets: int | None = leaf(
        None,
        "Padded lengths of training batches, each of them compiled; none: as many as pay for that. Two dozen keep the "
        "padding of short texts near 5%.",
        minimum=1,
        maximum=64,
    )
    gates: tuple[str, ...] | None = leaf(
        ("test-inside-train", "test-inside-adaptation"),
        "What of the audit stops a run before it trains (exit code 65): names of findings (see docs/audit.md), or all "
        "of a severity (error, warning); none: nothing.",
    )
    folds: str | None = leaf(
        None, "A folds.json of cross-validate: rows of all named splits are pooled and divided as it says."
    )
    fold: str | None = leaf(None, "Which of the folds of data.folds, by name.")
    long_text: Literal["truncate", "head-tail", "windows"] = leaf(
        "truncate",
        "Of a longer text: its beginning, its two ends, or all of it in overlapping windows whose scores are pooled.",
    )
    window_overlap: int | None = leaf(
        None, "windows: tokens that neighbours share; none: a quarter of data.max_length.", minimum=0
    )
    mixture: MixtureConfig = field(default_factory=MixtureConfig)
