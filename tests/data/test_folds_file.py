"""Rows of several files pooled and divided by a folds file: the same ids, no copies, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from amharic_tl.config import DataConfig, build_config
from amharic_tl.data import sources
from amharic_tl.data.folds import Fold, Folds, load_fold, pool_fingerprint, read_folds, read_pool, write_folds
from amharic_tl.data.hub import FilesOfSplit
from amharic_tl.errors import BadInputError, ConfigError

WORDS = "ባለ ታመ ካነ ዳረ ጋሰ ፋቀ ዛወ"


def write(path: Path, rows: list[tuple[str, str, str]]) -> str:
    path.write_text("id\ttext\tlabel\n" + "".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def data(folder: Path, **named: list[tuple[str, str, str]]) -> DataConfig:
    return build_config({f"data.{name}": write(folder / f"{name}.tsv", rows) for name, rows in named.items()}).data


def made(first: int, count: int) -> list[tuple[str, str, str]]:
    return [(f"n{n}", f"{WORDS} {chr(0x1208 + n)}", "ab"[n % 2]) for n in range(first, first + count)]


def settle(folder: Path, config: DataConfig, fold: Fold) -> DataConfig:
    rows = read_pool(config, "single-label").rows
    path = folder / "folds.json"
    write_folds(path, Folds({"folds": 2}, pool_fingerprint(rows), len(rows), (fold,), {row.id: 0 for row in rows}))
    return build_config(
        {f"data.{n}": getattr(config, n) for n in ("train", "test")} | {"data.folds": str(path), "data.fold": fold.name}
    ).data


def test_a_fold_divides_all_files_and_keeps_ids(tmp_path: Path) -> None:
    config = data(tmp_path, train=made(0, 8), test=made(8, 4))
    fold = Fold("fold-1", 0, ("n8", "n1"), ("n0", "n9"), ("n4",))
    splits = load_fold(settle(tmp_path, config, fold), labelled=True, seed=0)
    ids = {name: [row.id for row in source.rows] for name, source in splits.items()}
    assert ids == {
        "train": ["n2", "n3", "n5", "n6", "n7", "n10", "n11"],
        "validation": ["n0", "n9"],
        "test": ["n1", "n8"],
    }
    assert splits.labels == ["a", "b"]


def test_hub_data_is_read_at_the_commit_that_the_folds_were_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data(tmp_path, train=made(0, 8), test=made(8, 4))
    newest = "1" * 40
    asked: list[str] = []

    def hub_split(spec: str) -> FilesOfSplit:
        asked.append(spec)
        split = spec.rpartition(":")[2]
        return FilesOfSplit(spec if "@" in spec else f"hf:o/n@{newest}:{split}", [tmp_path / f"{split}.tsv"])

    monkeypatch.setattr(sources, "hub_split", hub_split)
    named = {"data.train": "hf:o/n:train", "data.test": "hf:o/n:test"}
    pool = read_pool(build_config(named).data, "single-label")
    assert pool.read_from == {split: f"hf:o/n@{newest}:{split}" for split in ("train", "test")}
    path, fold = tmp_path / "folds.json", Fold("fold-1", 0, ("n8", "n1"), ("n0", "n9"))
    clusters = {row.id: 0 for row in pool.rows}
    write_folds(path, Folds({}, pool_fingerprint(pool.rows), 12, (fold,), clusters, (), pool.read_from))
    newest = "2" * 40  # the branch has moved
    asked.clear()
    load_fold(build_config({**named, "data.folds": str(path), "data.fold": "fold-1"}).data, labelled=True, seed=0)
    assert asked == [f"hf:o/n@{'1' * 40}:{split}" for split in ("train", "test")]


def test_a_folds_file_comes_back_as_it_was(tmp_path: Path) -> None:
    fold = Fold("አማ", 1, ("ሀ",), ("ለ",), ("መ",), "amhara")
    folds = Folds({"seed": 3}, "f" * 64, 3, (fold,), {"ሀ": 0, "ለ": 1, "መ": 1}, ("a note",))
    write_folds(tmp_path / "folds.json", folds)
    assert read_folds(tmp_path / "folds.json") == folds
    (tmp_path / "folds.json").write_text('{"folds": [{}]}')
    with pytest.raises(BadInputError, match="no folds file"):
        read_folds(tmp_path / "folds.json")


def test_the_fingerprint_ignores_the_order_and_nothing_else(tmp_path: Path) -> None:
    rows = read_pool(data(tmp_path, train=made(0, 6)), "single-label").rows
    assert pool_fingerprint(rows) == pool_fingerprint(rows[::-1]) != pool_fingerprint(rows[1:])


def test_rows_that_changed_and_folds_that_are_not_there_are_refused(tmp_path: Path) -> None:
    config = data(tmp_path, train=made(0, 8), test=made(8, 4))
    folded = settle(tmp_path, config, Fold("fold-1", 0, ("n1",), ("n0",)))
    missing = build_config(
        {"data.train": folded.train, "data.test": folded.test, "data.folds": folded.folds, "data.fold": "fold-2"}
    )
    with pytest.raises(ConfigError, match="no fold 'fold-2'; it has fold-1"):
        load_fold(missing.data, labelled=True, seed=0)
    write(tmp_path / "test.tsv", made(8, 5))
    with pytest.raises(ConfigError, match="other rows"):
        load_fold(folded, labelled=True, seed=0)
    with pytest.raises(ConfigError, match="belong together"):
        build_config({"data.fold": "fold-1"})


def test_a_file_or_a_row_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="both hold"):
        read_pool(data(tmp_path, train=made(0, 8), test=made(0, 8)), "single-label")
    with pytest.raises(BadInputError, match="1 rows stand in several.*n7"):
        read_pool(data(tmp_path, train=made(0, 8), test=made(7, 4)), "single-label")


def test_ids_that_each_file_counts_anew_get_its_name(tmp_path: Path) -> None:
    other = [(f"n{n}", text, label) for n, (_, text, label) in enumerate(made(20, 4))]
    pool = read_pool(data(tmp_path, train=made(0, 4), test=other), "single-label")
    assert [row.id for row in pool.rows][:1] == ["train.tsv:n0"] and len({row.id for row in pool.rows}) == 8


def test_a_column_says_what_rows_belong_to(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        "".join(f'{{"text": "{WORDS}{n}", "label": "{"ab"[n % 2]}", "page": {n // 2}}}\n' for n in range(4))
    )
    config = build_config({"data.train": str(path)}).data
    assert [row.group for row in read_pool(config, "single-label", "page").rows] == ["0", "0", "1", "1"]
    with pytest.raises(BadInputError, match="no column 'url'"):
        read_pool(config, "single-label", "url")
    path.write_text(path.read_text() + f'{{"text": "{WORDS}", "label": "a", "page": null}}\n')
    with pytest.raises(BadInputError, match="no value in column 'page'"):
        read_pool(config, "single-label", "page")
