"""Which bases are rejected before anything is computed with them, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from amharic_tl.config import Config, build_config
from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.models import outline
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.studies.select_base.gates.architecture import task_fit
from amharic_tl.studies.select_base.gates.gate import rejections, waive
from amharic_tl.studies.select_base.gates.judge import judge
from amharic_tl.studies.select_base.gates.licence import licence_gate
from amharic_tl.studies.select_base.gates.memory import GIB, Memory, estimate, memory_gate
from amharic_tl.studies.select_base.gates.tokenizer_gates import (
    Tokenized,
    ethiopic_coverage,
    length_budget,
    tokenize,
    tokens_per_word,
    unknown_tokens,
)
from amharic_tl.studies.select_base.request import Base, Request, bytes_of, without_test
from amharic_tl.studies.select_base.task_data import read_task

ENGLISH = ["the capital of the country is a large city", "there are many people in the city", "what is the time"]
AMHARIC = ["አዲስ አበባ የኢትዮጵያ ዋና ከተማ ናት", "ዛሬ ሐሙስ ነው፣ ነገ ደግሞ ዓርብ ይሆናል", "ሰላም ለሁሉም"]


def wrapped(tokenizer: Tokenizer, **special: str) -> Any:
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def english_bert() -> Any:
    """As of an English BERT, or mBERT: word pieces, in which a letter that training did not see is unknown."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        ENGLISH, trainers.WordPieceTrainer(vocab_size=120, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return wrapped(tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")


def english_bytes() -> Any:
    """As of GPT-2 or Llama-3: bytes, of which an Ethiopic letter has three."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(ENGLISH, trainer)
    return wrapped(tokenizer, pad_token="<end>", eos_token="<end>")


def homophones_made_one() -> Any:
    """An Amharic tokenizer that writes letters of one sound as one: nothing is unknown, and words are changed."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace("ሐ", "ሀ"), normalizers.Replace("ዓ", "አ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<pad>", "<unk>"]
    tokenizer.train_from_iterator(
        AMHARIC, trainers.BpeTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    )
    return wrapped(tokenizer, pad_token="<pad>", unk_token="<unk>")


def verdicts(tokenizer: Any, texts: list[str] = AMHARIC) -> dict[str, str]:
    found = tokenize(tokenizer, texts)
    gates = [unknown_tokens(found), tokens_per_word(found), ethiopic_coverage(tokenizer, texts)]
    return {gate.name: gate.verdict for gate in gates}


def test_an_english_bert_is_rejected_for_what_it_loses() -> None:
    found = verdicts(english_bert())
    assert found["unknown-tokens"] == "failed" and found["ethiopic-coverage"] == "failed"
    assert "በ" not in ethiopic_coverage(english_bert(), ["ከተማ"]).sentence
    assert "ከ (U+12A8)" in ethiopic_coverage(english_bert(), ["ከተማ"]).sentence


def test_bytes_of_english_are_rejected_for_their_length_alone() -> None:
    assert verdicts(english_bytes()) == {
        "unknown-tokens": "passed",
        "tokens-per-word": "failed",
        "ethiopic-coverage": "passed",
    }


def test_letters_that_are_written_otherwise_do_not_come_back() -> None:
    found = verdicts(homophones_made_one())
    assert found == {"unknown-tokens": "passed", "tokens-per-word": "passed", "ethiopic-coverage": "failed"}


def test_the_bundled_base_passes() -> None:
    assert set(verdicts(load_tokenizer(locate("amharic-tiny")), AMHARIC * 2).values()) == {"passed"}


def test_text_without_ethiopic_has_no_coverage_to_judge() -> None:
    assert verdicts(english_bert(), ENGLISH)["ethiopic-coverage"] == "unknown"


def test_words_are_those_of_the_data_where_it_has_them() -> None:
    assert tokenize(english_bert(), ENGLISH[:1], [ENGLISH[0].split()[:4]]).words == 4
    assert tokenize(english_bert(), ["ሰላም፡ለዓለም ነው"]).words == 3


@pytest.mark.parametrize(
    ("lengths", "max_length", "positions", "long_text", "verdict"),
    [
        ([10] * 9 + [500], 16, 512, "truncate", "passed"),
        ([10] * 8 + [500] * 2, 16, 512, "truncate", "failed"),
        ([10] * 8 + [500] * 2, 16, 512, "head-tail", "failed"),
        ([10] * 8 + [500] * 2, 16, 512, "windows", "passed"),
        ([10] * 10, 128, 64, "windows", "failed"),
    ],
)
def test_nine_texts_of_ten_must_be_read_whole(
    lengths: list[int], max_length: int, positions: int, long_text: str, verdict: str
) -> None:
    import numpy as np

    found = Tokenized(np.asarray(lengths), sum(lengths), 0, 10)
    assert length_budget(found, max_length, positions, long_text).verdict == verdict


