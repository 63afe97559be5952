"""Hub data sets, read through huggingface_hub's own client from a hub on this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from amharic_tl.config import DataConfig
from amharic_tl.data.hub import hub_split, pin
from amharic_tl.data.hub_layout import choose_files, class_names
from amharic_tl.data.rows import Columns
from amharic_tl.data.sources import pinned, read_source
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError
from tests.data.hub_server import Hub, hub

__all__ = ["hub"]

TWO = Columns("text", "label")
PARQUET = [f"data/{split}-0000{n}-of-00002.parquet" for split in ("train", "validation", "test") for n in range(2)]


def parquet(tmp_path: Path, features: dict[str, Any] | None, **columns: list[Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "written.parquet")
    return (tmp_path / "written.parquet").read_bytes()


def test_a_split_is_fetched_at_a_commit_and_read_like_any_file(hub: Hub) -> None:
    hub.put("amh/train.tsv", "text\tlabel\nባለ\ta\nካነ\tb\n", "v1")
    hub.put("amh/test.tsv", "text\tlabel\nዳረ\ta\n", "v1")
    hub.put("hau/train.tsv", "text\tlabel\nx\ta\n", "v1")
    source = read_source("hf:owner/name@v1/amh:train", TWO)
    assert [(row.text, row.label) for row in source.rows] == [("ባለ", "a"), ("ካነ", "b")]
    assert source.spec == f"hf:owner/name@{hub.commit('v1')}/amh:train" and source.format == "tsv"
    assert hub.fetched == ["amh/train.tsv"]


def test_what_was_recorded_is_read_again_when_the_branch_has_moved(hub: Hub) -> None:
    hub.put("train.csv", "text,label\nባለ,a\n")
    first = read_source("hf:owner/name:train", TWO)
    hub.put("train.csv", "text,label\nዳረ,b\n")
    data = DataConfig(train="hf:owner/name:train", test="test.csv")
    again = pinned(data, {"train": first.spec, "validation": first.spec, "test": "test.csv"})
    assert (again.train, again.validation, again.test) == (first.spec, None, "test.csv")
    assert read_source(again.train, TWO).rows[0].text == "ባለ"
    assert read_source(data.train, TWO).rows[0].text == "ዳረ"
    assert pin("hf:owner/other:train", first.spec) == "hf:owner/other:train"


def test_without_a_connection_the_cache_serves(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.put("README.md", "no card")
    hub.put("train.jsonl", '{"text": "ባለ", "label": "a"}\n')
    first = hub_split("hf:owner/name:train")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert hub_split("hf:owner/name:train") == first
    assert hub_split(first.spec) == first
    shutil.rmtree(tmp_path / "data-cache")
    shutil.rmtree(tmp_path / "hub-cache")
    with pytest.raises(MissingInputError, match="HF_HUB_OFFLINE is set .* Unset it, or type `hf download owner/name"):
        hub_split("hf:owner/name:train")


def test_a_half_fetched_split_is_never_taken_for_the_whole(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PARQUET[:2]:
        hub.put(name, b"PAR1")
    first = hub_split("hf:owner/name:train")
    first.files[1].unlink()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MissingInputError, match="could not fetch data/train-00001-of-00002.parquet"):
        hub_split("hf:owner/name:train")
    with pytest.raises(BadInputError, match=r"1 of 2 shards are not there: data/train-00000-of-00002"):
        choose_files("hf:a/b:train", PARQUET[1:], {}, None, "train")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("hf:owner/other:train", "no public data set owner/other; a private one needs `hf auth login`"),
        ("hf:owner/name@v2:train", "owner/name has no revision 'v2'"),
        ("hf:owner/name/tir:train", r"no data file of split 'train' of configuration 'tir'.*configurations may be amh"),
        ("hf:owner/name/amh:test", r"no data file of split 'test'.*these are splits called train"),
    ],
)
def test_what_is_not_on_the_hub_is_told(hub: Hub, spec: str, said: str) -> None:
    hub.put("amh/train.csv", "text,label\nባለ,a\n")
    with pytest.raises(MissingInputError, match=said):
        hub_split(spec)


def test_private_and_gated_repositories(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.put("train.csv", "text,label\nባለ,a\n")
    hub.gated = True
    with pytest.raises(MissingInputError, match="asks for its terms to be accepted"):
        hub_split("hf:owner/name:train")
    hub.gated, hub.token = False, "a-token"
    with pytest.raises(MissingInputError, match="a private one needs"):
        hub_split("hf:owner/name:train")
    monkeypatch.setenv("HF_TOKEN", "a-token")
    assert hub_split("hf:owner/name:train").files[0].name == "train.csv"


def test_a_loading_script_is_read_from_what_the_hub_made_of_it(hub: Hub, tmp_path: Path) -> None:
    hub.put("name.py", "raise SystemExit('never executed')")
    hub.put("raw/train.txt", "not the data")
    with pytest.raises(MissingInputError, match=r"is a loading script, .*load_dataset\('owner/name', 'amh', split='t"):
        hub_split("hf:owner/name/amh:test")
    label = {"names": ["O", "B-PER", "I-PER"], "_type": "ClassLabel"}
    content = parquet(
        tmp_path,
        {"tokens": {"feature": {"dtype": "string"}}, "ner_tags": {"feature": label, "_type": "Sequence"}},
        tokens=[["ባለ", "ካነ"]],
        ner_tags=[[1, 0]],
    )
    hub.put("amh/test/0000.parquet", content, "refs/convert/parquet")
    hub.put("amh/partial-train/0000.parquet", content, "refs/convert/parquet")
    source = read_source("hf:owner/name/amh:test", Columns("tokens", "tags", label_kind="tags"))
    assert source.rows[0].labels == ("B-PER", "O")
    assert source.spec == f"hf:owner/name@{hub.commit('refs/convert/parquet')}/amh:test"
    assert "read from the parquet files that the hub made" in source.notes[0]
    assert hub_split("hf:owner/name@refs/convert/parquet/amh:test").files == hub_split("hf:owner/name/amh:test").files
    with pytest.raises(MissingInputError, match="converted only the beginning of split 'train'"):
        hub_split("hf:owner/name/amh:train")
    with pytest.raises(MissingInputError, match=r"its splits are test, train"):
        hub_split("hf:owner/name/amh:dev")
    with pytest.raises(MissingInputError, match=r"Try hf:owner/name@refs/convert/parquet/amh:test"):
        hub_split("hf:owner/name@main/amh:test")


def test_classes_and_translations(hub: Hub, tmp_path: Path) -> None:
    card = """---
