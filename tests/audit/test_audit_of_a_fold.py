"""A config that names a fold is audited as that fold: the rows its run trains on and is scored by."""

from __future__ import annotations

from pathlib import Path

import pytest

from amharic_tl.audit.reading import read_material
from amharic_tl.config import build_config
from amharic_tl.data.folds import Fold, Folds, pool_fingerprint, read_pool, write_folds
from amharic_tl.errors import ConfigError
from tests.audit.clean import rows


def test_a_fold_is_audited_as_its_run_reads_it(tmp_path: Path) -> None:
    lines = [f"{row.id}\t{row.text}\t{row.label}\n" for row in rows("all", 40, seed=0)]
    (tmp_path / "all.tsv").write_text("id\ttext\tlabel\n" + "".join(lines), encoding="utf-8")
    leaves = {"data.train": str(tmp_path / "all.tsv")}
    pool = read_pool(build_config(leaves).data, "single-label")
    ids = [row.id for row in pool.rows]
    fold = Fold("fold-1", 0, tuple(ids[:8]), tuple(ids[8:12]), tuple(ids[12:14]))
    clusters = {identity: number for number, identity in enumerate(ids)}
    write_folds(tmp_path / "folds.json", Folds({}, pool_fingerprint(pool.rows), 40, (fold,), clusters))
    config = build_config({**leaves, "data.folds": str(tmp_path / "folds.json"), "data.fold": "fold-1"})
    found = read_material(config, against=[str(tmp_path / "all.tsv")], show_words=True)
    sizes = {part.name: len(part.rows) for part in found.parts}
    assert sizes == {"train": 26, "validation": 4, "test": 8} and found.labels == ["ሀ", "ለ"]
    assert len(found.against[0].rows) == 40 and found.show_words and "fold fold-1" in found.notes[0]
    with pytest.raises(ConfigError, match="--by"):
        read_material(config, by=["label"])
