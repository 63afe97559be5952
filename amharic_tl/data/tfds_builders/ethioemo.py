"""Emotions of Amharic social-media texts (SemEval-2025 Task 11; Belay et al. 2025)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from amharic_tl.data.tfds_builders.base import PinnedBuilder

EMOTIONS = ("anger", "disgust", "fear", "joy", "sadness", "surprise")
_FILES = {"train": "train", "validation": "dev", "test": "test"}
_TRACKS = {"emotion": "track_a", "intensity": "track_b"}


class Ethioemo(PinnedBuilder):
    """``id``, ``text`` and a number for each emotion; configurations ``emotion`` (0, 1) and ``intensity`` (0 to 3)."""

    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="emotion", description="whether each emotion is there"),
        tfds.core.BuilderConfig(name="intensity", description="how strong each emotion is, 0 to 3"),
    ]
    HOME = "https://raw.githubusercontent.com/emotion-analysis-project/SemEval2025-Task11/513a7e8bef7ef6370ac416ced97efba338c47c97"
    FOLDERS = ("ethioemo",)
    DESCRIPTION = (
        "Six emotions in Amharic social-media texts, several a text or none: 3549 for training, 592 for validation, "
        "1774 for the test. Both configurations hold the same texts, divided differently: never train on one and test "
        "on the other. Contains abuse and personal names."
    )
    CITATION = (
        "Tadesse Destaw Belay et al., Evaluating the Capabilities of Large Language Models for Multi-label Emotion "
        "Understanding, COLING 2025"
    )
    LICENSE = "CC BY 4.0"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file a split."""
        return (f"task-dataset/semeval-2025-task11-dataset/{_TRACKS[config]}/{_FILES[split]}/amh.csv",)

    def features(self) -> dict[str, Any]:
        """``id``, ``text`` and the emotions."""
        texts = {name: tfds.features.Text() for name in ("id", "text")}
        return {**texts, **{name: tfds.features.Scalar(dtype=np.int32) for name in EMOTIONS}}

    def example(self, record: dict[str, str]) -> dict[str, Any]:
        """From the columns of the same names."""
        return {"id": record["id"], "text": record["text"], **{name: int(float(record[name])) for name in EMOTIONS}}