license: cc-by-4.0
dataset_info:
  features:
  - {name: text, dtype: string}
  - name: label
    dtype: {class_label: {names: {'0': business, '1': sports}}}
---
"""
    hub.put("README.md", card)
    hub.put("train.parquet", parquet(tmp_path, None, text=["ባለ", "ካነ"], label=[1, 0]))
    hub.put("validation.csv", "text,label\nባለ,1\nካነ,business\n")
    stored = {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}
    hub.put("test.parquet", parquet(tmp_path, stored, text=["ባለ"], label=[1]))
    pairs = [{"am": "ባለ", "en": "x"}]
    hub.put("pairs/gold.parquet", parquet(tmp_path, None, translation=pairs))

    def labels(split: str) -> list[str | None]:
        return [row.label for row in read_source(f"hf:owner/name:{split}", TWO).rows]

    assert labels("train") == ["sports", "business"]
    assert labels("validation") == ["sports", "business"]
    assert labels("test") == ["b"]  # what the file says of itself comes first
    translated = read_source("hf:owner/name/pairs:gold", Columns("en", None, target="am"))
    assert [(row.text, row.target) for row in translated.rows] == [("x", "ባለ")]
    assert translated.notes == ["owner/name on the hub: licence cc-by-4.0"]
    nested = {"features": [{"name": "tags", "sequence": {"class_label": {"names": {"1": "B-X", "0": "O"}}}}]}
    assert class_names({"dataset_info": [{"config_name": "amh", **nested}, {"config_name": "x"}]}, "amh") == {
        "tags": ["O", "B-X"]
    }


def test_a_card_decides(hub: Hub) -> None:
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
    hub.put("README.md", card)
    for name in ("data/amh/part-1.csv", "data/amh/part-2.csv", "data/amh/held-out.csv", "data/hau/train.csv"):
        hub.put(name, f"text,label\n{name},a\n")
    assert [path.name for path in hub_split("hf:owner/name/amh:train").files] == ["part-1.csv", "part-2.csv"]
    assert [path.name for path in hub_split("hf:owner/name:test").files] == ["held-out.csv"]
    assert [path.parent.name for path in hub_split("hf:owner/name/hau:train").files] == ["hau"]
    with pytest.raises(MissingInputError, match="no configuration 'tir'; there are amh, hau"):
        hub_split("hf:owner/name/tir:train")
    with pytest.raises(MissingInputError, match="split 'validation' of configuration 'amh'; its splits are train, te"):
        hub_split("hf:owner/name/amh:validation")


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
        (["corpus.jsonl", "dataset_infos.json", ".hidden/x.csv"], None, "train", ["corpus.jsonl"]),
        (["part-00000-of-00001.parquet", "LICENSE.txt", "requirements.txt"], None, "train", None),
        (["amh/train/0000.parquet", "amh/dev/0000.parquet"], None, "dev", ["amh/dev/0000.parquet"]),
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
    with pytest.raises(MissingInputError, match="in several folders, .*: amh, hau; name one"):
        choose_files("hf:a/b:train", ["amh/train.csv", "hau/train.csv"], {}, None, "train")
    with pytest.raises(MissingInputError, match="no data file of split 'train'"):
        choose_files("hf:a/b:train", ["data/gold-00000-of-00001.parquet"], {}, None, "train")


@pytest.mark.parametrize("spec", ["hf:owner/name", "hf:name:train", "hf:owner/name/a/b:train", "hf:owner/name:"])
def test_wrong_specifications(spec: str) -> None:
    with pytest.raises(ConfigError, match=r"expected hf:owner/name\[@revision\]/config:split"):
        hub_split(spec)


def test_a_path_that_leaves_the_repository_is_refused(hub: Hub) -> None:
    hub.put("../train.csv", "text,label\nባለ,a\n")
    with pytest.raises(BadInputError, match="outside itself"):
        hub_split("hf:owner/name:train")