@pytest.mark.parametrize(
    ("card", "figure", "verdict"),
    [
        ("---\nlicense: apache-2.0\n---\ntext", "apache-2.0", "passed"),
        ("---\nlicense: [mit, cc-by-4.0]\n---\n", "mit, cc-by-4.0", "passed"),
        ("---\nlicense: cc-by-nc-4.0\n---\n", "cc-by-nc-4.0", "flagged"),
        ("---\nlicense: [mit, cc-by-nc-sa-4.0]\n---\n", "mit, cc-by-nc-sa-4.0", "flagged"),
        ("---\nlicense: other\nlicense_name: research-only\n---\n", "other (research-only)", "flagged"),
        ("---\nlicense: llama3.1\n---\n", "llama3.1", "flagged"),
        ("---\nlanguage: am\n---\n", "unknown", "unknown"),
        ("---\nlicense: [\n---\n", "unknown", "unknown"),
        ("no front matter, license: mit", "unknown", "unknown"),
        (None, "unknown", "unknown"),
    ],
)
def test_the_licence_is_what_the_card_says(card: str | None, figure: str, verdict: str, tmp_path: Path) -> None:
    if card is not None:
        (tmp_path / "README.md").write_text(card, encoding="utf-8")
    gate = licence_gate(tmp_path)
    assert (gate.figure, gate.verdict) == (figure, verdict)


def tiny_config(**leaves: object) -> Config:
    return build_config({"train.batch_size": 8, **leaves})


@pytest.fixture(scope="module")
def tiny() -> Any:
    return outline(read_config(locate("amharic-tiny")), "sequence-classification", labels=["a", "b"])


def test_memory_is_what_trains_and_what_is_kept_for_it(tiny: Any) -> None:
    full = estimate(tiny, tiny_config(), 32)
    assert full.parameters == full.gradients == full.optimiser // 2
    head = estimate(tiny, build_config({"train.batch_size": 8, "transfer.method": "head"}), 32)
    assert head.parameters == full.parameters and head.gradients < full.gradients / 10
    sharded = estimate(tiny, tiny_config(**{"mesh.fsdp": 2}), 32)
    assert sharded.parameters * 2 == full.parameters
    assert sharded.activations < 0.6 * full.activations


def test_activations_are_near_what_the_compiler_plans(tiny_base: Path) -> None:
    import jax
    import jax.numpy as jnp
    from flax import nnx

    model = outline(read_config(tiny_base), "sequence-classification", labels=["a", "b"])
    ours = estimate(model, tiny_config(), 32)
    parts: Any = nnx.split(model, nnx.Param, ...)
    graph, parameters, others = parts
    ids = jax.ShapeDtypeStruct((8, 32), jnp.int32)

    def loss(parameters: Any, others: Any, ids: Any, key: Any) -> Any:
        built = nnx.merge(graph, parameters, others, copy=True)
        return built(ids, attention_mask=jnp.ones_like(ids), dropout_key=key).logits.sum()

    key = jax.eval_shape(lambda: jax.random.key(0))
    planned = jax.jit(jax.grad(loss)).lower(parameters, others, ids, key).compile().memory_analysis()
    assert ours.activations == pytest.approx(planned.temp_size_in_bytes, rel=0.5)


def test_a_plan_that_does_not_fit_one_base_does_not_end_the_choice(tiny_files: Path) -> None:
    leaves = {"transfer.method": "top-layers", "transfer.trainable_layers": 24}
    config = without_test(build_config({"data.train": str(tiny_files / "test.csv"), **leaves}))
    request = Request(("amharic-tiny",), memory=GIB)
    gates = judge(Base("amharic-tiny"), config, read_task(config, request), request).gates
    memory = next(gate for gate in gates if gate.name == "memory")
    assert memory.verdict == "unknown" and "trainable_layers" in memory.sentence


def test_memory_is_judged_against_the_device() -> None:
    needed = Memory(4 * GIB, 4 * GIB, 4 * GIB, 2 * GIB)
    assert memory_gate(needed, 16 * GIB).verdict == "passed"
    assert memory_gate(needed, 15 * GIB).verdict == "failed"  # a tenth is the programme's


def test_amounts_of_memory() -> None:
    assert bytes_of("15GiB") == 15 * 2**30 and bytes_of("16 GB") == 16 * 10**9 and bytes_of("1.5MiB") == 3 * 2**19
    for wrong in ("fifteen", "15 bananas", "-1GiB", "0GiB"):
        with pytest.raises(ValueError, match="15GiB"):
            bytes_of(wrong)


def test_a_family_without_a_model_for_the_task_is_rejected() -> None:
    gate, model = task_fit(Path("x"), {"model_type": "xglm"}, "token-classification", ["O"], False)
    assert gate.verdict == "failed" and "roberta" in gate.sentence and model is None
    gate, model = task_fit(Path("x"), {"model_type": "invented"}, "sequence-classification", ["a"], False)
    assert gate.verdict == "failed" and "invented" in gate.sentence


def test_a_waived_gate_is_still_told_and_rejects_nothing() -> None:
    gates = [tokens_per_word(Tokenized(lengths=None, tokens=100, unknown=0, words=10))]  # type: ignore[arg-type]
    assert rejections(gates)
    waived = waive(gates, ["tokens-per-word"])
    assert [gate.verdict for gate in waived] == ["waived"] and not rejections(waived)
