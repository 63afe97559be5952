"""A directory that holds an adapter and no model: whose adapter it is, and what it brings along."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amharic_tl.data.tokenizer import load_tokenizer
from amharic_tl.errors import BadInputError, MissingInputError, name_some
from amharic_tl.models.adapters.low_rank import DOWN, UP, LoraSettings
from amharic_tl.models.adapters.places import no_module
from amharic_tl.models.config_values import label_names
from amharic_tl.models.interchange import adapter_config
from amharic_tl.models.interchange.adapter_config import AdapterConfig, read_adapter_config
from amharic_tl.models.interchange.locate import locate, read_config
from amharic_tl.models.interchange.safetensors_files import open_safetensors
from amharic_tl.models.interchange.stored import StoredTensor
from amharic_tl.models.interchange.torch_files import open_torch
from amharic_tl.models.interchange.weights import Weights
from amharic_tl.models.registry import family_of

SAFETENSORS, TORCH = "adapter_model.safetensors", "adapter_model.bin"
# What stands before the names of a model's parameters in PEFT's files.
PREFIX = "base_model.model."
_MODEL_FILES = ("model*.safetensors*", "flax_model*.msgpack*", "pytorch_model*.bin*")
# What a config.json beside an adapter says of the adapted model; all else is of the base.
_OWN = ("architectures", "id2label", "label2id", "problem_type", "num_labels")


def is_adapter(folder: Path) -> bool:
    """Whether a directory holds an adapter, and no model that could be meant instead."""
    return (folder / adapter_config.NAME).is_file() and not holds_model(folder)


def holds_model(folder: Path) -> bool:
    """Whether a directory holds the weights of a whole model."""
    return any(any(folder.glob(pattern)) for pattern in _MODEL_FILES)


def base_of(folder: Path) -> Path:
    """The directory of the model that an adapter was trained on.

    Raises:
      MissingInputError: the adapter does not say, or it cannot be found.
      BadInputError: it names another adapter, or its adapter_config.json is malformed.
    """
    said = read_adapter_config(folder)
    how = "say which one it is: config.model.path=BASE config.model.adapter=ADAPTER, or from_pretrained(BASE, adapter=)"
    if said.base is None:
        raise MissingInputError(f"{said.where} does not name the base (base_model_name_or_path); {how}")
    on_hub = said.revision is not None and "@" not in said.base and not Path(said.base).expanduser().exists()
    try:
        base = locate(f"{said.base}@{said.revision}" if on_hub else said.base)
    except MissingInputError as error:
        reason = str(error).removeprefix("config.model.path: ")
        raise MissingInputError(f"{said.where}: the base {said.base!r} is not found: {reason}; {how}") from error
    if is_adapter(base):
        raise BadInputError(
            f"{said.where}: base_model_name_or_path names {said.base}, which is an adapter itself; write the base with "
            f"that adapter merged first: amharic-tl export {said.base} --output DIR"
        )
    return base


def base_and_adapter(path: str, adapter: str | None) -> tuple[Path, Path | None]:
    """The directories of a model and of what is put on it.

    Args:
      path: of a model; without ``adapter`` also of an adapter, which stands for its base and itself.
      adapter: a directory or hub id of an adapter; None for none.

    Raises:
      MissingInputError: one of them is not found.
      BadInputError: both are adapters.
    """
    folder = locate(path)
    if adapter is None:
        return (base_of(folder), folder) if is_adapter(folder) else (folder, None)
    if is_adapter(folder):
        raise BadInputError(
            f"{folder} is an adapter itself; give its base, or merge it first: amharic-tl export {path} --output DIR"
        )
    try:
        return folder, locate(adapter)
    except MissingInputError as error:
        raise MissingInputError(str(error).replace("config.model.path", "config.model.adapter", 1)) from error


def model_folder(folder: Path) -> Path:
    """Where the model's own weights are: the directory itself, or that of the base of the adapter in it."""
    return base_of(folder) if is_adapter(folder) else folder


def tokenizer_folder(folder: Path) -> Path:
    """Where the tokenizer is: with an adapter if it was saved there, otherwise with its base."""
    own = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model")
    return folder if any((folder / name).is_file() for name in own) else model_folder(folder)


def tokenizer_of(name: str) -> Any:
    """The tokenizer of whatever a user calls a model."""
    return load_tokenizer(tokenizer_folder(locate(name)))


def model_config(folder: Path) -> dict[str, Any]:
    """The config.json of a directory; of an adapter, that of its base with the adapter's task and classes.

    Raises:
      AmharicTLError: whatever :func:`read_config` and :func:`base_of` refuse.
    """
    return adapted_config(read_config(base_of(folder)), folder) if is_adapter(folder) else read_config(folder)


