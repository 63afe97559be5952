"""Amharic beside other languages: HornMT, NTREX-128, MAFAND-MT, and corpora in four domains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from amharic_tl.data.tfds_builders.base import PinnedBuilder, delimited, text_lines

_AMHARIC = [tfds.core.BuilderConfig(name="amh", description="Amharic")]


class ParallelBuilder(PinnedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A text in each of several languages, from files of lines that belong together."""

    LANGUAGES: tuple[str, ...] = ("eng", "amh")

    def features(self) -> dict[str, Any]:
        """A text by language."""
        return {name: tfds.features.Text() for name in self.LANGUAGES}

    def records(self, paths: list[Path]) -> Iterator[Any]:
        """Lines with the same number; those that are empty in all are left out."""
        for lines in zip(*map(text_lines, paths), strict=True):
            if any(lines):
                yield dict(zip(self.LANGUAGES, lines, strict=True))

    def example(self, record: Any) -> dict[str, Any]:
        """As the record is."""
        return dict(record)


class Hornmt(ParallelBuilder):
    """``amh``, ``eng``, ``tir``, ``orm``, ``category`` and more; all rows are in ``train``."""

    BUILDER_CONFIGS = _AMHARIC
    HOME = "https://raw.githubusercontent.com/asmelashteka/HornMT/e67b5bc341e5893ef1f3f167a5022694c6da76d8"
    FOLDERS = ("hornmt",)
    SPLITS = ("train",)
    LANGUAGES = ("amh", "eng", "tir", "orm")
    DESCRIPTION = (
        "2030 news snippets in Amharic, English, Tigrinya and Oromo, with one of 12 categories. No split is defined; "
        "all rows are in train."
    )
    CITATION = "Asmelash Teka Hadgu, Gebrekirstos G. Gebremeskel, Abel Aregawi, HornMT, 2022"
    LICENSE = "CC BY 4.0"

    @classmethod
    def files(cls, config: str, split: str) -> tuple[tuple[str, ...], ...]:
        """A file a language, and one about the snippets."""
        del config, split
        names = [*(f"{language}.txt" for language in cls.LANGUAGES), "metadata.tsv"]
        return tuple((f"data/{name}", name) for name in names)

    def features(self) -> dict[str, Any]:
        """Texts, and what is told of each snippet."""
        return {name: tfds.features.Text() for name in (*self.LANGUAGES, "scope", "category", "domain", "date")}

    def records(self, paths: list[Path]) -> Iterator[Any]:
        """Snippets with what is told of them."""
        about = delimited(paths[-1], "tsv", "none")
        for texts, told in zip(super().records(paths[:-1]), about, strict=True):
            yield {**texts, **{name.lower(): told[name] for name in ("Scope", "Category", "Domain", "Date")}}


class Ntrex128(ParallelBuilder):
    """``eng``, ``amh`` and the ``document`` that a sentence stands in; a test split."""

    BUILDER_CONFIGS = _AMHARIC
    HOME = "https://raw.githubusercontent.com/MicrosoftTranslator/NTREX/8561f6a622db9edad1217683e5c83daefd8bb2bf"
    FOLDERS = ("ntrex128",)
    SPLITS = ("test",)
    LANGUAGES = ("eng", "amh", "document")
    DESCRIPTION = "1997 sentences of English news (WMT19 test set), translated to Amharic by professionals. Test only."
    CITATION = "Christian Federmann, Tom Kocmi, Ying Xin, NTREX-128, SUMEval 2022"
    LICENSE = "CC BY-SA 4.0"

    @classmethod
    def files(cls, config: str, split: str) -> tuple[tuple[str, ...], ...]:
        """Source, reference, documents."""
        del config, split
        names = "NTREX-128/newstest2019-src.eng.txt", "NTREX-128/newstest2019-ref.amh.txt", "DOCUMENT_IDS.tsv"
        return tuple((name,) for name in names)


class MafandMt(ParallelBuilder):
    """``eng`` and ``amh``; validation and test, no training split exists."""

    BUILDER_CONFIGS = _AMHARIC
    HOME = "https://raw.githubusercontent.com/masakhane-io/lafand-mt/d441f8b063d63e95eafb72e84317359e27abf95e"
    FOLDERS = ("mafand_mt", "mafand-mt")
    SPLITS = ("validation", "test")
    DESCRIPTION = (
        "English-Amharic news of Global Voices: 899 pairs for validation, 1037 for the test; none for training."
    )
    CITATION = "David Ifeoluwa Adelani et al., A Few Thousand Translations Go a Long Way!, NAACL 2022"
    LICENSE = "CC BY-NC 4.0: not for commercial use"

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """One file a split."""
        del config
        name = "dev" if split == "validation" else split
        return f"data/tsv_files/en-amh/{name}.tsv", f"data/json_files/en-amh/{name}.tsv"

    def records(self, paths: list[Path]) -> Iterator[Any]:
        """From the columns ``en`` and ``amh``."""
        for record in delimited(paths[0], "tsv", "auto"):
            yield {"eng": record["en"], "amh": record["amh"]}


class EthiopianParallel(ParallelBuilder):
    """``eng`` and ``amh``; a configuration a domain; all rows are in ``train``."""

    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name=name, description=f"domain: {name}")
        for name in ("legal", "news", "history", "bible")
    ]
    HOME = "https://raw.githubusercontent.com/AAUThematic4LT/Parallel-Corpora-for-Ethiopian-Languages/ca9fec71354ec889eda6cc22d8a0e90db185226f"
    FOLDERS = ("ethiopian_parallel", "ethiopian-parallel")
    SPLITS = ("train",)
    LOCAL_ONLY = "its files have other names at home; get them from there as <domain>.eng.txt and <domain>.amh.txt"
    DESCRIPTION = (
        "English-Amharic lines in four domains (legal 5371, news 5393, history 1253, bible 11726); half of the news "
        "repeats itself. No split is defined; all rows are in train."
    )
    CITATION = "Solomon Teferra Abate et al., Parallel Corpora for bi-lingual English-Ethiopian Languages, COLING 2018"
    LICENSE = "none stated; the source asks for research and educational use, and for citation"

    @classmethod
    def files(cls, config: str, split: str) -> tuple[tuple[str, ...], ...]:
        """A file a language."""
        del split
        return tuple((f"{config}.{language}.txt",) for language in cls.LANGUAGES)
