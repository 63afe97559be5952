"""AfriSenti, Amharic part: sentiment of tweets in three classes (Muhammad et al. 2023)."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds

from amharic_tl.data.tfds_builders.base import PinnedBuilder

_FILES = {"train": "train", "validation": "dev", "test": "test"}


class Afrisenti(PinnedBuilder):
    """``text``, ``label`` (negative, neutral, positive); one configuration, ``amh``."""

    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="amh", description="Amharic")]
    HOME = "https://raw.githubusercontent.com/afrisenti-semeval/afrisent-semeval-2023/5aec3cfcf87b59f885e98641f72e52182776429d"
    FOLDERS = ("afrisenti",)
    KIND = "tsv"
    QUOTING = "none"
    DESCRIPTION = (
        "Sentiment of Amharic tweets (SemEval-2023 Task 12): 5984 for training, 1497 for validation, 1999 for the "
        "test, which has other label shares than the rest. Contains abuse and personal names."
    )
    CITATION = (
        "Shamsuddeen Hassan Muhammad et al., AfriSenti: A Twitter Sentiment Analysis Benchmark for African Languages, "
        "EMNLP 2023"
    )
    LICENSE = "CC BY 4.0"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file a split; an older layout of the repository has the language in the name."""
        name = _FILES[split]
        return f"data/{config}/{name}.tsv", f"data/{config}/{config}_{name}.tsv"

    def features(self) -> dict[str, Any]:
        """``text`` and ``label``."""
        return {
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["negative", "neutral", "positive"]),
        }

    def example(self, record: dict[str, str]) -> dict[str, Any]:
        """From the columns ``tweet`` and ``label``."""
        return {"text": record["tweet"], "label": record["label"]}
