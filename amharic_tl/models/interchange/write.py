"""Writing a model as a Hugging Face directory: config, safetensors or Flax msgpack, in shards when large."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np

from amharic_tl.errors import ConfigError
from amharic_tl.models.adapters.adapt import merged
from amharic_tl.models.interchange.adapter_write import save_adapter
from amharic_tl.models.interchange.msgpack_writer import write_msgpack
from amharic_tl.models.interchange.safetensors_writer import DTYPE_CODES, bytes_of, value_of, write_safetensors
from amharic_tl.models.naming import ParameterView, named_tensors
from amharic_tl.models.registry import family_of
from amharic_tl.records.files import replacing, write_json, write_text, writing

Format = Literal["safetensors", "flax", "peft"]
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
    "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model",
    "chat_template.jinja",
)  # fmt: skip


def save_pretrained(
    model: Any,
    directory: str | Path,
    format: Format = "safetensors",
    *,
    dtype: str | None = None,
    max_shard_bytes: int = 5_000_000_000,
    tokenizer_from: str | Path | None = None,
) -> Path:
    """Writes ``model`` so that Hugging Face's classes load it.

    Every file appears whole or not at all. Weights of the same format that lay there before are replaced; those of
    the other format are not touched, so one directory may hold a model in both.

    Args:
      model: a model of this package.
      directory: created if absent.
      format: ``safetensors`` (torch names) or ``flax`` (``flax_model.msgpack``, Hugging Face's Flax names), both with
        adapters merged; or ``peft``: the adapters alone, as the PEFT library loads them.
      dtype: of the written weights, such as ``bfloat16``; None keeps each parameter's own.
      max_shard_bytes: a larger model is split into numbered shards with an index.
      tokenizer_from: a directory whose tokenizer files are copied along.

    Raises:
      ConfigError: an unknown format or dtype; ``peft`` of a model whose adapters PEFT cannot load, or that has none.
      CannotCreateError: the disk is full or the place cannot be written.
    """
    if format not in ("safetensors", "flax", "peft"):
        raise ConfigError(f"format: expected 'safetensors' or 'flax', or 'peft' for adapters alone, found {format!r}")
    if dtype is not None and dtype not in DTYPE_CODES:
        raise ConfigError(f"dtype: expected one of {', '.join(DTYPE_CODES)}, found {dtype!r}")
    folder = Path(directory)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if tokenizer_from is not None:
        copy_tokenizer(Path(tokenizer_from), folder)
    if format == "peft":
        save_adapter(model, folder, dtype)
        return folder
    if getattr(model, "adaptation", None) is not None:
        model = merged(model)
    views = named_tensors(model)
    config = dict(model.hf_config)
    stored = {dtype or str(view.dtype) for view in views.values()}
    config["dtype"] = stored.pop() if len(stored) == 1 else "float32"
    config.pop("torch_dtype", None)
    if format == "safetensors":
        _write_safetensors(folder, _with_alias(views, config), dtype, max_shard_bytes)
    else:
        _write_flax(folder, list(views.values()), dtype, max_shard_bytes)
    if model.generation_config:
        write_json(folder / "generation_config.json", dict(model.generation_config))
    # The config goes last: a directory without one is not mistaken for a whole model.
    write_json(folder / "config.json", config)
    return folder


def copy_tokenizer(source: Path, target: Path) -> None:
    """Copies the tokenizer files of a model directory."""
    for name in TOKENIZER_FILES:
        if (source / name).is_file() and (source / name).resolve() != (target / name).resolve():
            with replacing(target / name) as file, (source / name).open("rb") as original:
                shutil.copyfileobj(original, file)


def _with_alias(views: dict[str, ParameterView], config: dict[str, Any]) -> list[ParameterView]:
    """What torch stores: the parameters, and the decoder's bias by its second name where it is not tied."""
    family = family_of(config, "config")
    if family.bias_alias is None or not family.untied(views):
        return list(views.values())
    alias, name = family.bias_alias
    return [*views.values(), dataclasses.replace(views[name], name=alias)]


def _groups(views: list[ParameterView], dtype: str | None, limit: int) -> list[list[ParameterView]]:
    """Neighbouring parameters that fit into one shard; one larger than the limit gets its own."""
    groups: list[list[ParameterView]] = [[]]
    size = 0
    for view in views:
        if groups[-1] and size + bytes_of(view, dtype) > limit:
            groups.append([])
            size = 0
        groups[-1].append(view)
        size += bytes_of(view, dtype)
    return groups


def _write_safetensors(folder: Path, views: list[ParameterView], dtype: str | None, limit: int) -> None:
    groups = _groups(views, dtype, limit)
    names = _shard_names("model", "safetensors", len(groups))
    for name, group in zip(names, groups, strict=True):
        with replacing(folder / name) as file:
            write_safetensors(file, group, dtype)
    located = {view.name: name for name, group in zip(names, groups, strict=True) for view in group}
    _finish_shards(folder, "model", "safetensors", located, views, dtype)


def _write_flax(folder: Path, views: list[ParameterView], dtype: str | None, limit: int) -> None:
    def array(view: ParameterView) -> np.ndarray:
        value = value_of(view, dtype)
        return value.T if view.flax_leaf == "kernel" else value

    groups = _groups(views, dtype, limit)
    names = _shard_names("flax_model", "msgpack", len(groups))
    for name, group in zip(names, groups, strict=True):
        tree: dict[str, Any] = {}
        for view in group:
            *parents, leaf = view.flax_name.split("/")
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            node[leaf] = view
        with replacing(folder / name) as file:
            write_msgpack(file, tree, array)
    located = {view.flax_name: name for name, group in zip(names, groups, strict=True) for view in group}
    _finish_shards(folder, "flax_model", "msgpack", located, views, dtype)


def _shard_names(stem: str, ending: str, count: int) -> list[str]:
    if count == 1:
        return [f"{stem}.{ending}"]
    return [f"{stem}-{number:05d}-of-{count:05d}.{ending}" for number in range(1, count + 1)]


def _finish_shards(
    folder: Path, stem: str, ending: str, located: dict[str, str], views: list[ParameterView], dtype: str | None
) -> None:
    """Writes the index of several shards, and takes away what an earlier save of this format left behind."""
    index = f"{stem}.{ending}.index.json"
    kept = set(located.values())
    if len(kept) > 1:
        total = sum(bytes_of(view, dtype) for view in views)
        content = {"metadata": {"total_size": total}, "weight_map": dict(sorted(located.items()))}
        write_text(folder / index, json.dumps(content, indent=2) + "\n")
        kept.add(index)
    old = re.compile(rf"{stem}(-\d{{5}}-of-\d{{5}})?\.{ending}(\.index\.json)?")
    with writing(folder):
        for path in list(folder.iterdir()):
            if old.fullmatch(path.name) and path.name not in kept:
                path.unlink()