def adapted_config(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The config of a base, with what the adapter in ``folder`` says of task and classes."""
    said = read_adapter_config(folder)
    family = family_of(config, "config.json of the base")
    own = read_config(folder) if (folder / "config.json").is_file() else {}
    config = {**config, **{key: own[key] for key in _OWN if key in own}}
    if "architectures" not in own and said.task in family.architectures:
        config["architectures"] = [family.architectures[said.task][config["model_type"]]]
    if "id2label" not in own:
        rows = [
            tensor.shape[0]
            for name, tensor in _open(folder, said).items()
            if re.fullmatch(family.class_rows, name) and tensor.shape
        ]
        if rows and rows[0] != len(label_names(config)):
            config.pop("num_labels", None)
            config["id2label"] = {str(number): f"LABEL_{number}" for number in range(rows[0])}
            config["label2id"] = {f"LABEL_{number}": number for number in range(rows[0])}
    return config


@dataclass(frozen=True)
class AdapterFile:
    """An adapter that was opened.

    Attributes:
      config: what its adapter_config.json says.
      modules: settings by the name that the file has for a linear layer.
      tensors: by canonical name: A and B of the linear layers, and the parameters that were saved whole.
    """

    config: AdapterConfig
    modules: Mapping[str, LoraSettings]
    tensors: Mapping[str, StoredTensor]

    @property
    def saved_whole(self) -> list[str]:
        """The parameters that replace those of the base."""
        return [name for name in self.tensors if not name.endswith((f".{DOWN}", f".{UP}"))]

    def for_model(self, places: list[str], parameters: list[str], prefix: str) -> AdapterFile:
        """With the names of a model, which may have the prefix of its backbone where the file has none, or not.

        Args:
          places: the model's linear layers.
          parameters: all of its parameters.
          prefix: of the backbone's names.

        Raises:
          BadInputError: the model has no such layers; up to ten are named.
        """
        known = {name: _mended(name, places, prefix) for name in self.modules}
        strange = [name for name, ours in known.items() if ours is None]
        # Of what was saved whole, loading says itself what it does not know or this task has no use for.
        whole = {name: _mended(name, parameters, prefix) for name in self.saved_whole}
        if strange:
            raise BadInputError(
                f"{self.config.where}: the adapter changes {len(strange)} modules that the base does not have for "
                f"this task: {name_some(strange)}; {no_module(strange[0].rsplit('.', 1)[-1], places, 'linear layer')}"
            )
        tensors = {whole[name] or name: self.tensors[name] for name in whole}
        for name, ours in known.items():
            tensors |= {f"{ours}.{part}": self.tensors[f"{name}.{part}"] for part in (DOWN, UP)}
        modules = {ours or name: self.modules[name] for name, ours in known.items()}
        return dataclasses.replace(self, modules=modules, tensors=tensors)

    def over(self, weights: Weights) -> Weights:
        """The base's weights, with the adapter's in their place and beside them."""
        source = f"{weights.source}, with the adapter of {Path(self.config.where).parent}"
        rest = {name: tensor for name, tensor in weights.tensors.items() if name not in self.tensors}
        return Weights(weights.style, source, {**rest, **self.tensors})


def open_adapter(folder: Path) -> AdapterFile:
    """Opens an adapter; of its weights only headers are read.

    Raises:
      MissingInputError: no adapter_config.json or no weights.
      BadInputError: a file is malformed, A and B do not belong together, or something is not supported here.
      UnsafeInputError: a pickle asks for more than tensors.
    """
    said = read_adapter_config(folder)
    tensors = _open(folder, said)
    unsupported = [name for name in tensors if re.search(r"\.(lora_embedding_[AB]|lora_magnitude_vector\b.*)$", name)]
    unsupported += [name for name in tensors if re.search(r"\.(lora_[AB]\.bias|base_layer\..*)$", name)]
    if unsupported:
        raise BadInputError(
            f"{folder} holds {len(unsupported)} tensors of adapters that are not supported here (of embedding tables, "
            f"DoRA, or with biases): {name_some(unsupported)}"
        )
    modules = {}
    for name in tensors:
        if name.endswith((f".{DOWN}", f".{UP}")):
            module = name.removesuffix(f".{DOWN}").removesuffix(f".{UP}")
            modules[module] = said.of(module)
    _check_pairs(folder, tensors, modules)
    if not modules:
        raise BadInputError(f"{folder} holds no low-rank adapter: expected tensors {PREFIX}MODULE.{DOWN} and {UP}")
    return AdapterFile(said, modules, tensors)


def _open(folder: Path, said: AdapterConfig) -> dict[str, StoredTensor]:
    """The tensors without PEFT's prefix."""
    if (folder / SAFETENSORS).is_file():
        stored, path = open_safetensors(folder / SAFETENSORS)[0], folder / SAFETENSORS
    elif (folder / TORCH).is_file():
        stored, path = open_torch(folder / TORCH), folder / TORCH
    else:
        raise MissingInputError(f"{folder} holds no weights of its adapter: expected {SAFETENSORS} or {TORCH}")
    strange = [name for name in stored if not name.startswith(PREFIX)]
    if strange:
        raise BadInputError(f"{path}: expected names that begin with {PREFIX}, found {name_some(strange)}")
    return {name.removeprefix(PREFIX): tensor for name, tensor in stored.items()}


def _check_pairs(folder: Path, tensors: Mapping[str, StoredTensor], modules: Mapping[str, LoraSettings]) -> None:
    halves = [f"{module}.{part}" for module in modules for part in (DOWN, UP) if f"{module}.{part}" not in tensors]
    if halves:
        raise BadInputError(f"{folder}: half of an adapter is absent: {name_some(halves)}")
    wrong = []
    for module, settings in modules.items():
        down, up, rank = tensors[f"{module}.{DOWN}"].shape, tensors[f"{module}.{UP}"].shape, settings.rank
        if len(down) != 2 or len(up) != 2 or down[0] != rank or up[1] != rank:
            wrong.append(f"{module}: A {list(down)} and B {list(up)}, expected [{rank}, in] and [out, {rank}]")
    if wrong:
        raise BadInputError(f"{folder}: {len(wrong)} adapters are not of the rank that is said: {name_some(wrong)}")


def _mended(name: str, known: list[str], prefix: str) -> str | None:
    """``name`` as the model has it, with the backbone's prefix or without; None where it has neither."""
    candidates = (name, f"{prefix}{name}", name.removeprefix(prefix))
    return next((each for each in candidates if each in known), None)
