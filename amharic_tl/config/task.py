"""What is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from amharic_tl.config.leaf import leaf

TaskKind = Literal["sequence-classification", "token-classification", "masked-lm", "causal-lm", "seq2seq-lm"]


@dataclass(frozen=True)
class TaskConfig:
    """What is learned."""

    kind: TaskKind = leaf("sequence-classification", "The objective.")
    problem: Literal["single-label", "multi-label", "regression"] = leaf(
        "single-label", "sequence-classification: one label a text, a set of labels, or a number."
    )
    objective: Literal["text-to-text", "span-corruption"] = leaf(
        "text-to-text", "seq2seq-lm: data.target from data.source, or spans taken out of running text (data.text)."
    )
    noise_density: float = leaf(0.15, "span-corruption: share of tokens to take out.", above=0.0, maximum=0.9)
    mean_span: float = leaf(3.0, "span-corruption: mean length of a span in tokens.", minimum=1.0)
    generate_rows: int = leaf(
        200,
        "text-to-text: rows of a split to write out and score by BLEU and chrF at an evaluation; 0: none.",
        minimum=0,
    )
    normalised_scores: tuple[str, ...] | None = leaf(
        ("homophones", "punctuation"),
        "text-to-text: ways of writing that are made one for bleu_normalised and chrf_normalised, beside the raw "
        "scores, where references are in Ethiopic script; none: off.",
    )
    writing: str = leaf("am", "The written language of task.normalised_scores: am, ti, or a .yaml file.")
    mask_probability: float = leaf(0.15, "masked-lm: share of tokens to predict.", above=0.0, maximum=0.9)
