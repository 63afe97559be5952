"""What the builders share: files at a pinned revision, from a local folder or their public home, checked by sha256."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from amharic_tl.data.delimited import lines_of, read_delimited
from amharic_tl.data.readers import read_text
from amharic_tl.data.rows import Columns

SPLIT_NAMES = ("train", "validation", "test")


class PinnedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A data set of one delimited file a split, unless a subclass has other ``files`` and ``records``.

    A subclass names its files, features and how a record becomes an example. TFDS looks for each file in the manual
    folder under the name that ``checksums.tsv`` gives it, then downloads it; both ways the sha256 must match.

    Attributes:
      HOME: where the files' paths begin, revision included.
      FOLDERS: names under which a local folder may hold the files.
      QUOTING: ``standard`` or ``none``, found by reading the files both ways.
      SPLITS: those that it has.
      LOCAL_ONLY: why it is read from a local folder alone; empty where it can be downloaded.
    """

    VERSION = tfds.core.Version("1.0.0")
    # TFDS looks for the file beside the module by way of a package that it does not require; this says where it is.
    _checksums_path = Path(__file__).parent / "checksums.tsv"
    HOME = ""
    FOLDERS: tuple[str, ...] = ()
    KIND = "csv"
    QUOTING = "standard"
    DESCRIPTION = ""
    CITATION = ""
    LICENSE = ""
    SPLITS: tuple[str, ...] = SPLIT_NAMES
    LOCAL_ONLY = ""

    @classmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """Paths below ``HOME`` at which a split's file is looked for, in turn."""
        raise NotImplementedError

    @classmethod
    def files(cls, config: str, split: str) -> tuple[tuple[str, ...], ...]:
        """For each file of a split the paths below ``HOME`` at which it is looked for, in turn."""
        return (cls.remote_paths(config, split),)

    @abstractmethod
    def features(self) -> dict[str, Any]:
        """TFDS features by name."""

    @abstractmethod
    def example(self, record: Any) -> dict[str, Any]:
        """An example from a record."""

    @classmethod
    def urls(cls, config: str, split: str) -> list[list[str]]:
        """For each file of a split its addresses, in the order in which they are tried."""
        return [[f"{cls.HOME}/{path}" for path in paths] for paths in cls.files(config, split)]

    def source_files(self, split: str) -> list[tuple[str, int, str]]:
        """Name, size in bytes and sha256 of each file that a split was built from."""
        infos = [self.url_infos[urls[0]] for urls in self.urls(self.builder_config.name, split)]
        return [(str(info.filename), int(info.size), str(info.checksum)) for info in infos]

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.DESCRIPTION,
            features=tfds.features.FeaturesDict(self.features()),
            homepage=self.HOME,
            citation=self.CITATION,
            license=self.LICENSE,
            # The files' own order: example i is record i.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {
            name: self._generate_examples([self._fetch(dl_manager, urls) for urls in self.urls(config, name)])
            for config in [self.builder_config.name]
            for name in self.SPLITS
        }

    def _fetch(self, dl_manager: Any, urls: list[str]) -> Path:
        """A file: the first address that answers. One with another sha256 is refused at once."""
        *earlier, last = urls
        for url in earlier:
            try:
                return Path(dl_manager.download(url))
            except tfds.download.DownloadError:
                continue
        return Path(dl_manager.download(last))

    def _generate_examples(self, paths: list[Path]) -> Iterator[tuple[int, dict[str, Any]]]:
        for number, record in enumerate(self.records(paths)):
            yield number, self.example(record)

    def records(self, paths: list[Path]) -> Iterator[Any]:
        """The records of a split's files: of a delimited one the fields by column name."""
        return delimited(paths[0], self.KIND, self.QUOTING)


def delimited(path: Path, kind: str, quoting: str) -> Iterator[dict[str, str]]:
    """The records of a delimited file by column name."""
    records, _ = read_delimited(path, read_text(path), kind, Columns("", None), quoting)
    header = [name.strip() for name in records[0].fields]
    for record in records[1:]:
        yield dict(zip(header, record.fields, strict=True))


def text_lines(path: Path) -> list[str]:
    """The lines of a text file, white space at their ends taken off."""
    return [line.strip() for line in lines_of(read_text(path).removesuffix("\n"))]
