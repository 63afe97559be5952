"""The penalty: its value, its cost, devices, accumulation, and what it does to a model."""

from __future__ import annotations

import csv
import itertools
import random
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.config import build_config
from amharic_tl.distributed.mesh import make_mesh, put_batch
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.run import Run, assemble
from amharic_tl.safety.penalties import LogitPairing
from amharic_tl.training.flops import count_flops

Overrides = dict[str, object]
GROUPS = ("ዳሉሚ", "ፈልጎራ", "ጊሼኖ", "ቃሉሪ")
WORDS = ("ባለ", "ቦሎ", "ታመ", "ቶሞ", "ካነ", "ኮኖ", "ዳረ", "ዶሮ", "ጋሰ", "ጎሶ", "ፋቀ", "ፎቆ")


def write_biased(path: Path, count: int, seed: int, bias: float) -> None:
    """Rows that name an invented group; the first group's are "harm" with probability ``bias``, others' half."""
    generator = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(count):
            group = generator.choice(GROUPS)
            harm = generator.random() < (bias if group == GROUPS[0] else 0.5)
            words = generator.choices(WORDS, k=generator.randint(3, 8))
            words.insert(generator.randrange(len(words)), group)
            writer.writerow([" ".join(words), "harm" if harm else "fine"])


@pytest.fixture(scope="module")
def biased_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("biased")
    for number, (name, count) in enumerate((("train", 400), ("validation", 160), ("test", 160))):
        write_biased(folder / f"{name}.csv", count, number, 0.95)
    return folder


@pytest.fixture
def biased(tiny_overrides: Overrides, biased_files: Path, small_base: Path) -> Overrides:
    files = {f"data.{split}": str(biased_files / f"{split}.csv") for split in ("train", "validation", "test")}
    return {
        **tiny_overrides,
        **files,
        "model.path": str(small_base),
        "data.max_length": 32,
        "safety.axes": "ethnicity",
        "safety.pack": "demo",
        "safety.positive_labels": "harm",
    }


def test_the_value_is_the_mean_distance_over_classes_and_valid_pairs() -> None:
    logits = jnp.asarray([[1.0, 2.0], [3.0, 1.0], [0.0, 0.0], [9.0, 9.0]])  # rows: x1 x1' x2 x2'
    batch = {"pair_weights": jnp.asarray([1.0, 0.0]), "pair_input_ids": jnp.zeros((2, 2, 5), jnp.int32)}
    batch["pair_attention_mask"] = batch["pair_input_ids"]
    term = LogitPairing(1.0)
    part = SimpleNamespace(batch=batch, run=lambda inputs: SimpleNamespace(logits=logits))
    assert float(term.value(part)) == pytest.approx((2.0 + 1.0) / 2)
    assert term.model_inputs(batch)["input_ids"].shape == (4, 5)


def test_a_constant_predictor_has_the_value_zero() -> None:
    batch = {"pair_weights": jnp.ones(2), "pair_input_ids": jnp.zeros((2, 2, 5), jnp.int32)}
    batch["pair_attention_mask"] = batch["pair_input_ids"]
    part = SimpleNamespace(batch=batch, run=lambda inputs: SimpleNamespace(logits=jnp.ones((4, 3))))
    assert float(LogitPairing(1.0).value(part)) == 0.0


def _steps(run: Run, count: int) -> tuple[list[dict[str, float]], object]:
    """The first ``count`` batches of the first one's shapes: every other shape would be compiled for itself."""
    batches = (run.prepared.train[index] for index in range(len(run.prepared.train)))
    first = run.prepared.train[0]
    alike = (b for b in batches if all(b[name].shape == first[name].shape for name in first))
    state, found = run.steps.state, []
    for batch in itertools.islice(alike, count):
        state, metrics = run.steps.train(state, put_batch(batch, run.mesh))
        found.append({name: float(value) for name, value in metrics.items()})
    assert len(found) == count
    return found, state


def test_weight_zero_costs_nothing(biased: Overrides) -> None:
    plain = {name: value for name, value in biased.items() if not name.startswith("safety.")}
    mesh = make_mesh(1, 1, 1, jax.devices()[:1])
    programs = []
    for overrides in (plain, biased):
        run = assemble(build_config(overrides), mesh)
        batch = run.prepared.train[0]
        assert not [name for name in batch if name.startswith("pair_")]
        programs.append(str(jax.make_jaxpr(run.steps.train)(run.steps.state, batch)))
    assert programs[0] == programs[1]


