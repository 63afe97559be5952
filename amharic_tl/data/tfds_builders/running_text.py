"""Running Amharic text: newspapers, radio and web news, an old Wikipedia."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from amharic_tl.data.delimited import lines_of
from amharic_tl.data.readers import read_text
from amharic_tl.data.tfds_builders.base import PinnedBuilder, text_lines

_AMHARIC = [tfds.core.BuilderConfig(name="amh", description="Amharic")]
_NEWS_FILES = {"train": "train", "validation": "dev", "test": "test"}
_NEWS_TEXTS = ("id", "newspaper", "title", "text")
_NEWS_NUMBERS = ("year_ec", "month_ec", "day_ec")


class EnhNews(PinnedBuilder):
    """``id``, ``newspaper``, ``title``, ``text``, and the Ethiopian date (-1 where it is not known)."""

    BUILDER_CONFIGS = _AMHARIC
    HOME = "https://raw.githubusercontent.com/geezorg/enh-corpus/48e2139c64b48f15a3dd9201d0a04e89470f2d52"
    FOLDERS = ("enh_news", "enh-news")
    LOCAL_ONLY = "these are texts taken out of the XHTML pages of its home"
    DESCRIPTION = (
        "Newspaper articles of the Ethiopian years 1988 to 2002: 10247 for training (up to 1996), 1414 for validation "
        "(1997), 1432 for the test (later). Time and newspapers shift between the splits. News of wars, politics and "
        "courts, with named people and period wording about ethnic groups."
    )
    CITATION = "Ge'ez Frontier Foundation, The Ethiopian News Headlines Corpus Collection, 2022"
    LICENSE = "CC0 1.0"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file a split."""
        del config
        return (f"{_NEWS_FILES[split]}.jsonl.gz",)

    def features(self) -> dict[str, Any]:
        """Texts and the date."""
        numbers = {name: tfds.features.Scalar(dtype=np.int32) for name in _NEWS_NUMBERS}
        return {**{name: tfds.features.Text() for name in _NEWS_TEXTS}, **numbers}

    def records(self, paths: list[Path]) -> Iterator[Any]:
        """The objects of JSON lines."""
        name = paths[0]
        text = read_text(name) if name.suffix == ".gz" else read_text_of_gzip(name)
        return (json.loads(line) for line in lines_of(text) if line.strip())

    def example(self, record: Any) -> dict[str, Any]:
        """From the keys of the same names."""
        numbers = {name: -1 if record[name] is None else int(record[name]) for name in _NEWS_NUMBERS}
        return {**{name: str(record[name] or "") for name in _NEWS_TEXTS}, **numbers}


def read_text_of_gzip(path: Path) -> str:
    """The text of a compressed file that TFDS keeps under another name."""
    import gzip

    return gzip.decompress(path.read_bytes()).decode("utf-8")


class LinesBuilder(PinnedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """``text``, a line each; where a builder names no other splits all lines are in ``train``."""

    SPLITS = ("train",)

    def features(self) -> dict[str, Any]:
        """``text``."""
        return {"text": tfds.features.Text()}

    def records(self, paths: list[Path]) -> Iterator[str]:
        """Lines that are not empty."""
        return (line for line in text_lines(paths[0]) if line)

    def example(self, record: str) -> dict[str, Any]:
        """From a line."""
        return {"text": record}


class MasakhanerNewsText(LinesBuilder):
    """``text``: sentences of radio and web news."""

    BUILDER_CONFIGS = _AMHARIC
    HOME = "https://raw.githubusercontent.com/masakhane-io/masakhane-ner/ba5843cd08aa491d5f96a5e809e71eb9ec461391"
    FOLDERS = ("masakhaner_news_text", "masakhaner-news-text")
    DESCRIPTION = (
        "9941 sentences of Amharic news. Holds almost all sentences of masakhaner, its test split too: never train on "
        "it for a model that is scored there."
    )
    CITATION = "David Ifeoluwa Adelani et al., MasakhaNER: Named Entity Recognition for African Languages, TACL 9, 2021"
    LICENSE = "that of each news site; none is named"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file."""
        del config, split
        return ("text_by_language/amharic/amharic_news.txt",)


class Amwiki2015(LinesBuilder):
    """``text``: lines of the Amharic Wikipedia of 2015."""

    BUILDER_CONFIGS = _AMHARIC
    HOME = "https://raw.githubusercontent.com/dennis-sell/amharic-language-project/1fe5e1f43e56aecd76d77fc5d97b98ff5af48734"
    FOLDERS = ("amwiki2015", "amwiki-2015")
    DESCRIPTION = (
        "21730 lines of the Amharic Wikipedia of April 2015, poorly cleaned: markup, tables and redirects remain, a "
        "third of the lines repeats itself. For tests of cleaning; no ready training text. Holds contexts of amqa."
    )
    CITATION = "Amharic Wikipedia contributors"
    LICENSE = "none stated by the repository; Wikipedia's text is under CC BY-SA"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file."""
        del config, split
        return ("project-1/amharic_wiki_clean.txt",)
