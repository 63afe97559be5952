"""Hub data sets, with a hub that lives in a folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from amharic_tl.data.hub import choose_files, hub_files
from amharic_tl.data.rows import Columns
from amharic_tl.data.sources import read_source
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TWO = Columns("text", "label")


class FakeHub:
    """Stands in for the hub's client: one repository, one commit."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache
        self.online = True
        self.fetched: list[str] = []

    def dataset_info(self, repo: str, revision: str | None = None) -> Any:
        if not self.online:
            raise RuntimeError("no route to the hub")
        assert repo == "owner/name" and revision in (None, "main", "v1", COMMIT)
        names = [path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()]
        return SimpleNamespace(sha=COMMIT, siblings=[SimpleNamespace(rfilename=name) for name in names])

    def download(self, repo: str, name: str, *, repo_type: str, revision: str) -> str:
        assert (repo, repo_type, revision) == ("owner/name", "dataset", COMMIT)
        target = self.cache / COMMIT / name
        if not target.is_file():
            if not self.online:
                raise LocalEntryNotFoundError("not in the cache")
            self.fetched.append(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.folder / name, target)
        return str(target)

    def snapshot(self, repo: str, *, repo_type: str, revision: str | None, local_files_only: bool) -> str:
        assert local_files_only
        if not (self.cache / COMMIT).is_dir():
            raise LocalEntryNotFoundError("not in the cache")
        return str(self.cache / COMMIT)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub(tmp_path / "repo", tmp_path / "cache")
    fake.folder.mkdir()
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: fake)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fake.download)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fake.snapshot)
    return fake


def put(hub: FakeHub, name: str, content: str) -> None:
    path = hub.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def test_a_split_is_fetched_at_a_commit_and_read_like_any_file(hub: FakeHub) -> None:
    put(hub, "amh/train.tsv", "text\tlabel\nባለ\ta\nካነ\tb\n")
    put(hub, "amh/test.tsv", "text\tlabel\nዳረ\ta\n")
    put(hub, "hau/train.tsv", "text\tlabel\nx\ta\n")
    source = read_source("hf:owner/name@v1/amh:train", TWO)
    assert [(row.text, row.label) for row in source.rows] == [("ባለ", "a"), ("ካነ", "b")]
    assert source.spec == f"hf:owner/name@{COMMIT}/amh:train" and source.format == "tsv"
    assert hub.fetched == ["amh/train.tsv"]


def test_without_a_connection_the_cache_serves(hub: FakeHub) -> None:
    put(hub, "README.md", "no card")
    put(hub, "train.jsonl", '{"text": "ባለ", "label": "a"}\n')
    first = hub_files("hf:owner/name:train")
    hub.online = False
    assert hub_files("hf:owner/name:train") == first
    shutil.rmtree(hub.cache)
    with pytest.raises(
        MissingInputError, match="could not be reached .RuntimeError. and owner/name is not in the local cache"
    ):
        hub_files("hf:owner/name:train")


def test_a_card_decides(hub: FakeHub) -> None:
    card = """---
license: cc-by-4.0
configs:
- config_name: amh
  default: true
  data_files:
  - split: train
    path: data/amh/part-*.csv
  - split: test
    path: [data/amh/held-out.csv]
- config_name: hau
  data_dir: data/hau
---
# A data set
"""
    put(hub, "README.md", card)
    for name in ("data/amh/part-1.csv", "data/amh/part-2.csv", "data/amh/held-out.csv", "data/hau/train.csv"):
        put(hub, name, f"text,label\n{name},a\n")
    assert [path.name for path in hub_files("hf:owner/name/amh:train")[1]] == ["part-1.csv", "part-2.csv"]
    assert [path.name for path in hub_files("hf:owner/name:test")[1]] == ["held-out.csv"]
    assert [path.parent.name for path in hub_files("hf:owner/name/hau:train")[1]] == ["hau"]
    with pytest.raises(MissingInputError, match="no configuration 'tir'; there are amh, hau"):
        hub_files("hf:owner/name/tir:train")
    with pytest.raises(MissingInputError, match="no data file of split 'validation' of configuration 'amh'"):
        hub_files("hf:owner/name/amh:validation")


PARQUET = [f"data/{split}-0000{n}-of-00002.parquet" for split in ("train", "validation", "test") for n in range(2)]


@pytest.mark.parametrize(
    ("names", "config", "split", "expected"),
    [
        (PARQUET, None, "train", PARQUET[:2]),
        (PARQUET, "default", "validation", PARQUET[2:4]),
        (["amh/train-00000-of-00001.parquet", "orm/train-00000-of-00001.parquet"], "amh", "train", None),
        (["data/amh/dev.tsv", "data/amh/train.tsv", "data/hau/dev.tsv"], "amh", "validation", ["data/amh/dev.tsv"]),
        (["amh_test.csv", "hau_test.csv"], "amh", "test", ["amh_test.csv"]),
        (["train.csv", "train.parquet", "README.md", "train.py"], None, "train", ["train.parquet"]),
        (
            ["train/0.jsonl.gz", "train/1.jsonl.gz", "test/0.jsonl.gz"],
            None,
            "train",
            ["train/0.jsonl.gz", "train/1.jsonl.gz"],
        ),
        (["train_5shot.tsv", "train_10shot.tsv"], "5shot", "train", ["train_5shot.tsv"]),
        (["gold.csv", "silver.csv"], None, "gold", ["gold.csv"]),
    ],
)
def test_names_decide_where_no_card_does(
    names: list[str], config: str | None, split: str, expected: list[str] | None
) -> None:
    assert choose_files("hf:a/b", names, {}, config, split) == (expected or names[:1])


def test_what_is_missing_is_said() -> None:
    with pytest.raises(MissingInputError, match=r"no data file of split 'test'; the repository holds train\.csv"):
        choose_files("hf:a/b:test", ["train.csv", "README.md"], {}, None, "test")
    with pytest.raises(MissingInputError, match="holds no csv, tsv, jsonl, txt or parquet files"):
        choose_files("hf:a/b:test", ["test.bin"], {}, None, "test")


@pytest.mark.parametrize("spec", ["hf:owner/name", "hf:name:train", "hf:owner/name/a/b:train", "hf:owner/name:"])
def test_wrong_specifications(spec: str) -> None:
    with pytest.raises(ConfigError, match=r"expected hf:owner/name\[@revision\]/config:split"):
        hub_files(spec)


def test_a_path_that_leaves_the_repository_is_refused(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = SimpleNamespace(sha=COMMIT, siblings=[SimpleNamespace(rfilename="../train.csv")])
    monkeypatch.setattr(hub, "dataset_info", lambda repo, revision=None: listing)
    with pytest.raises(BadInputError, match="outside itself"):
        hub_files("hf:owner/name:train")
