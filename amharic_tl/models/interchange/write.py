"""Writing a model as a Hugging Face directory: config, safetensors or Flax msgpack, in shards when large."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from amharic_tl.errors import ConfigError
from amharic_tl.models.naming import ParameterView, named_parameters
from amharic_tl.records.files import write_json, writing

Format = Literal["safetensors", "flax"]
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json",
    "merges.txt", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model",
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

    Args:
      model: a model of this package.
      directory: created if absent; files of the same names are replaced.
      format: ``safetensors`` (torch names) or ``flax`` (``flax_model.msgpack``, Hugging Face's Flax names).
      dtype: of the written weights, such as ``float16``; None keeps each parameter's own.
      max_shard_bytes: a larger model is split into numbered shards with an index.
      tokenizer_from: a directory whose tokenizer files are copied along.

    Raises:
      ConfigError: an unknown format.
      CannotCreateError: the disk is full or the place cannot be written.
    """
    if format not in ("safetensors", "flax"):
        raise ConfigError(f"format: expected 'safetensors' or 'flax', found {format!r}")
    folder = Path(directory)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    views = list(named_parameters(model).values())
    config = dict(model.hf_config)
    stored = {str(np.dtype(dtype)) if dtype else str(view.dtype) for view in views}
    config["dtype"] = stored.pop() if len(stored) == 1 else "float32"
    config.pop("torch_dtype", None)
    if format == "safetensors":
        _write_safetensors(folder, views, dtype, max_shard_bytes)
    else:
        _write_flax(folder, views, dtype, max_shard_bytes)
    if tokenizer_from is not None:
        copy_tokenizer(Path(tokenizer_from), folder)
    # The config goes last: a directory without one is not mistaken for a whole model.
    write_json(folder / "config.json", config)
    return folder


def copy_tokenizer(source: Path, target: Path) -> None:
    """Copies the tokenizer files of a model directory."""
    for name in TOKENIZER_FILES:
        if (source / name).is_file() and (source / name).resolve() != (target / name).resolve():
            with writing(target / name):
                shutil.copyfile(source / name, target / name)


def _value(view: ParameterView, dtype: str | None) -> np.ndarray:
    array = np.asarray(jax.device_get(view.value()))
    return np.ascontiguousarray(array if dtype is None else array.astype(dtype))


def _bytes(view: ParameterView, dtype: str | None) -> int:
    return view.size * np.dtype(dtype or view.dtype).itemsize


def _groups(views: list[ParameterView], dtype: str | None, limit: int) -> Iterator[list[ParameterView]]:
    """Neighbouring parameters that fit into one shard; one larger than the limit gets its own."""
    group: list[ParameterView] = []
    size = 0
    for view in views:
        if group and size + _bytes(view, dtype) > limit:
            yield group
            group, size = [], 0
        group.append(view)
        size += _bytes(view, dtype)
    yield group


def _write_safetensors(folder: Path, views: list[ParameterView], dtype: str | None, limit: int) -> None:
    from safetensors.numpy import save_file

    groups = list(_groups(views, dtype, limit))
    names = _shard_names("model", "safetensors", len(groups))
    for name, group in zip(names, groups, strict=True):
        tensors = {view.name: _value(view, dtype) for view in group}
        with writing(folder / name):
            temporary = folder / f".{name}.{os.getpid()}.tmp"
            try:
                save_file(tensors, temporary, metadata={"format": "pt"})
                temporary.replace(folder / name)
            finally:
                temporary.unlink(missing_ok=True)
    _write_index(folder, "model.safetensors.index.json", groups, names, dtype, [v.name for g in groups for v in g])


def _write_flax(folder: Path, views: list[ParameterView], dtype: str | None, limit: int) -> None:
    from flax import serialization

    groups = list(_groups(views, dtype, limit))
    names = _shard_names("flax_model", "msgpack", len(groups))
    for name, group in zip(names, groups, strict=True):
        tree: dict[str, Any] = {}
        for view in group:
            *parents, leaf = view.flax_name.split("/")
            node = tree
            for parent in parents:
                node = node.setdefault(parent, {})
            value = _value(view, dtype)
            node[leaf] = np.ascontiguousarray(value.T) if view.flax_leaf == "kernel" else value
        with writing(folder / name):
            temporary = folder / f".{name}.{os.getpid()}.tmp"
            try:
                temporary.write_bytes(serialization.msgpack_serialize(tree))
                temporary.replace(folder / name)
            finally:
                temporary.unlink(missing_ok=True)
    _write_index(folder, "flax_model.msgpack.index.json", groups, names, dtype, [v.flax_name for g in groups for v in g])


def _shard_names(stem: str, ending: str, count: int) -> list[str]:
    if count == 1:
        return [f"{stem}.{ending}"]
    return [f"{stem}-{number:05d}-of-{count:05d}.{ending}" for number in range(1, count + 1)]


def _write_index(
    folder: Path, index: str, groups: list[list[ParameterView]], files: list[str], dtype: str | None, names: list[str]
) -> None:
    if len(files) == 1:
        (folder / index).unlink(missing_ok=True)
        return
    by_file = [file for file, group in zip(files, groups, strict=True) for _ in group]
    total = sum(_bytes(view, dtype) for group in groups for view in group)
    with writing(folder / index):
        text = json.dumps({"metadata": {"total_size": total}, "weight_map": dict(zip(names, by_file, strict=True))}, indent=2)
        (folder / index).write_text(text + "\n", encoding="utf-8")
