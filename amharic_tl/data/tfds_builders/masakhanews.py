"""MasakhaNEWS, Amharic part: topic of BBC news (Adelani et al. 2023), few-shot training sets."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds

from amharic_tl.data.tfds_builders.base import PinnedBuilder


class Masakhanews(PinnedBuilder):
    """``headline``, ``text``, ``article`` (both, the published input), ``label``; a configuration a training size."""

    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=f"{shots}shot", description=f"{shots} training articles a class")
        for shots in (5, 10, 20, 50)
    ]
    HOME = "https://raw.githubusercontent.com/masakhane-io/masakhane-news/819be052e79e0a600e0ed4a7356594681cb5c4f3"
    FOLDERS = ("masakhanews",)
    KIND = "tsv"
    DESCRIPTION = (
        "Topic of Amharic BBC news. Training sets of 5, 10, 20 and 50 articles a class (nested), 188 articles for "
        "validation, 376 for the test. Some articles stand in more than one split."
    )
    CITATION = "David Ifeoluwa Adelani et al., MasakhaNEWS: News Topic Classification for African languages, 2023"
    LICENSE = "none stated in the source repository"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """Validation and test are shared by all configurations."""
        if split == "train":
            return (f"few_shot_data/{config.removesuffix('shot')}_samples/amh/train.tsv",)
        return (f"data/amh/{'dev' if split == 'validation' else 'test'}.tsv",)

    def features(self) -> dict[str, Any]:
        """Texts and ``label``."""
        return {
            "headline": tfds.features.Text(),
            "text": tfds.features.Text(),
            "article": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["business", "health", "politics", "sports"]),
        }

    def example(self, record: dict[str, str]) -> dict[str, Any]:
        """From the columns ``category``, ``headline`` and ``text``."""
        headline, text = record["headline"], record["text"]
        return {"headline": headline, "text": text, "article": f"{headline}\n{text}", "label": record["category"]}
