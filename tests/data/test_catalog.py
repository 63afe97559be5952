"""TFDS data sets: bundled ones built from a local folder or from an address, others read as prepared; no TensorFlow."""

from __future__ import annotations

import functools
import hashlib
import http.server
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amharic_tl.data.catalog import read_tfds
from amharic_tl.data.download import fetch
from amharic_tl.data.rows import Columns
from amharic_tl.data.sources import read_source
from amharic_tl.errors import BadInputError, CannotCreateError, ConfigError, MissingInputError

TWO = Columns("text", "label")
TWEETS = {"train": 'ባለ\tpositive\n"ታመ\tnegative\n', "dev": "ካነ\tneutral\n", "test": "ዳረ\tpositive\n"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMHARIC_TL_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "prepared"))
    monkeypatch.delenv("AMHARIC_TL_SOURCE_DIR", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """A server on this machine: its address, its folder, and the paths asked for."""
    folder = tmp_path / "home"
    folder.mkdir()
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder, asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def small_afrisenti(tmp_path: Path, home: tuple[str, Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The AfriSenti builder with a home on this machine and a few invented tweets; returns their folder at home."""
    from amharic_tl.data.tfds_builders import afrisenti

    address, folder, _ = home
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    lines = []
    data = folder / "data" / "amh"
    data.mkdir(parents=True)
    for name, body in TWEETS.items():
        content = f"tweet\tlabel\n{body}".encode()
        # As in the older layout of the repository: the first address answers 404.
        (data / f"amh_{name}.tsv").write_bytes(content)
        for path in (f"data/amh/{name}.tsv", f"data/amh/amh_{name}.tsv"):
            lines.append(f"{address}/{path}\t{len(content)}\t{hashlib.sha256(content).hexdigest()}\t{name}.tsv\n")
    (tmp_path / "checksums.tsv").write_text("".join(lines))

    class Afrisenti(afrisenti.Afrisenti, skip_registration=True):
        HOME = address
        _checksums_path = tmp_path / "checksums.tsv"

    monkeypatch.setattr(afrisenti, "Afrisenti", Afrisenti)
    return data


def test_a_bundled_set_is_downloaded_once_and_built_once(
    cache: Path, home: tuple[str, Path, list[str]], small_afrisenti: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = read_tfds("tfds:afrisenti/amh:train", TWO)
    assert [(row.text, row.label) for row in source.rows] == [("ባለ", "positive"), ('"ታመ', "negative")], (
        "in the file's order"
    )
    assert source.spec == "tfds:afrisenti/amh/1.0.0:train" and source.format == "tfds"
    assert any("personal names" in note for note in source.notes) and "Licence: CC BY 4.0" in source.notes
    content = (small_afrisenti / "amh_train.tsv").read_bytes()
    assert [(file.path, file.sha256, file.rows) for file in source.files] == [
        ("train.tsv", hashlib.sha256(content).hexdigest(), 2)
    ]
    asked = len(home[2])
    assert asked == 6, "two addresses for each of three files"
    again = read_source("tfds:afrisenti:validation", TWO)
    assert [(row.text, row.label) for row in again.rows] == [("ካነ", "neutral")]
    assert len(home[2]) == asked
    assert capsys.readouterr().out == ""


def test_a_download_with_another_sha256_is_refused(cache: Path, small_afrisenti: Path) -> None:
    (small_afrisenti / "amh_dev.tsv").write_text("tweet\tlabel\nሌላ\tneutral\n")
    with pytest.raises(BadInputError, match="is not the file recorded for this revision: sha256"):
        read_tfds("tfds:afrisenti/amh:train", TWO)
    assert not list(cache.rglob("*.array_record*"))


def test_nothing_to_download(cache: Path, small_afrisenti: Path) -> None:
    (small_afrisenti / "amh_test.tsv").unlink()
    with pytest.raises(
        MissingInputError, match=r"HTTP status 404.*set AMHARIC_TL_SOURCE_DIR.*train\.tsv, dev\.tsv, test\.tsv"
    ):
        read_tfds("tfds:afrisenti/amh:train", TWO)


def test_no_connection(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="could not be fetched: .*refused"):
        fetch(["http://127.0.0.1:9/a.tsv"], tmp_path / "a.tsv", "0" * 64)
    with pytest.raises(CannotCreateError, match="could not store"):
        (tmp_path / "file").write_text("")
        fetch([(tmp_path / "file").as_uri()], tmp_path / "file" / "a.tsv", hashlib.sha256(b"").hexdigest())


def test_a_local_folder_must_be_whole_and_unchanged(
    cache: Path, small_afrisenti: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMHARIC_TL_SOURCE_DIR", str(tmp_path / "local"))
    folder = tmp_path / "local" / "afrisenti"
    folder.mkdir(parents=True)
    (folder / "train.tsv").write_bytes((small_afrisenti / "amh_train.tsv").read_bytes())
    with pytest.raises(MissingInputError, match=r"afrisenti lacks dev\.tsv, test\.tsv"):
        read_tfds("tfds:afrisenti/amh:train", TWO)
    (folder / "dev.tsv").write_text("tweet\tlabel\nሌላ\tneutral\n")
    (folder / "test.tsv").write_bytes((small_afrisenti / "amh_test.tsv").read_bytes())
    with pytest.raises(BadInputError, match="a file is not the one recorded for the pinned revision"):
        read_tfds("tfds:afrisenti/amh:train", TWO)


@pytest.mark.parametrize(
    ("name", "split", "file", "text", "label"),
    [
        ("afrisenti/amh", "validation", "afrisenti/dev.tsv", "tweet", "label"),
        ("trac2024/category", "test", "trac2024-hate/test_category.csv", "tweet", "label"),
        ("trac2024/target", "train", "trac2024-hate/train_target.csv", "tweet", "target"),
        ("trac2024/intensity", "validation", "trac2024-hate/dev_intensity.csv", "tweet", "score"),
        ("masakhanews/10shot", "train", "masakhanews/train_10shot.tsv", "text", "category"),
        ("masakhanews/50shot", "test", "masakhanews/test.tsv", "text", "category"),
    ],
)
def test_bundled_sets_are_the_files_row_by_row(
    cache: Path,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    split: str,
    file: str,
    text: str,
    label: str,
) -> None:
    monkeypatch.setenv("AMHARIC_TL_SOURCE_DIR", str(data_dir))
    built = read_tfds(f"tfds:{name}:{split}", TWO)
    read = read_source(str(data_dir / file), Columns(text, label))
    same = [(row.text, row.label) for row in built.rows] == [(row.text, row.label) for row in read.rows]
    assert same and len(built.rows) == len(read.rows)
    assert built.files[0].sha256 == read.files[0].sha256
    assert len({row.id for row in built.rows}) == len(built.rows)
    if name.startswith("trac2024"):
        assert [row.id for row in built.rows] == [row.id for row in read.rows]


def test_an_article_is_headline_and_text(cache: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMHARIC_TL_SOURCE_DIR", str(data_dir))
    parts = [
        read_tfds("tfds:masakhanews/5shot:train", Columns(name, "label")).rows
        for name in ("headline", "text", "article")
    ]
    assert all(whole.text == f"{head.text}\n{body.text}" for head, body, whole in zip(*parts, strict=True))
    assert Counter(row.label for row in parts[0]) == dict.fromkeys(("business", "health", "politics", "sports"), 5)


def test_another_prepared_set(cache: Path, tmp_path: Path) -> None:
    import tensorflow_datasets as tfds

    class Invented(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("2.0.0")

        def _info(self) -> Any:
            features = {"text": tfds.features.Text(), "score": tfds.features.Scalar(dtype=np.int64)}
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager: Any) -> Any:
            return {"train": self._generate_examples()}

        def _generate_examples(self) -> Any:
            for number in range(5):
                yield number, {"text": f"ባለ {number}", "score": number}

    builder = Invented(data_dir=str(tmp_path / "prepared"), file_format="array_record")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    source = read_tfds("tfds:invented:train", Columns("text", "score"))
    assert sorted((row.text, row.label) for row in source.rows) == [(f"ባለ {n}", str(n)) for n in range(5)]
    assert source.spec == "tfds:invented/2.0.0:train"
    assert [file.rows for file in source.files] == [5] and len(source.files[0].sha256) == 64
    with pytest.raises(MissingInputError, match="the splits are train; did you mean 'train'"):
        read_tfds("tfds:invented:trains", TWO)
    with pytest.raises(BadInputError, match="there is no feature 'label'"):
        read_tfds("tfds:invented:train", TWO)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("tfds:afrisenti", ConfigError, "expected tfds:name/config:split"),
        ("tfds:trac2024:train", ConfigError, "one of tfds:trac2024/category, tfds:trac2024/target"),
        ("tfds:trac2024/categroy:train", ConfigError, "name a configuration of trac2024"),
        ("tfds:afrisent:train", MissingInputError, "did you mean tfds:afrisenti?"),
    ],
)
def test_wrong_specifications(cache: Path, spec: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        read_tfds(spec, TWO)
    assert message in str(caught.value)


def test_checksums_are_those_of_the_files(data_dir: Path) -> None:
    from amharic_tl.data import tfds_builders

    lines = (Path(tfds_builders.__file__).parent / "checksums.tsv").read_text().splitlines()
    recorded = {line.split("\t")[0]: tuple(line.split("\t")[1:]) for line in lines}
    folder_of = {}
    for cls in map(tfds_builders.builder_class, tfds_builders.BUILDERS):
        local = next(data_dir / name for name in cls.FOLDERS if (data_dir / name).is_dir())
        for config in cls.BUILDER_CONFIGS:
            urls = [url for split in cls.SPLITS for urls in cls.urls(config.name, split) for url in urls]
            folder_of |= dict.fromkeys(urls, local)
    assert folder_of.keys() == recorded.keys()
    for url, (size, sha256, name) in recorded.items():
        content = (folder_of[url] / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (int(size), sha256)


def test_reading_sources_imports_no_tensorflow_and_no_jax() -> None:
    code = (
        "import sys, amharic_tl.data.sources, amharic_tl.data.catalog, amharic_tl.data.hub\n"
        "heavy = {'tensorflow', 'tensorflow_datasets', 'jax', 'torch', 'transformers', 'huggingface_hub'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
