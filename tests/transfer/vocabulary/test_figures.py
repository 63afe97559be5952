"""How texts are cut, in figures; what these warn of; ids in configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from amharic_tl.errors import BadInputError
from amharic_tl.transfer.vocabulary.figures import findings
from amharic_tl.transfer.vocabulary.measure import measure, word_script
from amharic_tl.transfer.vocabulary.pieces import bytes_of, script_of, text_of
from amharic_tl.transfer.vocabulary.serialised import Serialised
from amharic_tl.transfer.vocabulary.special_ids import ids_in, renumber


def _letters(known: str) -> Serialised:
    """A tokenizer of words cut into single letters, each with the beginning of a word as a token of its own."""
    vocabulary = {piece: place for place, piece in enumerate(["<unk>", "▁", *known, "▁ሰላም"])}
    return Serialised(
        {
            "version": "1.0",
            "added_tokens": [{"id": 0, "content": "<unk>", "single_word": False, "lstrip": False, "rstrip": False,
                              "normalized": False, "special": True}],
            "normalizer": None,
            "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "post_processor": None,
            "decoder": None,
            "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False,
                      "vocab": [[piece, -1.0 if len(piece) == 1 else -2.0] for piece in vocabulary]},
        }
    )  # fmt: skip


def test_tokens_are_counted_by_the_script_of_their_word() -> None:
    found = measure(_letters("ሀለመab1።"), ["ሰላም ab  ሀለ። 1ab", "ቀ 1"])
    # ሰላም: one token. ሀለ።: ▁ ▁ ሀ ለ ።, as two spaces stand before it. ቀ: ▁ and an unknown one.
    ethiopic = found["ethiopic"]
    assert (ethiopic["words"], ethiopic["characters"], ethiopic["tokens"], ethiopic["unknown"]) == (3, 7, 1 + 5 + 2, 1)
    assert ethiopic["tokens_per_word"] == pytest.approx(8 / 3) and ethiopic["one_token"] == pytest.approx(1 / 3)
    assert ethiopic["unknown_rate"] == pytest.approx(1 / 8) and ethiopic["words_with_unknown"] == 1
    assert (found["latin"]["words"], found["none"]["words"], found["none"]["tokens"]) == (2, 1, 2)
    assert found["all"]["tokens"] == sum(one["tokens"] for name, one in found.items() if name != "all")


def test_scripts_of_words_and_pieces() -> None:
    assert [word_script(word) for word in ("ሰላም", "house", "дом", "1997", "።", "ETVን")] == [
        "ethiopic", "latin", "other", "none", "ethiopic", "latin",
    ]  # fmt: skip
    assert script_of("ETVን", "ETVን", False) == "ethiopic"  # any Ethiopic character keeps a piece
    # The three bytes of ሰ, and its beginning, in the byte alphabet; the last byte alone says nothing.
    assert bytes_of("áĪ°") == "ሰ".encode() and text_of("Ġáī", True) == ""
    assert [script_of(piece, text_of(piece, True), True) for piece in ("áĪ°", "Ġáī", "ä½", "Ġhouse", "12")] == [
        "ethiopic", "ethiopic", "other", "latin", "none",
    ]  # fmt: skip


def _cut(tokens: float, unknown: float = 0.0) -> dict[str, Any]:
    one = {"tokens_per_word": tokens, "unknown_rate": unknown}
    return {"ethiopic": one, "latin": one, "all": one}


def _record(action: str, **more: Any) -> dict[str, Any]:
    rows = {"new": 10, "drawn": 0, "all": 1000, "norm_ratio": 1.0}
    pieces = {"ethiopic": {"before": 2000, "shared": 2000, "dropped": 0}}
    return {
        "action": action, "before": _cut(2.0), "after": _cut(2.0), "rows": rows, "pieces": pieces, "next": "amharic-tl",
        "initialise": "subword-mean", "text_split_otherwise": 0, **more,
    }  # fmt: skip


def _names(record: Mapping[str, Any]) -> dict[str, str]:
    return {found.name: found.severity for found in findings(record)}


def test_a_grown_vocabulary_asks_for_pretraining_and_for_little_else() -> None:
    assert _names(_record("extend")) == {"pretrain-first": "warning"}
    rows = {"new": 100, "drawn": 80, "all": 1000, "norm_ratio": 0.3}
    few = {"ethiopic": {"before": 30, "shared": 30, "dropped": 0}}
    assert set(_names(_record("replace", rows=rows, pieces=few))) == {
        "pretrain-first", "random-rows", "norms-differ", "few-shared",
    }  # fmt: skip
    assert "few-shared" in _names(_record("extend", pieces=few, initialise="focus"))


def test_a_trimmed_vocabulary_warns_where_amharic_is_cut_worse() -> None:
    assert _names(_record("trim")) == {"ethiopic-kept": "info"}
    dropped = {"ethiopic": {"before": 2000, "shared": 1900, "dropped": 100}}
    found = _names(_record("trim", pieces=dropped, after=_cut(2.1), text_split_otherwise=3))
    assert found == {"ethiopic-dropped": "error", "cut-worse": found["cut-worse"], "text-cut-otherwise": "info"}
    worse = [(one.where, one.severity) for one in findings(_record("trim", after=_cut(2.1))) if one.name == "cut-worse"]
    assert worse == [("ethiopic", "warning"), ("latin", "info")]


def test_what_cuts_amharic_to_pieces_or_does_not_know_it_is_named() -> None:
    found = _names({**_record("audit"), "before": _cut(11.9, 0.02), "after": None})
    assert found == {"unknown-tokens": "warning", "many-tokens": "warning"}
    assert _names({**_record("audit"), "before": {"latin": _cut(1.0)["latin"]}, "after": None}) == {
        "no-ethiopic": "warning"
    }


def test_ids_in_configs_go_with_their_tokens() -> None:
    config = {
        "pad_token_id": 1, "eos_token_id": [2, 7], "vocab_size": 9, "forced_bos_token_id": None, "hidden_size": 7,
        "suppress_tokens": [-1, 7], "lang_code_to_id": {"amh_Ethi": 8},
    }  # fmt: skip
    assert ids_in(config) == {1, 2, 7, 8}
    assert renumber(config, {1: 1, 2: 0, 7: 3, 8: 4}, "config.json") == {
        "pad_token_id": 1, "eos_token_id": [0, 3], "vocab_size": 9, "forced_bos_token_id": None, "hidden_size": 7,
        "suppress_tokens": [-1, 3], "lang_code_to_id": {"amh_Ethi": 4},
    }  # fmt: skip
    with pytest.raises(BadInputError, match="eos_token_id is 7"):
        renumber(config, {1: 1, 2: 0}, "config.json")
