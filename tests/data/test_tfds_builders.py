"""Bundled TFDS data sets, built from local copies of the public files."""

from __future__ import annotations

from pathlib import Path

import pytest

from amharic_tl.data.catalog import _bundled, read_tfds
from amharic_tl.data.rows import Columns
from amharic_tl.data.tfds_builders import BUILDERS, builder_class
from amharic_tl.errors import MissingInputError
from amharic_tl.run.telling import about_data

# Rows by split, as counted in the files.
SETS = {
    "masakhaner/amh": {"train": 1750, "validation": 250, "test": 500},
    "ethioemo/emotion": {"train": 3549, "validation": 592, "test": 1774},
    "ethioemo/intensity": {"train": 3549, "validation": 592, "test": 1774},
    "zenodo2021/amh": {"train": 1594, "test": 396},
    "hornmt/amh": {"train": 2030},
    "ntrex128/amh": {"test": 1997},
    "mafand_mt/amh": {"validation": 899, "test": 1037},
    "ethiopian_parallel/legal": {"train": 5371},
    "ethiopian_parallel/news": {"train": 5393},
    "ethiopian_parallel/history": {"train": 1253},
    "ethiopian_parallel/bible": {"train": 11726},
    "enh_news/amh": {"train": 10247, "validation": 1414, "test": 1432},
    "masakhaner_news_text/amh": {"train": 9941},
    "amwiki2015/amh": {"train": 21730},
    "amqa/amh": {"train": 1723, "validation": 600, "test": 299},
    "blend_ethiopia/amh": {"test": 500},
    "gender_bias_probe/amh": {"test": 376},
    "crows_pairs_en/eng": {"test": 1508},
    "toxic_words/amh": {"test": 50},
    "ud_amharic_att/amh": {"test": 1074},
    "unimorph_amh/amh": {"train": 46224},
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tfds")


@pytest.fixture(autouse=True)
def local(cache: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMHARIC_TL_SOURCE_DIR", str(data_dir))
    monkeypatch.setenv("AMHARIC_TL_DATA_DIR", str(cache))


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_built_whole(name: str) -> None:
    builder, _, config = name.partition("/")
    made = _bundled(f"tfds:{name}", builder, config)
    assert {split: info.num_examples for split, info in made.info.splits.items()} == SETS[name]
    first = made.as_data_source(split=next(iter(SETS[name])))[0]
    assert set(first) == set(made.info.features) and any(
        len(value) for value in first.values() if hasattr(value, "__len__")
    )


def test_tags_pairs_and_sets_of_labels_are_read_as_from_a_file() -> None:
    tagged = read_tfds("tfds:masakhaner/amh:validation", Columns("tokens", "tags", label_kind="tags"))
    assert tagged.rows[0].tokens[:3] == ("እንደ", "ኤለርስ", "አብዛኞቹ") and tagged.rows[0].labels[:3] == ("O", "B-LOC", "O")
    pairs = read_tfds("tfds:mafand_mt/amh:validation", Columns("eng", None, target="amh"))
    assert all(row.target for row in pairs.rows) and [file.path for file in pairs.files] == ["dev.tsv"]
    columns = Columns("text", None, label_columns=("anger", "joy"), label_kind="set")
    sets = read_tfds("tfds:ethioemo/emotion:validation", columns)
    assert {row.labels for row in sets.rows} >= {(), ("anger",), ("joy",)}
    documents = read_tfds("tfds:hornmt/amh:train", Columns("amh", "category"))
    assert len(documents.files) == 5 and len({row.label for row in documents.rows}) == 12


def test_licence_and_warnings_are_said_once() -> None:
    source = read_tfds("tfds:zenodo2021/amh:test", Columns("text", "label"))
    split = {"quoting": None, "notes": source.notes}
    said = about_data({"splits": {"train": split, "test": split}, "warnings": []})
    assert sum("Psalms" in line for line in said) == sum(line.startswith("Licence: ") for line in said) == 1


def test_every_builder_says_what_it_is_and_what_may_be_done_with_it() -> None:
    for name in BUILDERS:
        cls = builder_class(name)
        assert cls.name == name and cls.DESCRIPTION and cls.CITATION and cls.LICENSE
        assert len(cls.HOME.split("/")[-1]) == 40, "a pinned commit"
        for config in cls.BUILDER_CONFIGS:
            for split in cls.SPLITS:
                assert all(url in cls.url_infos for urls in cls.urls(config.name, split) for url in urls)


def test_what_cannot_be_downloaded_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMHARIC_TL_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("AMHARIC_TL_SOURCE_DIR")
    with pytest.raises(MissingInputError, match=r"XHTML pages of its home .*train\.jsonl\.gz, dev\.jsonl\.gz, test"):
        read_tfds("tfds:enh_news/amh:train", Columns("text", None))
