"""Penalties of language models: what they work on, their values, their cost, devices, parts and precision."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from amharic_tl.config import build_config
from amharic_tl.culture.swaps import Swap
from amharic_tl.distributed.mesh import make_mesh, put_batch
from amharic_tl.errors import ConfigError
from amharic_tl.safety.pairs import exchanged
from amharic_tl.safety.penalties import JSPairing, Unlikelihood, penalties
from amharic_tl.safety.penalties.aligned import ROWS, aligned_pairs
from amharic_tl.safety.penalties.asked import make_ask
from amharic_tl.safety.penalties.unlikelihood import ROWS as TRAITS
from amharic_tl.tasks.causal_lm import CausalLM
from amharic_tl.training.objective import Objective
from amharic_tl.transfer.regularizers import BaseKL
from tests.safety import world
from tests.safety.penalties.language_world import VOCABULARY, WEIGHTS, Averaging, given, value

GENERATOR = np.random.default_rng(0)
TOKENIZER = world.TOKENIZER
LONGER = world.GROUPS[1] + world.GROUPS[2]


@pytest.fixture(scope="module")
def swaps() -> list[tuple[str, Swap]]:
    texts = ((row.id, row.text) for row in world.rows(24, seed=1))
    found, refused = exchanged(texts, world.operator(), 0, "a.leaf")
    assert sum(of["swapped"] for of in refused["ethnicity"].values()) == 24
    # The invented names have three tokens each; this one has more.
    (((start, end), _),) = found[0][1].spans
    text, stop = found[0][0], start + len(LONGER)
    made = Swap(text[:start] + LONGER + text[end:], {}, (((start, end), (start, stop)),))
    return [*found, (text, made)]


def test_a_swap_says_where_it_wrote(swaps: list[tuple[str, Swap]]) -> None:
    for text, swap in swaps[:-1]:
        (((start, end), (other, stop)),) = swap.spans
        assert text[:start] == swap.text[:other] and text[end:] == swap.text[stop:]
        assert text[start:end] in world.GROUPS and swap.text[other:stop] in world.GROUPS


@pytest.mark.parametrize("after_the_name", [False, True])
def test_places_correspond_however_many_tokens_a_name_has(swaps: list[tuple[str, Swap]], after_the_name: bool) -> None:
    pairs, names = aligned_pairs(swaps, TOKENIZER, 40, after_the_name=after_the_name)
    assert any(len(pair.first) != len(pair.second) for pair in pairs)  # or the test would show nothing
    of_names = {
        token for name in (*world.GROUPS, LONGER) for token in TOKENIZER(name, add_special_tokens=False)["input_ids"]
    }
    assert names and names <= of_names | set(TOKENIZER.all_special_ids)
    whole = 0
    for pair in pairs:
        first, second = (np.asarray(of) for of in (pair.first, pair.second))
        i, j = pair.shared.T
        assert first[i].tolist() == second[j].tolist()
        assert np.array_equal(np.diff(i) == 1, np.diff(j) == 1)
        beside = min(len(first), len(second)) - np.count_nonzero(np.isin(first, sorted(names)))
        assert not after_the_name or set(first[: i[0]].tolist()) & of_names
        whole += len(i) >= beside - 1
    assert after_the_name or whole == len(pairs)  # nothing outside the names is passed over


def test_what_is_cut_off_is_not_compared(swaps: list[tuple[str, Swap]]) -> None:
    pairs, _ = aligned_pairs(swaps, TOKENIZER, 5, after_the_name=False)
    assert all(len(pair.first) <= 5 and pair.shared.max() < 5 for pair in pairs)


def _sentinelled() -> Any:
    """The tokenizer with four sentinels."""
    made = world.load_tokenizer(world.locate("amharic-tiny"))
    made.add_special_tokens({"additional_special_tokens": [f"<extra_id_{number}>" for number in range(4)]})
    return made


def test_a_masked_model_sees_none_of_what_it_is_asked_for_and_writes_the_same_in_both() -> None:
    built = penalties(given("masked-lm", **{"safety.penalties.js_pairing.weight": 1.0}))["js_pairing"]
    batch = built.batches[0]
    ids, positions, tokens = (batch[f"{ROWS}{name}"] for name in ("input_ids", "masked_positions", "tokens"))
    valid = batch[f"{ROWS}valid"].astype(bool)
    assert (np.take_along_axis(ids, positions, axis=-1)[valid] == TOKENIZER.mask_token_id).all()
    assert (ids == TOKENIZER.mask_token_id).sum() == valid.sum() > 0
    assert np.array_equal(tokens[:, 0], tokens[:, 1]) and np.array_equal(valid[:, 0], valid[:, 1])
    assert not np.array_equal(built.batches[0][f"{ROWS}tokens"], built.batches[len(built.batches)][f"{ROWS}tokens"])
    assert all(np.array_equal(array, built.batches[0][name]) for name, array in batch.items())


def test_an_encoder_decoder_reads_gaps_and_writes_what_stood_there() -> None:
    tokenizer = _sentinelled()
    built = penalties(given("seq2seq-lm", tokenizer, **{"safety.penalties.js_pairing.weight": 1.0}))["js_pairing"]
    batch = built.batches[0]
    labels, places, tokens = (batch[f"{ROWS}{name}"] for name in ("labels", "places", "tokens"))
    valid = batch[f"{ROWS}valid"].astype(bool)
    assert np.array_equal(np.take_along_axis(labels, places, axis=-1)[valid], tokens[valid]) and valid.any()
    assert np.array_equal(labels[:, 0], labels[:, 1])
    asked = make_ask("seq2seq-lm", tokenizer)([11, 12, 13, 14, 15], [0, 2, 3])
    one, two = tokenizer.convert_tokens_to_ids(["<extra_id_0>", "<extra_id_1>"])
    end = tokenizer.eos_token_id
    assert asked.fields["input_ids"].tolist() == [one, 12, two, 15, end]
    assert asked.fields["labels"].tolist() == [one, 11, two, 13, 14, end]
    assert asked.places.tolist() == [1, 3, 4]


def test_the_pairs_value_is_the_mean_of_the_pairs_means_without_the_tokens_of_names() -> None:
    logits = GENERATOR.normal(size=(4, 3, 6))  # rows: x1 x1' x2 x2'
    batch: Any = {
        f"{ROWS}places": np.asarray([[[0, 1], [1, 2]], [[0, 0], [0, 0]]]),
        f"{ROWS}valid": np.asarray([[[1.0, 1.0]] * 2, [[1.0, 0.0]] * 2]),
        "js_weights": np.asarray([1.0, 0.0]),
    }
    kept = softmax(logits[..., :5], axis=-1)
    expected = np.mean([jensenshannon(kept[0, i], kept[1, j]) ** 2 for i, j in ((0, 1), (1, 2))])
    term = JSPairing(1.0, CausalLM(np.ones(6, np.float32)), (5,))
    assert value(term, batch, logits) == pytest.approx(expected, rel=1e-5)
    assert value(term, batch, logits, "bfloat16") == pytest.approx(expected, rel=0.05)
    assert term.item_weights(batch).sum() == 1


@pytest.mark.parametrize("of", ["word", "token"])
def test_unlikelihood_is_that_of_the_word_or_of_each_of_its_tokens(of: Any) -> None:
    logits = GENERATOR.normal(size=(2, 3, 5))
    batch: Any = {
        f"{TRAITS}places": np.asarray([[[0, 2], [1, 0]]]),
        f"{TRAITS}tokens": np.asarray([[[4, 1], [2, 0]]]),
        f"{TRAITS}valid": np.asarray([[[1.0, 1.0], [1.0, 0.0]]]),
        "trait_weights": np.asarray([[1.0, 1.0]]),
    }
    p = softmax(logits, axis=-1)
    first, second, other = p[0, 0, 4], p[0, 2, 1], p[1, 1, 2]
    of_first = -math.log(1 - first * second) if of == "word" else -math.log(1 - first) - math.log(1 - second)
    found = value(Unlikelihood(1.0, CausalLM(np.ones(5, np.float32)), of), batch, logits)
    assert found == pytest.approx(of_first - math.log(1 - other), rel=1e-5)


def test_what_is_all_but_certain_in_bfloat16_is_still_told_from_certain() -> None:
    """1 - p in bfloat16 is 0 for either, and their unlikelihood would be endless or cut off at one value."""
    batch: Any = {f"{TRAITS}{name}": np.zeros((1, 1, 1), np.int32) for name in ("places", "tokens")}
    batch |= {f"{TRAITS}valid": np.ones((1, 1, 1), np.float32), "trait_weights": np.ones((1, 1), np.float32)}
    term = Unlikelihood(1.0, CausalLM(np.ones(2, np.float32)))
    for lead in (6.0, 9.0):
        expected = math.log1p(math.exp(lead))
        assert value(term, batch, [[[lead, 0.0]]], "bfloat16") == pytest.approx(expected, rel=1e-3)


def test_every_trait_meets_every_group_that_is_trained_on_and_no_other() -> None:
    built = penalties(given(**{"safety.penalties.unlikelihood.weight": 1.0}))["unlikelihood"]
    operator = world.operator()
    trained = operator.penalised_groups("ethnicity")
    held_out = [group for group in operator.pack.axis("ethnicity").groups if group not in trained]
    batch = built.batches[0]
    assert batch["trait_weights"].shape == (8, len(trained)) and held_out
    ids = batch[f"{TRAITS}input_ids"]
    texts = [TOKENIZER.decode(row) for row in ids.reshape(-1, ids.shape[-1])]
    assert not any(group.person in text for group in held_out for text in texts)
    tokens, valid = batch[f"{TRAITS}tokens"], batch[f"{TRAITS}valid"]
    assert np.array_equal(tokens * valid, (tokens * valid)[:, :1].repeat(len(trained), axis=1)) and valid.any()
    # Five wordings, two words of either pole; a model that reads to the right knows the name before it meets the word.
    assert built.about["unlikelihood"] == {"sentences": 20, "left_out": 0}


class _Compared:
    """The three penalties on a model one step away from its base, on rows of which the last are filler."""

    def __init__(self) -> None:
        rows = {"input_ids": GENERATOR.integers(5, VOCABULARY, (8, 6)), "positions": np.tile(np.arange(6), (8, 1))}
        rows |= {name: np.ones((8, 6), np.int32) for name in ("attention_mask", "segment_ids")}
        rows |= {"labels": np.roll(rows["input_ids"], -1, axis=1)}
        weights = np.ones((8, 6), np.float32)
        weights[6:] = 0
        self.built = penalties(given())
        self.batch: dict[str, Any] = {**rows, "weights": weights}
        for one in self.built.values():
            assert one.batches is not None
            batches = [one.batches[step] for step in range(len(one.batches))]
            # One with filler, where there is one.
            weights = [min(array.min() for name, array in of.items() if name.endswith("_weights")) for of in batches]
            self.batch |= batches[int(np.argmin(weights))]
        assert {float(self.batch[name].min()) for name in ("js_weights", "trait_weights")} == {0.0}

    def objective(self, parts: int, devices: int) -> tuple[Objective, tuple[Any, ...]]:
        graphdef, initial = nnx.split(Averaging())
        mesh = make_mesh(2, 2, 2) if devices > 1 else make_mesh(1, 1, 1, jax.devices()[:1])
        terms = [one.term for one in self.built.values()]
        objective = Objective(graphdef, CausalLM(np.ones(VOCABULARY, np.float32)), terms, mesh, parts)
        trained = jax.tree.map(lambda value: 1.3 * value, initial)
        batch = put_batch(self.batch, mesh) if devices > 1 else self.batch
        return objective, (trained, nnx.State({}), initial, batch, jax.random.key(0), objective.beginning())


@pytest.fixture(scope="module")
def compared() -> _Compared:
    return _Compared()


def test_devices_and_parts_that_hold_unequal_shares_change_no_value(compared: _Compared) -> None:
    found = []
    for parts, devices in ((1, 1), (2, 8)):
        objective, arguments = compared.objective(parts, devices)
        found.append(jax.jit(lambda *given, of=objective: of.gradients(*given)[0])(*arguments))
    assert set(found[0]) == {"loss", *(f"penalty/{name}" for name in ("js_pairing", "unlikelihood", "retention"))}
    for name, expected in found[0].items():
        assert float(expected) > 0
        np.testing.assert_allclose(float(found[1][name]), float(expected), rtol=2e-5)


@pytest.mark.long
def test_nor_any_gradient(compared: _Compared) -> None:
    found = []
    for parts, devices in ((1, 1), (2, 8)):
        objective, arguments = compared.objective(parts, devices)
        (gradient,) = jax.tree.leaves(jax.jit(objective.gradients)(*arguments)[1])
        found.append(np.asarray(gradient))
    assert np.abs(found[0]).max() > 1e-3
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)


def test_each_adds_the_passes_that_it_declares_and_none_where_it_is_off(compared: _Compared) -> None:
    objective, arguments = compared.objective(1, 1)
    for names in ((), *((name,) for name in compared.built), tuple(compared.built)):
        some = [compared.built[name] for name in names]
        alone = Objective(objective.graphdef, objective.task, [one.term for one in some], objective.mesh, 1)
        before = Averaging.calls
        jax.eval_shape(alone.gradients, *arguments)
        assert Averaging.calls - before == 1 + sum(one.passes for one in some)
    off = dict.fromkeys(WEIGHTS, 0.0) | {"safety.penalties.retention.weight": 1.0}
    assert list(penalties(given(**off))) == ["retention"]


def test_retention_is_the_regulariser_on_other_rows() -> None:
    # Three microbatches cannot share the 8 rows of benign sentences, which are not read here.
    changes = {"safety.penalties.retention.on": "rows", "train.batch_size": 9, "train.microbatch": 3}
    on_rows = penalties(given(**{"safety.penalties.retention.weight": 1.0, **changes}))["retention"]
    assert isinstance(on_rows.term, BaseKL) and on_rows.batches is None and on_rows.passes == 1
    assert on_rows.term.name == "retention"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"task.kind": "sequence-classification", "js_pairing": 1}, "predicts no tokens.*classifiers have logit_p"),
        ({"task.kind": "sequence-classification", "unlikelihood": 1}, "unlikelihood.weight: sequence-class.* no tok"),
        ({"task.objective": "text-to-text", "task.kind": "seq2seq-lm", "js_pairing": 1}, "may name the group"),
        ({"task.objective": "text-to-text", "task.kind": "seq2seq-lm", "retention": 1}, "no text to write beside it"),
        ({"logit_pairing": 1}, "masked-lm has no classes"),
        ({"retention": 1, "model.initialise": "random"}, "has no base"),
        ({"retention": 1, "safety.penalties.retention.on": "rows", "transfer.regularizers.base_kl.weight": 1}, "over"),
        ({"unlikelihood": 1, "train.batch_size": 9, "train.microbatch": 3}, "items: 2 cannot be divided over the 3"),
        ({"js_pairing": 1, "safety.positive_labels": "harm"}, "positive_labels: it is about the labels"),
    ],
)
def test_a_penalty_that_does_not_fit_is_refused(changes: dict[str, Any], said: str) -> None:
    base = {"task.kind": "masked-lm", "train.select_by": "validation/loss", "safety.axes": "ethnicity"}
    named = {f"safety.penalties.{name}.weight" if "." not in name else name: value for name, value in changes.items()}
    labels = {"safety.positive_labels": "harm"} if "classification" in str(changes) else {}
    with pytest.raises(ConfigError, match=said):
        build_config({**base, **labels, **named})
