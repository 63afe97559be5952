"""A directory of an adapter: what it stands for, and clear refusals of those that are broken or ask for more."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import amharic_tl as atl
from amharic_tl.errors import AmharicTLError, BadInputError, ConfigError, MissingInputError, UnsafeInputError
from amharic_tl.models.adapters.adapt import Adaptation, add_adapters
from amharic_tl.models.adapters.low_rank import LoraSettings
from amharic_tl.models.adapters.places import adapters_of, match_linear
from amharic_tl.models.interchange.adapter_config import read_adapter_config
from amharic_tl.models.interchange.adapter_folder import base_of, is_adapter, model_config, open_adapter
from amharic_tl.models.interchange.adapter_write import obstacle, shortest_names

LABELS = ["ሀ", "ለ", "መ"]
TASK = "sequence-classification"
QUERY = "roberta.encoder.layer.1.attention.self.query"


@pytest.fixture(scope="module")
def model(tiny_base: Path) -> Any:
    """With an adapter on two of four layers, and a head of three named classes."""
    model = atl.from_pretrained(str(tiny_base), TASK, labels=LABELS)
    names = match_linear(model, [r"layer\.[13]\..*\.(query|value)"], "targets")
    settings = {name: LoraSettings(2 if name == QUERY else 4, 8.0, "rslora", 0.25) for name in names}
    add_adapters(model, settings, jax.random.key(0), Adaptation(str(tiny_base), None, ("classifier",)))
    return model


@pytest.fixture(scope="module")
def written(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return atl.save_pretrained(model, tmp_path_factory.mktemp("adapter"), "peft")


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy to be broken."""
    shutil.copytree(written, tmp_path / "adapter")
    return tmp_path / "adapter"


def _set(folder: Path, **values: Any) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_written_adapter_stands_for_its_base_with_it(model: Any, written: Path, tiny_base: Path) -> None:
    assert is_adapter(written) and not is_adapter(tiny_base)
    assert base_of(written) == tiny_base
    again = atl.from_pretrained(str(written), TASK)
    assert again.hf_config["id2label"] == dict(zip("012", LABELS, strict=True))
    before, after = atl.named_parameters(model), atl.named_parameters(again)
    assert before.keys() == after.keys()
    for name, view in before.items():
        assert np.array_equal(np.asarray(view.value()), np.asarray(after[name].value())), name
    settings = {name: adapter.settings for name, adapter in adapters_of(again).items()}
    assert settings == {name: adapter.settings for name, adapter in adapters_of(model).items()}
    assert again.adaptation == model.adaptation
    assert again.encoder.spans == model.encoder.spans == [(0,), (1,), (2,), (3,)]


def test_classes_are_counted_where_nobody_names_them(folder: Path) -> None:
    """PEFT writes no config.json."""
    (folder / "config.json").unlink()
    found = model_config(folder)
    assert list(found["id2label"].values()) == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert found["architectures"] == ["RobertaForSequenceClassification"]


def test_merged_and_flax_exports_know_no_adapters(model: Any, tmp_path: Path) -> None:
    atl.save_pretrained(model, tmp_path)
    assert not any("lora" in name for name in load_file(tmp_path / "model.safetensors"))
    assert not is_adapter(tmp_path)
    with pytest.raises(ConfigError, match="holds a whole model"):
        atl.save_pretrained(model, tmp_path, "peft")


def test_a_model_without_adapters_has_none_to_write(tiny_base: Path, tmp_path: Path) -> None:
    plain = atl.from_pretrained(str(tiny_base), "masked-lm")
    with pytest.raises(ConfigError, match="the model has no adapters"):
        atl.save_pretrained(plain, tmp_path, "peft")
    names = match_linear(plain, ["query"], "targets")
    about = Adaptation(None, None, ("roberta.embeddings",))
    add_adapters(plain, dict.fromkeys(names, LoraSettings(2, 2.0, "lora")), jax.random.key(0), about)
    assert "is the output table too" in str(obstacle(plain))


def test_names_are_as_short_as_they_can_be() -> None:
    modules = ["a.0.query", "a.1.query", "a.0.dense", "b.dense", "head.query_norm"]
    assert shortest_names(["a.0.query", "a.1.query"], modules) == ["query"]
    assert shortest_names(["a.0.dense"], modules) == ["0.dense"]


