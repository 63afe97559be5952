"""Extending, trimming and replacing tokenizers of every kind."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.transfer.vocabulary.extend import extend
from amharic_tl.transfer.vocabulary.replace import replace
from amharic_tl.transfer.vocabulary.serialised import Serialised, serialised
from amharic_tl.transfer.vocabulary.trim import trim
from amharic_tl.transfer.vocabulary.unigram import learn_unigram, on_old_scale
from tests.transfer.vocabulary.making import ENGLISH, KINDS, sentences, tokenizer_of

LEARNED, HELD_OUT = sentences(150), sentences(40, seed=1)
# Scripts that the little tokenizers have never seen, and what stands beside words.
OTHERS = [*ENGLISH, "другой дом 12", "一条河 a house", "naïve <mask> house <extra>"]


def _ids(tokenizer: Serialised, text: str) -> list[int]:
    return list(tokenizer.build().encode(text).ids)


def _tokens(tokenizer: Serialised, texts: list[str]) -> int:
    return sum(len(one) for one in tokenizer.build().encode_batch(texts))


@pytest.mark.parametrize("kind", KINDS)
def test_an_extension_cuts_amharic_less_and_everything_else_as_before(kind: str) -> None:
    old = tokenizer_of(kind)
    change = extend(old, LEARNED, 60)
    new, built = change.tokenizer, change.tokenizer.build()
    assert len(change.origin) == len(old.tokens) + 60
    assert {token: built.token_to_id(token) for token in old.ids} == old.ids
    assert _tokens(new, HELD_OUT) < 0.85 * _tokens(old, HELD_OUT)
    assert [_ids(new, text) for text in OTHERS] == [_ids(old, text) for text in OTHERS]
    used = {place for text in LEARNED for place in _ids(new, text)}
    added = np.flatnonzero(change.origin < 0)
    assert len(used & set(added.tolist())) > 0.5 * len(added)  # the rest are steps on the way to longer pieces
    assert "".join(built.decode(_ids(new, HELD_OUT[0])).split()) == "".join(HELD_OUT[0].split())


def test_letters_that_a_tokenizer_does_not_know_come_first() -> None:
    old = tokenizer_of("bpe")
    text = "ጠቅላላ ጸጥታ፤ ጨረቃ ፲፪ " * 3
    assert old.ids["<unk>"] in _ids(old, text)
    assert old.ids["<unk>"] not in _ids(extend(old, [text], 30).tokenizer, text)


def test_new_pieces_of_a_unigram_do_not_outbid_old_ones_by_scale_alone() -> None:
    old = {f"p{place}": -12.0 - place for place in range(20)}
    learned = {**{f"p{place}": -8.0 - place for place in range(20)}, "new": -7.0}
    assert on_old_scale(learned, old)["new"] == -11.0  # what both have is 4 less likely there
    few = on_old_scale({"p0": -3.0, "new": -9.0}, old)
    assert few == {"p0": -25.0, "new": -31.0}  # the least likely of both are set equal
    assert on_old_scale({"p0": -20.0, "new": -40.0}, old)["new"] == -40.0  # and nothing is made likelier


def test_the_same_text_gives_the_same_unigram_in_any_order() -> None:
    words = {f"▁{word}": place + 2 for place, word in enumerate(set(" ".join(LEARNED[:30]).split()))}
    again = dict(sorted(words.items()))
    assert learn_unigram(words, 90) == learn_unigram(again, 90)


def test_a_text_without_the_script_teaches_nothing() -> None:
    with pytest.raises(BadInputError, match="nothing to learn"):
        extend(tokenizer_of("bpe"), ENGLISH, 10)
    assert len(extend(tokenizer_of("bpe"), ["stonehouses and riverhouses"] * 3, 3, "any").origin) > len(
        tokenizer_of("bpe").tokens
    )


@pytest.mark.parametrize("kind", KINDS)
def test_trimming_cuts_the_text_exactly_as_before(kind: str) -> None:
    old = extend(tokenizer_of(kind), LEARNED, 60).tokenizer
    texts = [*LEARNED[:60], *ENGLISH[:1]]
    change = trim(old, texts)
    assert 20 < len(change.origin) < len(old.tokens)
    for text in [*texts, "<mask> the"]:
        assert [int(change.origin[place]) for place in _ids(change.tokenizer, text)] == _ids(old, text)
    kept = change.tokenizer.ids
    assert {token for token in old.ids if old.script(token) in ("ethiopic", "none") or token in old.fixed} <= set(kept)
    built = change.tokenizer.build()
    assert all(built.token_to_id(token) == place for token, place in kept.items())
    assert all(old.ids[token] == change.origin[place] for token, place in kept.items())


@pytest.mark.parametrize("kind", ["byte-level", "wordpiece", "unigram"])
def test_by_counts_alone_ethiopic_pieces_go_too(kind: str) -> None:
    old = tokenizer_of(kind)
    dropped = {
        script: old.scripts().get(script, 0) - trim(old, ENGLISH, counts).tokenizer.scripts().get(script, 0)
        for script, counts in (("ethiopic", 1), ("latin", 100))
    }
    assert dropped["ethiopic"] == 0 < dropped["latin"]
    assert trim(old, ENGLISH, counts_alone=True).tokenizer.scripts().get("ethiopic", 0) < old.scripts()["ethiopic"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_replacement_is_of_the_same_kind_and_keeps_what_both_have(kind: str) -> None:
    old = tokenizer_of(kind)
    size = len(old.fixed) + 90
    change = replace(old, LEARNED, size)
    new, built = change.tokenizer, change.tokenizer.build()
    assert size - 5 <= len(change.origin) <= size
    assert new.kind == old.kind and set(old.fixed & old.ids.keys()) <= set(new.ids)
    assert [new.ids[token] for token in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    for place, token in enumerate(new.tokens):
        assert built.token_to_id(token) == place
        assert change.origin[place] == old.ids.get(str(token), -1)
    assert _tokens(new, HELD_OUT) < _tokens(old, HELD_OUT)
    ids = _ids(new, HELD_OUT[0])
    assert (ids[0], ids[-1]) == (new.ids["<s>"], new.ids["<extra>"])


def test_a_replacement_needs_room_for_pieces() -> None:
    with pytest.raises(ConfigError, match="special ones"):
        replace(tokenizer_of("byte-level"), LEARNED, 200)


@pytest.mark.parametrize(("kind", "named"), [("WordLevel", "whole words"), (None, "bytes")])
def test_what_has_no_pieces_is_refused_with_the_reason(kind: str | None, named: str) -> None:
    class Backend:
        def to_str(self) -> str:
            return json.dumps({"model": {"type": kind}})

    class Other:
        backend_tokenizer: Any = Backend() if kind else None

    with pytest.raises(BadInputError, match=named):
        serialised(Other(), "somewhere")
