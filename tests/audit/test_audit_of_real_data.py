"""On public sets the audit finds what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from amharic_tl.audit.material import Material
from amharic_tl.audit.reading import read_material
from amharic_tl.audit.whole import findings_of, run_checks
from amharic_tl.config import build_config
from amharic_tl.records.findings import Finding


def read(data_dir: Path, files: Sequence[str], against: Sequence[str] = (), **leaves: object) -> Material:
    paths = [str(data_dir / name) for name in (*files, *against)]
    absent = [path for path in paths if not Path(path).is_file()]
    if absent:
        pytest.skip(f"needs {', '.join(absent)}")
    given = {name.replace("__", "."): value for name, value in leaves.items()}
    return read_material(build_config(given), paths[: len(files)], paths[len(files) :], given=given)


def found(material: Material, name: str) -> dict[str, Finding]:
    def no_tokenizer(path: str) -> object:
        raise AssertionError(path)

    checked = run_checks(material, no_tokenizer, only=[name])
    return {one.where: one for one in findings_of(checked) if one.name == name}


def test_psalms_are_a_shortcut_of_zenodo2021_hate_facebook(data_dir: Path) -> None:
    folder = "zenodo2021-hate-facebook"
    material = read(
        data_dir,
        [f"{folder}/AMHSDataTrain.txt", f"{folder}/AMHSDataTest.txt"],
        ["ethiopian-parallel/bible.amh.txt"],
        data__text="Content",
        data__label="Label",
    )
    assert [len(part.rows) for part in material.parts] == [1594, 396]
    assert {where: one.rows_in_all for where, one in found(material, "unusable-rows").items()} == {
        "AMHSDataTrain": 6,
        "AMHSDataTest": 4,
    }
    (shortcut,) = found(material, "shortcut").values()
    assert shortcut.severity == "error" and "length in characters" in shortcut.sentence
    passages = found(material, "label-by-passage")
    assert {one.where.rpartition(", ")[2] for one in passages.values()} == {"መልካም"}
    assert min(one.rows_in_all for one in passages.values()) >= 29, "at least 104 of train and 29 of test, as counted"
    assert max(one.rows_in_all for one in passages.values()) >= 104
    (leak,) = found(material, "leak-across-parts").values()
    assert leak.rows_in_all >= 6


def test_labels_of_afrisenti_shift(data_dir: Path) -> None:
    material = read(data_dir, [f"afrisenti/{split}.tsv" for split in ("train", "dev", "test")], data__text="tweet")
    shifts = found(material, "label-shift")
    assert list(shifts) == ["train / test"] and shifts["train / test"].severity == "error"
    assert shifts["train / test"].figure == pytest.approx(0.41, abs=0.01)


def test_two_tracks_of_ethioemo_hold_the_same_texts(data_dir: Path) -> None:
    material = read(
        data_dir,
        [f"ethioemo/{split}.csv" for split in ("train", "dev", "test")],
        [f"ethioemo/{split}_intensity.csv" for split in ("train", "test")],
        task__problem="multi-label",
        data__label="anger,disgust,fear,joy,sadness,surprise",
    )
    leaks = found(material, "leak-against")
    assert leaks["test / train_intensity.csv"].rows_in_all == pytest.approx(1045, abs=3)
    assert leaks["train / test_intensity.csv"].rows_in_all == pytest.approx(1040, abs=5)


def test_documents_of_masakhanews_stand_in_dev_and_test(data_dir: Path) -> None:
    material = read(
        data_dir,
        ["masakhanews/train_50shot.tsv", "masakhanews/dev.tsv", "masakhanews/test.tsv"],
        data__label="category",
    )
    leaks = {where: one.rows_in_all for where, one in found(material, "leak-across-parts").items()}
    assert leaks == {"train_50shot / dev": 3, "train_50shot / test": 3, "dev / test": 10}


def test_sentences_of_masakhaner_stand_in_its_news_text(data_dir: Path) -> None:
    material = read(
        data_dir,
        [f"masakhaner/{split}.txt" for split in ("train", "dev", "test")],
        ["masakhaner-news-text/amharic_news.txt"],
    )
    assert material.problem == "tags", "CoNLL files are found out"
    leaks = {where.partition(" / ")[0]: one.figure for where, one in found(material, "leak-against").items()}
    assert leaks["train"] >= 1749 / 1750 and leaks["dev"] == leaks["test"] == 1
