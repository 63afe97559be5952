"""Sequestered banks: known by their sum, shown once to the finished model, every touch written down."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amharic_tl.config import build_config
from amharic_tl.culture.sequestered import check_bank, named_bank
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError
from amharic_tl.run.sequestered import banks_of, score_banks
from amharic_tl.safety.fairness.sequestered import bank_figures
from tests.safety import world

ENDS = ("መጣ", "ሄደ", "በላ", "ጠጣ", "ተኛ", "ሮጠ", "ዘፈነ", "ሳቀ", "ጻፈ")


def write_bank(path: Path, axis: str = "ethnicity") -> str:
    """Nine harmless sentences; gives what a config says."""
    about = "drafted_by: person\n    source: made for a test\n    reviewers: []\n    status: draft\n"
    items = [
        f'  - id: {axis}.bank.{n}\n    axis: {axis}\n    text: "ጎረቤቴ {{person}} ነው፤ ትናንት {end}።"\n    {about}'
        for n, end in enumerate(ENDS)
    ]
    path.write_text("items:\n" + "".join(items), encoding="utf-8")
    return f"{path}:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_a_bank_is_scored_by_group_and_its_touch_is_written_first(tmp_path: Path) -> None:
    named = write_bank(tmp_path / "bank.yaml")
    watch = world.monitor(world.rows(20, seed=0), sequestered=(named,), minimum_n=9)
    events: list[tuple[int, str, dict[str, Any]]] = []

    def predict(source: Any) -> np.ndarray:
        assert events  # before the model sees anything
        texts = [world.TOKENIZER.decode(ids, skip_special_tokens=True) for ids in source.ids]
        return world.probabilities(world.prejudiced, texts)

    (bank,) = score_banks(watch, predict, 7, lambda step, name, **about: events.append((step, name, about)))
    assert events == [
        (7, "sequestered_bank", {"file": "bank.yaml", "sha256": named[-64:], "why": "final score"}),
    ]
    flagged = {one["group"]: one["flagged"] for one in bank["figures"]}
    assert flagged.pop("dalumi") == 1.0 and set(flagged.values()) == {0.0} and len(flagged) >= 3
    assert all(one["n"] == 9 and one["low"] < one["high"] for one in bank["figures"])
    assert bank["unreviewed"] and not any(end in str(bank) for end in ENDS)


def test_another_file_is_refused_and_so_are_a_missing_one_and_a_wrong_name(tmp_path: Path) -> None:
    named = write_bank(tmp_path / "bank.yaml")
    bank = named_bank(named)
    assert bank is not None
    (tmp_path / "bank.yaml").write_text("items: []\n", encoding="utf-8")
    with pytest.raises(BadInputError, match="not the bank that was named"):
        check_bank(bank)
    with pytest.raises(MissingInputError, match=r"no file .*gone.yaml"):
        banks_of(world.monitor(world.rows(4, seed=0), sequestered=(f"{tmp_path}/gone.yaml:{'0' * 64}",)))
    base = {"safety.axes": "ethnicity", "safety.pack": "demo", "safety.positive_labels": "harm"}
    with pytest.raises(ConfigError, match="expected FILE:SHA256"):
        build_config({**base, "safety.sequestered": "bank.yaml"})
    with pytest.raises(ConfigError, match="safety.axes is none"):
        build_config({"safety.sequestered": named})
    strange = write_bank(tmp_path / "strange.yaml", axis="height")
    watch = world.monitor(world.rows(4, seed=0), sequestered=(strange,))
    with pytest.raises(BadInputError, match="no axis 'height'"):
        score_banks(watch, lambda source: np.zeros((0, 2)), 1, lambda *_, **__: None)


def test_a_group_of_few_sentences_is_insufficient() -> None:
    figures = bank_figures([("x", "a", "1")] * 9 + [("x", "b", "2")] * 7, np.zeros(16, bool), 2)
    assert [(one["group"], one["state"], one["flagged"]) for one in figures] == [
        ("a", "ok", 0.0),
        ("b", "insufficient", None),
    ]
