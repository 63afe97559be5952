"""Generation beyond parity: padding, ends, streams, compilation, refusals, beams, encoders."""

from __future__ import annotations

import itertools
import json
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from reference_checkpoints import MODELS, Checkpoint, prompts_of

import amharic_tl as atl
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import AmharicTLError, BadInputError, ConfigError
from amharic_tl.models import HFConfig
from amharic_tl.models.decoder import Decoder

CONFIG = {
    "model_type": "gemma2",
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "sliding_window": 3,
    "initializer_range": 0.4,
    "tie_word_embeddings": False,
    "eos_token_id": 39,
    "pad_token_id": 0,
}
LEFT = np.asarray([[0, 0, 5, 6, 7], [8, 9, 10, 11, 12], [0, 0, 0, 0, 13]])
RIGHT = np.asarray([[5, 6, 7, 0, 0], [8, 9, 10, 11, 12], [13, 0, 0, 0, 0]])
LANGUAGE_MODELS = [found for found in MODELS if found.model.name in ("llama-gqa-lm", "v5-gemma2-lm")]
TRANSLATORS = [found for found in MODELS if found.model.name in ("mbart-seq2seq", "v5-umt5-seq2seq", "v5-m2m100-nllb")]


@pytest.fixture(scope="module")
def model() -> Any:
    return atl.from_config(CONFIG, "causal-lm", seed=1)


