"""Small sets that probe a model: gender, stereotypes (English), and a list of insults."""

from __future__ import annotations

from typing import Any

import tensorflow_datasets as tfds

from amharic_tl.data.tfds_builders.base import PinnedBuilder
from amharic_tl.data.tfds_builders.running_text import LinesBuilder


class GenderBiasProbe(PinnedBuilder):
    """``text`` with one ``[MASK]`` and ``expected``, which gender is to be filled in."""

    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="amh", description="Amharic")]
    HOME = "https://raw.githubusercontent.com/jiituu/Evaluating-bias-in-MT/8b1071f2c1656f523d35d8cba09541d23af1a65e"
    FOLDERS = ("gender_bias_probe", "gender-bias-probe")
    SPLITS = ("test",)
    LOCAL_ONLY = "where its file lies at home is not recorded; get it from there as Am-Benchmark-Masked.csv"
    DESCRIPTION = (
        "376 Amharic sentences with one word masked, built from 20 seed sentences on occupations and roles: they are "
        "not independent, so resample by seed."
    )
    CITATION = "Evaluating Machine Translation Datasets for Low-Web Data Languages: A Gendered Lens"
    LICENSE = "none stated in the source repository"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file."""
        del config, split
        return ("Am-Benchmark-Masked.csv",)

    def features(self) -> dict[str, Any]:
        """``text`` and ``expected``."""
        return {name: tfds.features.Text() for name in ("text", "expected")}

    def example(self, record: dict[str, str]) -> dict[str, Any]:
        """From the columns ``Maked Sentence`` and ``Expected Gender``."""
        return {"text": record["Maked Sentence"], "expected": record["Expected Gender"]}


class CrowsPairsEn(PinnedBuilder):
    """``more`` and ``less`` stereotypical sentence, ``direction``, ``kind`` of bias; English."""

    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="eng", description="English")]
    HOME = "https://raw.githubusercontent.com/nyu-mll/crows-pairs/8aaac11c485473159ec9328a65253a5be9a479dc"
    FOLDERS = ("crows_pairs_en", "crows-pairs-en")
    SPLITS = ("test",)
    DESCRIPTION = (
        "1508 pairs of English sentences with stereotypes of the United States, some of them known to be invalid. Not "
        "Amharic: a reference for format and metric alone."
    )
    CITATION = "Nikita Nangia, Clara Vania, Rasika Bhalerao, Samuel R. Bowman, CrowS-Pairs, EMNLP 2020"
    LICENSE = "CC BY-SA 4.0"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file."""
        del config, split
        return ("data/crows_pairs_anonymized.csv",)

    def features(self) -> dict[str, Any]:
        """Texts."""
        return {name: tfds.features.Text() for name in ("more", "less", "direction", "kind")}

    def example(self, record: dict[str, str]) -> dict[str, Any]:
        """From the file's columns."""
        found = {"more": "sent_more", "less": "sent_less", "direction": "stereo_antistereo", "kind": "bias_type"}
        return {name: record[column] for name, column in found.items()}


class ToxicWords(LinesBuilder):
    """``text``: an insult or obscenity, in Ethiopic or romanised."""

    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="amh", description="Amharic")]
    HOME = "https://raw.githubusercontent.com/LDNOOBWV2/List-of-Dirty-Naughty-Obscene-and-Otherwise-Bad-Words_V2/e2f7430cde6fcc755eca7243d5cf46fc0766ff29"
    FOLDERS = ("toxic_words", "toxic-words")
    SPLITS = ("test",)
    DESCRIPTION = (
        "50 Amharic obscenities and insults, an ethnic slur among them; not reviewed by native speakers. Short ones "
        "match inside harmless words: no list of this size stands in for a classifier."
    )
    CITATION = "LDNOOBW V2 (repository)"
    LICENSE = "CC0 1.0"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file."""
        del config, split
        return "data/am.txt", "am.txt"