def test_patterns_give_ranks_and_alphas(folder: Path) -> None:
    _set(folder, rank_pattern={"layer.1.attention.self.query": 2}, alpha_pattern={r".*\.value": 3})
    config = read_adapter_config(folder)
    assert config.of(QUERY) == LoraSettings(2, 8.0, "rslora", 0.25)
    assert config.of(QUERY.replace("query", "value")) == LoraSettings(4, 3.0, "rslora", 0.25)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"peft_type": "IA3"}, "peft_type is 'IA3'; expected 'LORA'"),
        ({"use_dora": True, "bias": "all"}, "use_dora=True, bias='all'"),
        ({"init_lora_weights": "pissa_niter_4"}, r"init_lora_weights='pissa_niter_4' \(it changes the weights"),
        ({"target_parameters": ["experts.w"]}, "target_parameters"),
        ({"something_of_tomorrow": {"a": 1}}, "something_of_tomorrow"),
        ({"r": "8"}, "r: expected a whole number of at least 1, found '8'"),
        ({"lora_alpha": None}, "lora_alpha: expected a number of at least 0, found 'None'"),
        ({"lora_dropout": 1.5}, "lora_dropout: expected a number of at least 0 and below 1"),
        ({"use_rslora": "yes"}, "use_rslora: expected true or false"),
        ({"rank_pattern": {"a(": 1}}, r"rank_pattern: 'a\(' is not a regular expression"),
        ({"rank_pattern": {"a": 0}}, "rank_pattern: a: expected a whole number"),
        ({"modules_to_save": "classifier"}, "modules_to_save: expected a list of texts"),
        ({"r": 5, "rank_pattern": {}}, r"4 adapters are not of the rank that is said: .*expected \[5, in\]"),
    ],
)
def test_what_an_adapter_must_not_ask_for(folder: Path, values: dict[str, Any], said: str) -> None:
    _set(folder, **values)
    with pytest.raises(BadInputError, match=said):
        open_adapter(folder)


def _change(change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "adapter_model.safetensors"
        save_file(change(load_file(path)), path)

    return apply


def _without_weights(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()


def _cut(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


class _Harm:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return eval, ("1",)


def _harmful(folder: Path) -> None:
    _without_weights(folder)
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(_Harm(), protocol=2))


_A, _PREFIX = f"{QUERY}.lora_A.weight", "base_model.model."


@pytest.mark.parametrize(
    ("damage", "error", "said"),
    [
        (_without_weights, MissingInputError, "no weights of its adapter"),
        (_cut, BadInputError, "is not a whole safetensors file"),
        (_harmful, UnsafeInputError, "adapter_model.bin"),
        (
            _change(lambda held: {k: v for k, v in held.items() if k != _PREFIX + _A}),
            BadInputError,
            "half of an adapter",
        ),
        (
            _change(lambda held: {k.removeprefix(_PREFIX): v for k, v in held.items()}),
            BadInputError,
            "begin with base_",
        ),
        (
            _change(lambda held: held | {f"{_PREFIX}x.lora_embedding_A": np.ones((2, 3), np.float32)}),
            BadInputError,
            "not supported here .*lora_embedding_A",
        ),
        (
            _change(lambda held: {k.replace("self.value", "self.valeu"): v for k, v in held.items()}),
            BadInputError,
            "2 modules that the base does not have .*did you mean 'value'",
        ),
        (
            _change(lambda held: held | {_PREFIX + _A: np.ones((2, 7), np.float32)}),
            BadInputError,
            r"lora_A.weight: expected \(2, 32\), found \(2, 7\)",
        ),
        (lambda folder: (folder / "adapter_config.json").write_text("{"), BadInputError, "JSON"),
        (lambda folder: _set(folder, base_model_name_or_path=None), MissingInputError, "does not name the base"),
        (lambda folder: _set(folder, base_model_name_or_path="./gone"), MissingInputError, "the base './gone' is not"),
        (lambda folder: _set(folder, base_model_name_or_path=str(folder)), BadInputError, "is an adapter itself"),
    ],
)
def test_broken_adapters_are_refused(
    folder: Path, damage: Callable[[Path], None], error: type[AmharicTLError], said: str
) -> None:
    damage(folder)
    with pytest.raises(error, match=said):
        atl.from_pretrained(str(folder), TASK)


def test_an_adapter_goes_on_a_base_that_is_given(folder: Path, tiny_base: Path) -> None:
    _set(folder, base_model_name_or_path="./gone")
    model = atl.from_pretrained(str(tiny_base), TASK, adapter=str(folder), labels=LABELS[::-1])
    assert model.adaptation.base == str(tiny_base)
    ours, stored = atl.named_parameters(model), load_file(folder / "adapter_model.safetensors")
    head = stored["base_model.model.classifier.out_proj.weight"]
    assert np.array_equal(np.asarray(ours["classifier.out_proj.weight"].value()), head[::-1])
    with pytest.raises(MissingInputError, match="config.model.adapter: there is no directory"):
        atl.from_pretrained(str(tiny_base), TASK, adapter="./gone")
    with pytest.raises(MissingInputError, match="holds no adapter"):
        atl.from_pretrained(str(tiny_base), TASK, adapter=str(tiny_base))