@pytest.fixture(scope="module")
def continued(model: Any) -> np.ndarray:
    return atl.generate(model, LEFT, attention_mask=LEFT != 0, max_new_tokens=6, eos_token_id=[])[:, 5:]


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever a decoder is traced."""
    calls: list[int] = []
    decode = Decoder.decode

    def counted(self: Decoder, *arguments: Any, **named: Any) -> Any:
        calls.append(1)
        return decode(self, *arguments, **named)

    monkeypatch.setattr(Decoder, "decode", counted)
    return calls


def test_every_token_is_the_likeliest_after_those_before(model: Any, continued: np.ndarray) -> None:
    tokens = np.concatenate([LEFT, continued], axis=1)
    mask = np.concatenate([LEFT != 0, np.ones_like(continued)], axis=1)
    logits = model(jnp.asarray(tokens), attention_mask=jnp.asarray(mask, jnp.int32)).logits
    np.testing.assert_array_equal(np.asarray(logits)[:, 4:-1].argmax(axis=-1), continued)


def test_padding_lies_on_either_side_and_changes_nothing(model: Any, continued: np.ndarray) -> None:
    right = atl.generate(model, RIGHT, attention_mask=RIGHT != 0, max_new_tokens=6, eos_token_id=[])
    np.testing.assert_array_equal(right[:, :5], RIGHT)
    np.testing.assert_array_equal(right[:, 5:], continued)
    for prompt, row in zip(LEFT, continued, strict=True):
        alone = atl.generate(model, prompt[prompt != 0][None], max_new_tokens=6, eos_token_id=[])
        np.testing.assert_array_equal(alone[0, -6:], row)


def test_rows_end_by_themselves_and_the_batch_when_all_have(model: Any, continued: np.ndarray) -> None:
    ends = [int(row[1]) for row in continued]
    some = atl.generate(model, LEFT, attention_mask=LEFT != 0, max_new_tokens=6, eos_token_id=ends, pad_token_id=0)
    first = [next(i for i, token in enumerate(row) if token in ends) for row in continued]
    assert some.shape == (3, 5 + 1 + max(first)) and max(first) < 5
    for row, full, end in zip(some[:, 5:], continued, first, strict=True):
        np.testing.assert_array_equal(row[: end + 1], full[: end + 1])
        assert not row[end + 1 :].any()


def test_ends_come_from_the_generation_config_and_without_one_from_the_config(
    model: Any, continued: np.ndarray, tmp_path: Path
) -> None:
    end = int(continued[1, 0])
    changed = atl.from_config({**CONFIG, "eos_token_id": end}, "causal-lm", seed=1)
    prompt = LEFT[1:2]
    assert atl.generate(changed, prompt).shape == (1, 6)
    atl.save_pretrained(changed, tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [39, int(continued[1, 1])]}))
    loaded = atl.from_pretrained(str(tmp_path), "causal-lm")
    assert atl.generate(loaded, prompt, max_new_tokens=6).shape == (1, 7)
    assert atl.generate(loaded, prompt, max_new_tokens=6, eos_token_id=[]).shape == (1, 11)
    atl.save_pretrained(loaded, tmp_path / "again")
    assert atl.from_pretrained(str(tmp_path / "again")).generation_config == loaded.generation_config


def test_a_second_call_of_the_same_shapes_does_not_trace_again(model: Any, traced: list[int]) -> None:
    def call(number: int, **settings: Any) -> None:
        ids = np.random.default_rng(number).integers(1, 39, (2, 9))
        atl.generate(model, ids, max_new_tokens=3, **settings)

    for kinds in (
        lambda seed: {},
        lambda seed: {"temperature": 0.5 + seed, "top_p": 0.5 + seed / 4, "top_k": 5, "seed": seed},
        lambda seed: {"repetition_penalty": 1.5 + seed, "eos_token_id": [seed], "forced_eos_token_id": seed + 3},
        lambda seed: {"num_beams": 2, "length_penalty": 0.5 + seed, "pad_token_id": seed},
    ):
        call(0, **kinds(0))
        assert traced
        traced.clear()
        call(1, **kinds(1))
        assert not traced


@pytest.mark.parametrize("settings", [{}, {"top_k": 4, "seed": 5, "repetition_penalty": 1.3}])
def test_a_stream_gives_the_same_tokens_column_by_column(model: Any, settings: dict[str, Any]) -> None:
    mask = LEFT != 0
    whole = atl.generate(model, LEFT, attention_mask=mask, max_new_tokens=6, **settings)[:, 5:]
    columns = list(atl.stream_tokens(model, LEFT, attention_mask=mask, max_new_tokens=6, **settings))
    np.testing.assert_array_equal(np.stack(columns, axis=1), whole)
    end = int(whole[0, 0])
    assert len(list(atl.stream_tokens(model, LEFT[:1], attention_mask=mask[:1], eos_token_id=end, **settings))) == 1


def test_drawn_tokens_follow_the_seed(model: Any, continued: np.ndarray) -> None:
    def drawn(seed: int, **settings: Any) -> np.ndarray:
        settings = {"do_sample": True, "eos_token_id": [], "max_new_tokens": 6, **settings}
        return atl.generate(model, LEFT, attention_mask=LEFT != 0, seed=seed, **settings)[:, 5:]

    np.testing.assert_array_equal(drawn(1), drawn(1))
    assert (drawn(1) != drawn(2)).any()
    np.testing.assert_array_equal(drawn(1, top_k=1), continued)
    np.testing.assert_array_equal(drawn(1, top_p=1e-6), continued)


def test_a_regrouped_or_sharded_model_generates_the_same(continued: np.ndarray, tmp_path: Path) -> None:
    model = atl.from_config(CONFIG, "causal-lm", seed=1)
    atl.save_pretrained(model, tmp_path)
    settings = {"attention_mask": LEFT != 0, "max_new_tokens": 6, "eos_token_id": []}
    model.blocks.regroup([0, 1, 1, 0])
    np.testing.assert_array_equal(atl.generate(model, LEFT, **settings)[:, 5:], continued)
    mesh = make_mesh(2, 2, 2)
    sharded = atl.from_pretrained(str(tmp_path), "causal-lm", mesh=mesh)
    with jax.set_mesh(mesh):
        np.testing.assert_array_equal(atl.generate(sharded, LEFT, **settings)[:, 5:], continued)


def test_the_repetition_penalty_counts_prompt_and_continuation_but_no_padding(model: Any) -> None:
    settings = {"repetition_penalty": 1e6, "eos_token_id": [], "max_new_tokens": 8}
    rows = atl.generate(model, LEFT, attention_mask=LEFT != 0, **settings)
    for prompt, row in zip(LEFT, rows, strict=True):
        tokens = row[(prompt == 0).sum() :].tolist()
        assert len(set(tokens)) == len(tokens)
        alone = atl.generate(model, prompt[prompt != 0][None], **settings)
        np.testing.assert_array_equal(alone[0], tokens)


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"max_new_token": 3}, ConfigError, "max_new_tokens"),
        ({"max_new_tokens": 0}, ConfigError, "max_new_tokens"),
        ({"temperature": 0.0}, ConfigError, "temperature"),
        ({"temperature": float("nan")}, ConfigError, "temperature"),
        ({"top_p": 1.5}, ConfigError, "top_p"),
        ({"top_k": 2.5}, ConfigError, "top_k"),
        ({"top_k": 2, "do_sample": False}, ConfigError, "do_sample"),
        ({"num_beams": 2, "temperature": 0.5}, ConfigError, "num_beams"),
        ({"length_penalty": 2.0}, ConfigError, "num_beams"),
        ({"early_stopping": "sometimes", "num_beams": 2}, ConfigError, "early_stopping"),
        ({"seed": -1}, ConfigError, "seed"),
        ({"eos_token_id": 40}, BadInputError, "eos_token_id"),
        ({"pad_token_id": -1}, BadInputError, "pad_token_id"),
        ({"attention_mask": np.ones((3, 4))}, BadInputError, "attention_mask"),
        ({"attention_mask": LEFT == 5}, BadInputError, "row 1"),
    ],
)
def test_wrong_settings_are_refused(
    model: Any, settings: dict[str, Any], error: type[AmharicTLError], said: str
) -> None:
    for function in (atl.generate, atl.stream_tokens):
        with pytest.raises(error, match=said):
            function(model, LEFT, **settings)


def test_wrong_inputs_and_models_are_refused(model: Any) -> None:
    for ids in (
        np.zeros((2, 0), int),
        np.zeros(3, int),
        np.zeros((1, 2)),
        np.asarray([[1, 40]]),
        np.asarray([[-1, 4]]),
    ):
        with pytest.raises(BadInputError, match="input_ids"):
            atl.generate(model, ids)
    with pytest.raises(ConfigError, match="sequence-classification"):
        atl.generate(atl.from_config(CONFIG, "sequence-classification"), LEFT)
    with pytest.raises(ConfigError, match="beam"):
        atl.stream_tokens(model, LEFT, num_beams=2)
    short = nnx.clone(model)
    short.max_positions = 10
    assert atl.generate(short, LEFT, max_new_tokens=6, eos_token_id=[]).shape == (3, 11)
    with pytest.raises(BadInputError, match="11 positions"):
        atl.generate(short, LEFT, max_new_tokens=7)


@cache
def _both(checkpoint: Checkpoint) -> tuple[Any, Any]:
    """The model of torch and ours."""
    transformers = pytest.importorskip("transformers")
    oracle = getattr(transformers, checkpoint.manifest()["torch_class"])
    return oracle.from_pretrained(checkpoint.folder, attn_implementation="eager").eval(), checkpoint.load()


def _equals_torch(checkpoint: Checkpoint, settings: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    (oracle, model), reference = _both(checkpoint), checkpoint.reference()
    prompts = prompts_of(reference)
    # Tokens that greedy generation meets early: so that beams do end.
    shown = prompts["input_ids"].shape[1] if checkpoint.task == "causal-lm" else 1
    generated = reference["generated"][:, shown:]
    many = sorted({int(token) for token in generated[:, 1:4].reshape(-1)})
    for ends in ([int(generated[0, 2])] * len(many), many):  # as many, so that both are one programme
        given = {**settings, "eos_token_id": ends, "pad_token_id": 3, "max_new_tokens": 9}
        theirs = oracle.generate(**{name: torch.tensor(array) for name, array in prompts.items()}, **given)
        np.testing.assert_array_equal(atl.generate(model, **prompts, **given), theirs.numpy())


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"num_beams": 3, "early_stopping": True},
        {"num_beams": 3, "early_stopping": "never", "length_penalty": 2.0},
        {"num_beams": 3, "early_stopping": "never", "length_penalty": -1.0},
        {"num_beams": 4, "length_penalty": 0.0, "forced_eos_token_id": 9},
        {"num_beams": 2, "repetition_penalty": 1.7},
        {"num_beams": 1, "repetition_penalty": 1.7, "forced_eos_token_id": 9},
    ],
    ids=str,
)
@pytest.mark.parametrize("checkpoint", LANGUAGE_MODELS, ids=lambda found: found.model.name)
def test_beams_and_penalties_equal_those_of_torch(checkpoint: Checkpoint, settings: dict[str, Any]) -> None:
    _equals_torch(checkpoint, settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{"num_beams": 3}, {"num_beams": 2, "forced_bos_token_id": 7, "repetition_penalty": 1.7}], ids=str
)
@pytest.mark.parametrize("checkpoint", TRANSLATORS, ids=lambda found: found.model.name)
def test_beams_of_encoder_decoders_equal_those_of_torch(checkpoint: Checkpoint, settings: dict[str, Any]) -> None:
    _equals_torch(checkpoint, settings)


class Summing(nnx.Module):
    """An encoder-decoder whose scores depend on all that its encoder and its decoder were given, and on where."""

    vocabulary = 5

    def __init__(self) -> None:
        self.table = nnx.Param(jax.random.normal(jax.random.key(3), (11, 11, self.vocabulary)))
        self.task, self.compute_dtype, self.max_positions = "seq2seq-lm", "float32", 20
        self.hf_config = HFConfig({"vocab_size": self.vocabulary, "decoder_start_token_id": 4, "eos_token_id": 1})
        self.generation_config = HFConfig()

    def encode(self, input_ids: jax.Array, attention_mask: jax.Array) -> jax.Array:
        return (input_ids * attention_mask)[..., None]

    def cross_cache(self, encoder_hidden_BSH: jax.Array) -> dict[str, jax.Array]:
        return {"ids": encoder_hidden_BSH[None, ..., 0]}

    def empty_cache(self, batch: int, length: int, dtype: Any) -> dict[str, jax.Array]:
        return {"ids": jnp.zeros((1, batch, length), jnp.int32)}

    def decode(
        self,
        input_ids_BS: jax.Array,
        cache: dict[str, jax.Array],
        *,
        start: jax.Array,
        key_mask_BT: jax.Array,
        positions_BS: jax.Array,
        cross: dict[str, jax.Array],
        encoder_mask_BS: jax.Array,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        ids = jax.lax.dynamic_update_slice_in_dim(cache["ids"][0], input_ids_BS, start, axis=1)
        seen = (ids * key_mask_BT * (jnp.arange(ids.shape[1]) + 1)).sum(axis=1) + positions_BS[:, -1]
        read = (cross["ids"][0] * encoder_mask_BS).sum(axis=1)
        return self.table[...][read % 11, seen % 11][:, None], {"ids": ids[None]}

    def scores(self, source: list[int], target: list[int]) -> np.ndarray:
        """Log-probabilities of the token after ``target``, computed apart."""
        seen = sum(token * (place + 1) for place, token in enumerate(target)) + len(target) - 1
        return np.asarray(jax.nn.log_softmax(self.table[...][sum(source) % 11, seen % 11]))


SOURCES = np.asarray([[3, 2, 1, 0], [4, 4, 4, 4], [1, 0, 0, 0]])


def test_an_encoder_decoder_begins_with_its_start_token() -> None:
    model = Summing()
    found = atl.generate(model, SOURCES, attention_mask=SOURCES != 0, max_new_tokens=5, eos_token_id=[])
    assert found.shape == (3, 6)
    for source, row in zip(SOURCES.tolist(), found.tolist(), strict=True):
        target = [4]
        while len(target) < 6:
            target.append(int(model.scores(source, target).argmax()))
        assert row == target
    forced = {"forced_bos_token_id": 2, "forced_eos_token_id": 3, "max_new_tokens": 4, "eos_token_id": []}
    found = atl.generate(model, SOURCES, decoder_start_token_id=0, **forced)
    assert (found[:, [0, 1, -1]] == [0, 2, 3]).all()
    model.generation_config = HFConfig({"forced_bos_token_id": 3, "bos_token_id": 2})
    assert (atl.generate(model, SOURCES, max_new_tokens=2)[:, :2] == [2, 3]).all()
    model.generation_config = HFConfig({"eos_token_id": 1})
    with pytest.raises(BadInputError, match="decoder_start_token_id"):
        atl.generate(model, SOURCES)
    with pytest.raises(BadInputError, match="positions"):
        atl.generate(model, np.ones((1, 21), int), decoder_start_token_id=4)


def test_enough_beams_find_the_most_probable_text() -> None:
    model, length = Summing(), 3
    found = atl.generate(
        model, SOURCES, max_new_tokens=length, num_beams=25, length_penalty=0.0, early_stopping="never", pad_token_id=0
    )
    for source, row in zip(SOURCES.tolist(), found.tolist(), strict=True):
        best, score = [], -np.inf
        for tokens in itertools.product(range(5), repeat=length):
            text = list(tokens[: tokens.index(1) + 1]) if 1 in tokens else list(tokens)
            total = sum(float(model.scores(source, [4, *text[:i]])[token]) for i, token in enumerate(text))
            if total > score + 1e-5:
                best, score = text, total
        assert row == [4, *best] + [0] * (found.shape[1] - 1 - len(best))
