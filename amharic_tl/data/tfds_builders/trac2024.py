"""TRAC-2024: category, target and intensity of hate in Amharic tweets (Ayele et al. 2024)."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds

from amharic_tl.data.tfds_builders.base import PinnedBuilder

_FILES = {"train": "train", "validation": "dev", "test": "test"}
_LABELS = {
    "category": ("label", ["hate", "normal", "offensive"]),
    "target": ("target", ["NOTARGET", "ethnic", "gender", "other", "politics", "religion"]),
    "intensity": ("score", [str(score) for score in range(11)]),
}


class Trac2024(PinnedBuilder):
    """``id``, ``text``, ``label``; a configuration a task: ``category``, ``target``, ``intensity`` (0-10)."""

    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name, description=f"{len(labels)} labels") for name, (_, labels) in _LABELS.items()
    ]
    HOME = "https://raw.githubusercontent.com/uhh-lt/AmharicHateSpeech/6b1338c90d59e0a0d7dfc886b675c8dbfd8d1289"
    FOLDERS = ("trac2024", "trac2024-hate")
    DESCRIPTION = (
        "8258 Amharic tweets (5780 for training, 1239 for validation, 1239 for the test), labelled for category, "
        "target and intensity of hate. Contains real abuse, ethnic and religious slurs, and calls for violence."
    )
    CITATION = (
        "Abinew Ali Ayele et al., Exploring Boundaries and Intensities in Offensive and Hate Speech: Unveiling the "
        "Complex Spectrum of Social Media Discourse, TRAC @ LREC-COLING 2024, arXiv 2404.12042"
    )
    LICENSE = "none stated in the source repository"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """The repository has had the files in one folder, and in a folder for each task."""
        folder, name = "Data/Trac-HateIntensity", f"{_FILES[split]}_{config}.csv"
        return f"{folder}/{name}", f"{folder}/{config.capitalize()}/{name}"

    def features(self) -> dict[str, Any]:
        """``id`` (of the tweet), ``text`` and ``label``."""
        return {
            "id": tfds.features.Text(),
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=_LABELS[self.builder_config.name][1]),
        }

    def example(self, record: dict[str, str]) -> dict[str, Any]:
        """From the columns ``tweet_id``, ``tweet`` and the task's own."""
        return {
            "id": record["tweet_id"],
            "text": record["tweet"],
            "label": record[_LABELS[self.builder_config.name][0]],
        }
