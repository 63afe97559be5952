"""MasakhaNER, Amharic part: named entities in news (Adelani et al. 2021)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from amharic_tl.data.conll import read_conll
from amharic_tl.data.readers import read_text
from amharic_tl.data.rows import Columns
from amharic_tl.data.tfds_builders.base import PinnedBuilder

_FILES = {"train": "train", "validation": "dev", "test": "test"}
_TAGS = ["O", *(f"{place}-{kind}" for kind in ("DATE", "LOC", "ORG", "PER") for place in "BI")]


class Masakhaner(PinnedBuilder):
    """``tokens`` and ``tags``; one configuration, ``amh``."""

    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="amh", description="Amharic")]
    HOME = "https://raw.githubusercontent.com/masakhane-io/masakhane-ner/ba5843cd08aa491d5f96a5e809e71eb9ec461391"
    FOLDERS = ("masakhaner",)
    DESCRIPTION = (
        "Named entities (PER, LOC, ORG, DATE) in Amharic news: 1750 sentences for training, 250 for validation, 500 "
        "for the test. masakhaner_news_text holds almost all of these sentences: never pretrain on it and score here."
    )
    CITATION = "David Ifeoluwa Adelani et al., MasakhaNER: Named Entity Recognition for African Languages, TACL 9, 2021"
    LICENSE = "CC BY-NC 4.0: not for commercial use"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file a split."""
        return (f"data/{config}/{_FILES[split]}.txt",)

    def features(self) -> dict[str, Any]:
        """``tokens`` and their ``tags``."""
        return {
            "tokens": tfds.features.Sequence(tfds.features.Text()),
            "tags": tfds.features.Sequence(tfds.features.ClassLabel(names=_TAGS)),
        }

    def records(self, paths: list[Path]) -> Iterator[Any]:
        """Sentences."""
        return read_conll(paths[0], read_text(paths[0]), Columns("tokens", "tags", label_kind="tags"))

    def example(self, record: Any) -> dict[str, Any]:
        """From the line, the tokens and the tags of a sentence."""
        _, tokens, tags = record
        return {"tokens": list(tokens), "tags": list(tags)}
