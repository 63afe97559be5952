"""Amharic hate speech on Facebook (Zeleke Abebaw Kassa 2021)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from amharic_tl.data.tfds_builders.base import PinnedBuilder, text_lines

_FILES = {"train": "AMHSDataTrain.txt", "test": "AMHSDataTest.txt"}
_LABELS = ["መልካም", "ጥላቻ"]


class Zenodo2021(PinnedBuilder):
    """``text`` and ``label`` (ጥላቻ: hate, መልካም: not hate); one configuration, ``amh``; no validation split."""

    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="amh", description="Amharic")]
    HOME = (
        "https://raw.githubusercontent.com/shama-llama/hate-speech-detection/632cc910d90a5581b51d66865f0136860e8aeca0"
    )
    FOLDERS = ("zenodo2021", "zenodo2021-hate-facebook")
    SPLITS = ("train", "test")
    DESCRIPTION = (
        "Facebook comments of 2019, hate or not; 1600 lines for training, 400 for the test, of which 6 and 4 without a "
        "label are left out (pieces of texts that a line break cut). At least an eighth of the comments that are not "
        "hate are Psalms: a model can win by register and length alone, so that this is a test of shortcuts and no "
        "benchmark. Contains abuse, slurs and calls for violence."
    )
    CITATION = "Zeleke Abebaw Kassa, Amharic Hate Speech Detection Dataset, Zenodo 10.5281/zenodo.5036437, 2021"
    LICENSE = "none stated with the data"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file a split."""
        del config
        return (f"dataset/ZAK2021/{_FILES[split]}",)

    def features(self) -> dict[str, Any]:
        """``text`` and ``label``."""
        return {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(names=_LABELS)}

    def records(self, paths: list[Path]) -> Iterator[tuple[str, str]]:
        """Text and label of each line that has one, after its last comma."""
        for line in text_lines(paths[0])[1:]:
            text, _, label = line.rpartition(",")
            if label.strip() in _LABELS:
                yield text, label.strip()

    def example(self, record: tuple[str, str]) -> dict[str, Any]:
        """From text and label."""
        return {"text": record[0], "label": record[1]}
