"""Hugging Face's own numbers, for every variant of every checkpoint of the families that are built."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import amharic_tl as atl
from amharic_tl.models.registry import FAMILIES

SHARED = Path(__file__).parents[3] / "shared" / "checkpoints"
TASKS = {"ForMaskedLM": "masked-lm", "ForSequenceClassification": "sequence-classification", "Model": None}


def _task(config: dict) -> str | None:
    return next(task for ending, task in TASKS.items() if config["architectures"][0].endswith(ending))


def _variants() -> list[Path]:
    found = []
    for path in sorted(SHARED.glob("*/*/config.json")):
        config = json.loads(path.read_text())
        known = config["model_type"] in FAMILIES and any(config["architectures"][0].endswith(e) for e in TASKS)
        if known and not path.parent.name.startswith("pytorch-bin"):
            found.append(path.parent)
    return found


VARIANTS = _variants()


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _reference(path: Path) -> dict[str, np.ndarray]:
    suffix = "-bf16" if path.name.endswith("-bf16") else ""
    return dict(np.load(path.parent / f"reference{suffix}.npz"))


def _inputs(reference: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    names = ("input_ids", "attention_mask", "token_type_ids")
    return {name: jnp.asarray(reference[name], jnp.int32) for name in names if name in reference}


def _loss(logits: jax.Array, labels: jax.Array) -> jax.Array:
    flat, targets = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    losses = optax.softmax_cross_entropy_with_integer_labels(flat, jnp.maximum(targets, 0))
    return jnp.sum(losses * (targets >= 0)) / jnp.sum(targets >= 0)


def test_the_known_checkpoints_were_found(shared_dir: Path) -> None:
    names = {_name(path) for path in VARIANTS}
    expected = {
        "bert-base-model/flax", "bert-mlm/flax-bf16", "bert-mlm/flax-safetensors", "bert-mlm/flax-sharded",
        "bert-mlm/safetensors-legacy-names", "bert-mlm/safetensors-sharded", "bert-seqcls/safetensors",
        "roberta-mlm/flax-sharded", "v5-bert-mlm/safetensors", "v5-xlmr-seqcls/safetensors", "xlmr-mlm/flax-chunked",
        "xlmr-seqcls/flax-sharded",
    }  # fmt: skip
    assert expected <= names


@pytest.mark.parametrize("path", VARIANTS, ids=_name)
def test_outputs_equal_those_of_hugging_face(path: Path) -> None:
    config = json.loads((path / "config.json").read_text())
    reference = _reference(path)
    model = atl.from_pretrained(str(path), _task(config), dtype="float32")
    output = model(**_inputs(reference), output_hidden_states=True)
    mask = reference["attention_mask"].astype(bool)
    compared = {
        "logits": output.logits,
        "last_hidden_state": output.last_hidden_state,
        "pooler_output": output.pooler_output,
        "hidden_states": jnp.stack(output.hidden_states),
    }
    for name in compared.keys() & reference.keys():
        expected, found = reference[name], np.asarray(compared[name])
        if name == "hidden_states":
            expected, found = expected[:, mask], found[:, mask]
        elif expected.ndim == 3:
            expected, found = expected[mask], found[mask]
        tolerance = max(1e-4, 1e-5 * float(np.abs(expected).max()))
        assert np.abs(expected - found).max() <= tolerance, name
    if "loss" in reference:
        assert abs(float(_loss(output.logits, jnp.asarray(reference["labels"]))) - float(reference["loss"])) <= 1e-4
    assert model.load_report.newly_initialised == ()


def _training_variants() -> list[Path]:
    return [path for path in VARIANTS if (path.parent / "train_reference.json").exists() and path.name in ("safetensors", "flax")]


@pytest.mark.parametrize("path", _training_variants(), ids=_name)
def test_gradients_and_training_losses_equal_those_of_torch(path: Path) -> None:
    config = json.loads((path / "config.json").read_text())
    expected = json.loads((path.parent / "train_reference.json").read_text())
    reference = _reference(path)
    model = atl.from_pretrained(str(path), _task(config), dtype="float32")
    graphdef, parameters = nnx.split(model)
    inputs, labels = _inputs(reference), jnp.asarray(reference["labels"])

    @jax.jit
    def loss_and_gradients(parameters: nnx.State) -> tuple[jax.Array, nnx.State]:
        def loss(parameters: nnx.State) -> jax.Array:
            return _loss(nnx.merge(graphdef, parameters, copy=True)(**inputs).logits, labels)

        return jax.value_and_grad(loss)(parameters)

    first, gradients = loss_and_gradients(parameters)
    assert abs(float(first) - expected["loss"]) <= 1e-4
    total = float(optax.global_norm(gradients))
    assert abs(total - expected["total_grad_norm"]) <= 1e-3 * expected["total_grad_norm"]
    norms = {name: float(jnp.linalg.norm(view.value())) for name, view in atl.named_parameters(gradients).items()}
    for name, norm in expected["grad_norms"].items():
        if name in norms:
            assert abs(norms[name] - norm) <= 1e-3 * norm + 1e-6 * total, name
    assert set(norms) <= set(expected["grad_norms"])

    optimizers = {
        "sgd": optax.sgd(0.05),
        "adamw": optax.adamw(1e-3, b1=0.9, b2=0.999, eps=1e-8, weight_decay=0.01),
    }
    stored = {kind: next(value for key, value in expected.items() if kind in key.lower()) for kind in optimizers}
    for kind, optimizer in optimizers.items():
        current, state, losses = parameters, optimizer.init(parameters), []
        for _ in stored[kind]:
            value, gradients = loss_and_gradients(current)
            losses.append(float(value))
            updates, state = optimizer.update(gradients, state, current)
            current = optax.apply_updates(current, updates)
        np.testing.assert_allclose(losses, stored[kind], rtol=2e-4, atol=1e-4, err_msg=kind)


@pytest.mark.parametrize("path", [p for p in VARIANTS if p.name == "safetensors"], ids=_name)
def test_names_and_shapes_are_those_of_the_torch_state_dict(path: Path) -> None:
    manifest = json.loads((path.parent / "manifest.json").read_text())["torch_params"]
    views = atl.named_parameters(atl.from_pretrained(str(path), _task(json.loads((path / "config.json").read_text()))))
    assert {name: list(view.shape) for name, view in views.items()} == {
        name: shape for name, (shape, _) in manifest.items() if name in views
    }
    aliases = set(manifest) - set(views)
    assert all("decoder" in name or "position_ids" in name for name in aliases)


@pytest.mark.parametrize("path", [p for p in VARIANTS if p.name == "flax"], ids=_name)
def test_an_export_has_the_flax_names_of_hugging_face(path: Path, tmp_path: Path) -> None:
    from flax import serialization

    def flat(tree: dict, prefix: str = "") -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for key, value in tree.items():
            found |= flat(value, f"{prefix}{key}/") if isinstance(value, dict) else {prefix + key: value}
        return found

    model = atl.from_pretrained(str(path), _task(json.loads((path / "config.json").read_text())))
    atl.save_pretrained(model, tmp_path, format="flax")
    ours = flat(serialization.msgpack_restore((tmp_path / "flax_model.msgpack").read_bytes()))
    theirs = flat(serialization.msgpack_restore((path / "flax_model.msgpack").read_bytes()))
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array)


@pytest.mark.parametrize("path", [p for p in VARIANTS if p.name in ("safetensors", "flax-bf16")], ids=_name)
@pytest.mark.parametrize("format", ["safetensors", "flax"])
@pytest.mark.parametrize("limit", [5_000_000_000, 60_000])
def test_an_export_loads_back_identically(path: Path, format: str, limit: int, tmp_path: Path) -> None:
    task = _task(json.loads((path / "config.json").read_text()))
    model = atl.from_pretrained(str(path), task)
    atl.save_pretrained(model, tmp_path, format=format, max_shard_bytes=limit)
    assert (len(list(tmp_path.glob("*.index.json"))) == 1) == (limit < 1_000_000)
    back = atl.named_parameters(atl.from_pretrained(str(tmp_path), task))
    for name, view in atl.named_parameters(model).items():
        assert back[name].dtype == view.dtype
        np.testing.assert_array_equal(np.asarray(back[name].value()), np.asarray(view.value()))


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in VARIANTS if p.name == "safetensors"], ids=_name)
def test_an_export_loads_in_the_torch_class(path: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch, the oracle, is not installed")
    import transformers

    config = json.loads((path / "config.json").read_text())
    model = atl.from_pretrained(str(path), _task(config))
    atl.save_pretrained(model, tmp_path)
    theirs = getattr(transformers, config["architectures"][0]).from_pretrained(tmp_path, attn_implementation="eager").eval()
    reference = _reference(path)
    inputs = {name: torch.tensor(np.asarray(value), dtype=torch.long) for name, value in _inputs(reference).items()}
    with torch.no_grad():
        output = theirs(**inputs)
    name = "logits" if "logits" in reference else "pooler_output"
    found, expected = output[name].numpy(), reference[name]
    if found.ndim == 3:
        mask = reference["attention_mask"].astype(bool)
        found, expected = found[mask], expected[mask]
    assert np.abs(found - expected).max() <= max(1e-4, 1e-5 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in VARIANTS if p.name == "safetensors" and p.parent.name in ("bert-mlm", "xlmr-seqcls")], ids=_name)
def test_bfloat16_is_as_near_as_torchs_own(path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch, the oracle, is not installed")
    import transformers

    config = json.loads((path / "config.json").read_text())
    reference = _reference(path)
    kind = getattr(transformers, config["architectures"][0])
    theirs = kind.from_pretrained(path, attn_implementation="eager", dtype=torch.bfloat16).eval()
    inputs = _inputs(reference)
    with torch.no_grad():
        logits = theirs(**{n: torch.tensor(np.asarray(v), dtype=torch.long) for n, v in inputs.items()}).logits.float().numpy()
    ours = atl.from_pretrained(str(path), _task(config), dtype="bfloat16", compute_dtype="bfloat16")
    found = np.asarray(ours(**inputs).logits, np.float32)
    expected = reference["logits"]
    if expected.ndim == 3:
        mask = reference["attention_mask"].astype(bool)
        found, logits, expected = found[mask], logits[mask], expected[mask]

    def error(values: np.ndarray) -> float:
        return float(np.linalg.norm(values - expected) / np.linalg.norm(expected))

    assert error(found) <= 1.25 * error(logits)
