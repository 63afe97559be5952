"""Whole changes of real checkpoints: Hugging Face loads them, and old tokens mean what they meant."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from sentencepiece import SentencePieceProcessor

import amharic_tl as atl
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.errors import BadInputError, CannotCreateError, ConfigError
from amharic_tl.models.interchange.locate import read_config, read_generation_config
from amharic_tl.reports.vocabulary_page import summary, write_vocabulary_page
from amharic_tl.transfer.vocabulary.gate import check_pretrained
from amharic_tl.transfer.vocabulary.job import Wanted, run
from amharic_tl.transfer.vocabulary.sentencepiece_file import find_file
from amharic_tl.transfer.vocabulary.serialised import serialised
from tests.transfer.vocabulary.making import ENGLISH, sentences


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join([*sentences(120), *ENGLISH * 5]) + "\n", encoding="utf-8")
    return str(path)


def _wanted(action: Any, folder: Path, text: str, **more: Any) -> Wanted:
    return Wanted(action, str(folder), (text,), **more)


def _check_same(source: Path, made: Path, origin: Sequence[int], ids: Sequence[int] = ()) -> None:
    """Whether tokens of ``made`` are those of ``source`` that ``origin`` says: in all tables bit for bit, and given
    ``ids`` in what a masked language model answers to them.
    """
    before, after = (load_file(folder / "model.safetensors") for folder in (source, made))
    assert before.keys() == after.keys()
    for name, table in before.items():
        changed = [one != other for one, other in zip(table.shape, after[name].shape, strict=True)]
        for axis in np.flatnonzero(changed):
            kept = np.take(after[name], range(len(origin)), axis)
            assert np.array_equal(kept, np.take(table, origin, axis)), name
        assert any(changed) or np.array_equal(table, after[name]), name
    if ids:
        mask = np.ones((1, len(ids)), np.int32)
        wanted, found = (
            np.asarray(atl.from_pretrained(str(folder), "masked-lm")(np.asarray([each]), attention_mask=mask).logits[0])
            for folder, each in ((source, [origin[place] for place in ids]), (made, ids))
        )
        np.testing.assert_allclose(found[:, : len(origin)], wanted[:, origin], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("checkpoint", ["xlmr-mlm", "mt5-gated-untied", "gpt2-lm"])
def test_an_extended_model_says_of_old_tokens_what_it_said(
    checkpoints_dir: Path, checkpoint: str, text: str, tmp_path: Path
) -> None:
    source, made = checkpoints_dir / checkpoint / "safetensors", tmp_path / "made"
    record = run(_wanted("extend", source, text, size=50), made)
    old, new = load_tokenizer(source), load_tokenizer(made)
    assert all(new.convert_tokens_to_ids(token) == place for token, place in old.get_vocab().items())
    assert new.all_special_ids == old.all_special_ids
    assert record["after"]["ethiopic"]["tokens_per_word"] < record["before"]["ethiopic"]["tokens_per_word"]
    assert record["after"]["latin"] == record["before"]["latin"]
    built = serialised(new, "made").build()
    for line in [*sentences(5, seed=9), *ENGLISH]:
        assert new(line)["input_ids"] == built.encode(line).ids
    rows = read_config(made)["vocab_size"]
    assert rows >= len(new) and read_config(made).get("pad_token_id") == read_config(source).get("pad_token_id")
    assert new(ENGLISH[1])["input_ids"] == old(ENGLISH[1])["input_ids"]
    ids = old(ENGLISH[1])["input_ids"][:24] if checkpoint == "xlmr-mlm" else ()
    _check_same(source, made, range(len(old.get_vocab())), ids)
    assert (find_file(made) is None) == (find_file(source) is None)


@pytest.mark.parametrize("checkpoint", ["xlmr-mlm", "v5-m2m100-nllb", "mbart-seq2seq"])
def test_a_trimmed_model_says_the_same_by_other_ids(
    checkpoints_dir: Path, checkpoint: str, text: str, tmp_path: Path
) -> None:
    source, made = checkpoints_dir / checkpoint / "safetensors", tmp_path / "made"
    record = run(_wanted("trim", source, text), made)
    assert record["text_split_otherwise"] == 0 and record["rows"]["new"] == 0
    assert record["rows"]["all"] < record["rows"]["before"]
    assert record["before"]["ethiopic"] == record["after"]["ethiopic"]
    assert {found["name"] for found in record["findings"]} >= {"ethiopic-kept"}
    old, new = load_tokenizer(source), load_tokenizer(made)
    origin = [old.convert_tokens_to_ids(token) for token in new.convert_ids_to_tokens(list(range(len(new))))]
    line = sentences(1)[0]
    ids = new(line)["input_ids"][:24]
    assert [origin[place] for place in ids] == old(line)["input_ids"][:24]
    _check_same(source, made, origin)
    for read in (read_config, read_generation_config):
        was, now = read(source), read(made)
        for key in (key for key in now if key.endswith("_token_id")):
            assert origin[now[key]] == was[key], key


def test_a_replaced_vocabulary_with_bert_in_the_other_form_too(
    checkpoints_dir: Path, text: str, tmp_path: Path
) -> None:
    source, made = checkpoints_dir / "bert-mlm" / "safetensors", tmp_path / "made"
    run(_wanted("replace", source, text, size=300, initialise="random", without_pretraining=True), made)
    new = load_tokenizer(made)
    named = (made / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert named == [new.convert_ids_to_tokens(place) for place in range(len(named))]
    check_pretrained(made, "sequence-classification")  # nobody waits: --without-pretraining
    assert atl.from_pretrained(str(made), "masked-lm").load_report.newly_initialised == ()


@pytest.fixture(scope="module")
def extended(tiny_base: Path, text: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made") / "extended"
    run(_wanted("extend", tiny_base, text, size=30), made)
    return made


def test_a_task_waits_until_new_rows_are_pretrained(extended: Path) -> None:
    for kind, objective in (("masked-lm", ""), ("causal-lm", ""), ("seq2seq-lm", "span-corruption")):
        check_pretrained(extended, kind, objective)
    for kind in ("sequence-classification", "token-classification", "seq2seq-lm"):
        with pytest.raises(ConfigError, match="amharic-tl train --config mlm --config.model.path="):
            check_pretrained(extended, kind, "text-to-text")


def test_a_run_asks_the_gate(extended: Path, tiny_files: Path, tmp_path: Path) -> None:
    from amharic_tl.config import build_config
    from amharic_tl.run.assembly import assemble
    from tests.tiny import overrides

    with pytest.raises(ConfigError, match="not trained yet"):
        assemble(build_config(overrides(extended, tiny_files)))


def test_the_page_shows_every_figure_and_no_text(extended: Path) -> None:
    page = write_vocabulary_page(extended).read_text(encoding="utf-8")
    record = json.loads((extended / "vocabulary.json").read_text(encoding="utf-8"))
    for one in (record["before"], record["after"]):
        assert f"{one['ethiopic']['tokens_per_word']:.3f}" in page
    assert all(found["name"] in page for found in record["findings"])
    words = {word.strip("።") for sentence in sentences(120) for word in sentence.split()}
    assert not any(word in page for word in words)
    assert record["next"] in summary(record, extended)[-1]


def test_an_audit_writes_figures_alone(tiny_base: Path, text: str, tmp_path: Path) -> None:
    record = run(_wanted("audit", tiny_base, text), tmp_path / "made")
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["vocabulary.json"]
    write_vocabulary_page(tmp_path / "made")
    assert record["before"]["latin"]["unknown_rate"] > 0.5  # the tiny base has seen no Latin letter
    assert summary(record, tmp_path)


def test_nothing_is_overwritten_and_a_failure_leaves_nothing(
    tiny_base: Path, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine").write_text("kept")
    with pytest.raises(CannotCreateError, match="not empty"):
        run(_wanted("extend", tiny_base, text), there)
    assert [path.name for path in there.iterdir()] == ["mine"]

    def fail(*_: object, **__: object) -> None:
        raise BadInputError("on purpose")

    monkeypatch.setattr("amharic_tl.transfer.vocabulary.job.write_tokenizer", fail)
    with pytest.raises(BadInputError, match="on purpose"):
        run(_wanted("extend", tiny_base, text, size=10), tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]


def test_a_model_with_nothing_but_a_sentencepiece_file(checkpoints_dir: Path, text: str, tmp_path: Path) -> None:
    source, made = tmp_path / "source", tmp_path / "made"
    source.mkdir()
    for name in ("config.json", "model.safetensors", "sentencepiece.bpe.model"):
        shutil.copyfile(checkpoints_dir / "xlmr-mlm" / "safetensors" / name, source / name)
    record = run(_wanted("extend", source, text, size=40), made)
    old, new = load_tokenizer(source), load_tokenizer(made)
    assert (made / "tokenizer.json").is_file() and new.mask_token_id == old.mask_token_id == 272
    assert any("<mask>" in note for note in record["notes"])  # whose id the file alone cannot say
    pieces = SentencePieceProcessor(model_file=str(made / "sentencepiece.bpe.model"))
    for line in sentences(3, seed=5):  # fairseq's ids are one more than those of the file
        assert [place + 1 for place in pieces.encode(line)] == new(line, add_special_tokens=False)["input_ids"]


def test_a_padding_token_that_positions_count_from_stays(checkpoints_dir: Path, text: str, tmp_path: Path) -> None:
    source = checkpoints_dir / "roberta-mlm" / "safetensors"
    run(_wanted("replace", source, text, size=400), tmp_path / "made")
    assert load_tokenizer(tmp_path / "made").pad_token_id == load_tokenizer(source).pad_token_id == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"size": 0}, "--size"),
        ({"initialise": "zeros"}, "--initialise"),
        ({"text": ()}, "--text"),
        ({"script": "x"}, "any"),
    ],
)
def test_wrong_wishes_are_refused_before_anything_is_read(changes: dict[str, Any], named: str, tmp_path: Path) -> None:
    settings = {"action": "extend", "model": "nowhere/at-all", "text": ("none.txt",), **changes}
    with pytest.raises(ConfigError, match=named):
        run(Wanted(**settings), tmp_path / "made")
