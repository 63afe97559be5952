"""What the builders share: files at a pinned revision, from a local folder or their public home, checked by sha256."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from amharic_tl.data.delimited import read_delimited
from amharic_tl.data.readers import read_text
from amharic_tl.data.rows import Columns

SPLIT_NAMES = ("train", "validation", "test")


class PinnedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """A data set of one delimited file a split.

    A subclass names its files, features and how a record becomes an example. TFDS looks for each file in the manual
    folder under the name that ``checksums.tsv`` gives it, then downloads it; both ways the sha256 must match.

    Attributes:
      HOME: where the files' paths begin, revision included.
      FOLDERS: names under which a local folder may hold the files.
      QUOTING: ``standard`` or ``none``, found by reading the files both ways.
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

    @classmethod
    @abstractmethod
    def remote_paths(cls, config: str, split: str) -> tuple[str, ...]:
        """Paths below ``HOME`` at which a split's file is looked for, in turn."""

    @abstractmethod
    def features(self) -> dict[str, Any]:
        """TFDS features by name."""

    @abstractmethod
    def example(self, record: dict[str, str]) -> dict[str, Any]:
        """An example from a record, by column name."""

    @classmethod
    def urls(cls, config: str, split: str) -> list[str]:
        """Addresses of a split's file, in the order in which they are tried."""
        return [f"{cls.HOME}/{path}" for path in cls.remote_paths(config, split)]

    def source_file(self, split: str) -> tuple[str, int, str]:
        """Name, size in bytes and sha256 of the file that a split was built from."""
        info = self.url_infos[self.urls(self.builder_config.name, split)[0]]
        return str(info.filename), int(info.size), str(info.checksum)

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
        return {name: self._generate_examples(self._fetch(dl_manager, name)) for name in SPLIT_NAMES}

    def _fetch(self, dl_manager: Any, split: str) -> Path:
        """The split's file: the first address that answers. A file with another sha256 is refused at once."""
        *earlier, last = self.urls(self.builder_config.name, split)
        for url in earlier:
            try:
                return Path(dl_manager.download(url))
            except tfds.download.DownloadError:
                continue
        return Path(dl_manager.download(last))

    def _generate_examples(self, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
        records, _ = read_delimited(path, read_text(path), self.KIND, Columns("", None), self.QUOTING)
        header = [name.strip() for name in records[0].fields]
        for number, record in enumerate(records[1:]):
            yield number, self.example(dict(zip(header, record.fields, strict=True)))