def test_on_it_costs_the_forward_passes_that_it_declares(biased: Overrides) -> None:
    """Per token of a pair as much as per token of a row: an extra forward and backward pass, and nothing beside it."""
    mesh = make_mesh(1, 1, 1, jax.devices()[:1])
    flops, tokens = [], []
    for weight in (0.0, 1.0):
        extra = {"safety.penalties.logit_pairing.weight": weight, "safety.penalties.logit_pairing.pairs": 8}
        run = assemble(build_config({**biased, **extra}), mesh)
        batch = run.prepared.train[0]
        flops.append(count_flops(run.steps.train, run.steps.state, batch))
        tokens.append(sum(batch[name].size for name in ("input_ids", "pair_input_ids") if name in batch))
    assert tokens[1] > tokens[0]
    assert (flops[1] - flops[0]) / (tokens[1] - tokens[0]) == pytest.approx(flops[0] / tokens[0], rel=0.1)


@pytest.mark.slow
def test_one_device_and_eight_give_the_same_values(biased: Overrides) -> None:
    config = build_config({**biased, "safety.penalties.logit_pairing.weight": 2.0})
    one, _ = _steps(assemble(config, make_mesh(1, 1, 1, jax.devices()[:1])), 4)
    many, _ = _steps(assemble(config, make_mesh(2, 2, 2)), 4)
    for name in ("loss", "penalty/logit_pairing", "grad_norm"):
        np.testing.assert_allclose([m[name] for m in many], [m[name] for m in one], atol=1e-4, rtol=1e-4)
    assert min(metrics["penalty/logit_pairing"] for metrics in one) > 0


def test_accumulation_equals_the_whole_batch(biased: Overrides) -> None:
    base = {**biased, "safety.penalties.logit_pairing.weight": 2.0, "model.dropout": 0.0}
    mesh = make_mesh(1, 1, 1, jax.devices()[:1])
    whole, _ = _steps(assemble(build_config(base), mesh), 3)
    parts, _ = _steps(assemble(build_config({**base, "train.microbatch": 4}), mesh), 3)
    for name in ("loss", "penalty/logit_pairing", "grad_norm"):
        np.testing.assert_allclose([m[name] for m in parts], [m[name] for m in whole], rtol=1e-4)


def test_pairs_must_fit_devices_and_microbatches(biased: Overrides) -> None:
    on = {**biased, "safety.penalties.logit_pairing.weight": 1.0, "safety.penalties.logit_pairing.pairs": 6}
    with pytest.raises(ConfigError, match="choose a multiple of 8"):
        assemble(build_config(on), make_mesh(8, 1, 1))
    with pytest.raises(ConfigError, match="6 cannot be divided over the 4"):
        build_config({**on, "train.batch_size": 16, "train.microbatch": 4})


def test_nothing_to_exchange_is_refused(biased: Overrides, tiny_files: Path) -> None:
    files = {f"data.{split}": str(tiny_files / f"{split}.csv") for split in ("train", "validation", "test")}
    on = {**biased, **files, "safety.positive_labels": "ሀ", "safety.penalties.logit_pairing.weight": 1.0}
    with pytest.raises(BadInputError, match="no training row names a person or people"):
        assemble(build_config(on), make_mesh(1, 1, 1, jax.devices()[:1]))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"safety.positive_labels": "harmful"}, "no label harmful; its labels are fine, harm"),
        ({"safety.positive_labels": "harm,fine"}, "names every label"),
        ({"safety.axes": "height"}, "has no axis 'height'"),
        ({"safety.held_out_groups": "nobody"}, "has nobody"),
        ({"safety.pack": "klingon"}, "no culture pack 'klingon'"),
    ],
)
def test_wrong_names_are_refused(biased: Overrides, change: Overrides, said: str) -> None:
    from amharic_tl.errors import AmharicTLError

    with pytest.raises(AmharicTLError, match=said):
        assemble(build_config({**biased, **change}), make_mesh(1, 1, 1, jax.devices()[:1]))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"safety.positive_labels": "harm"}, "safety.positive_labels is set, but config.safety.axes is none"),
        ({"safety.penalties.logit_pairing.weight": 1.0}, "needs config.safety.axes"),
        ({"safety.axes": "ethnicity"}, "say which labels count as harm"),
        ({"task.kind": "token-classification", "safety.axes": "ethnicity"}, "has no safety signals"),
        ({"safety.penalties.logit_pairing.weight": -1}, "expected at least 0"),
    ],
)
def test_leaves_that_do_not_fit_together(overrides: Overrides, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build_config(overrides)
