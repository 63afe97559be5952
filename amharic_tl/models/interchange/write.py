"""Writing a model as a Hugging Face directory: config, safetensors or Flax msgpack, in shards when large."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import jax
import numpy as np

from amharic_tl.errors import ConfigError
from amharic_tl.models.interchange.msgpack_writer import write_msgpack
from amharic_tl.models.naming import ParameterView, named_tensors
from amharic_tl.models.registry import family_of
from amharic_tl.records.files import write_json, write_text, writing

Format = Literal["safetensors", "flax"]
TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
    "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model", "spm.model", "tokenizer.model",
    "chat_template.jinja",
)  # fmt: skip
_SAFETENSORS_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16"}


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
      format: ``safetensors`` (torch names) or ``flax`` (``flax_model.msgpack``, Hugging Face's Flax names).
      dtype: of the written weights, such as ``bfloat16``; None keeps each parameter's own.
      max_shard_bytes: a larger model is split into numbered shards with an index.
      tokenizer_from: a directory whose tokenizer files are copied along.

    Raises:
      ConfigError: an unknown format or dtype.
      CannotCreateError: the disk is full or the place cannot be written.
    """
    if format not in ("safetensors", "flax"):
        raise ConfigError(f"format: expected 'safetensors' or 'flax', found {format!r}")
    if dtype is not None and dtype not in _SAFETENSORS_DTYPES:
        raise ConfigError(f"dtype: expected one of {', '.join(_SAFETENSORS_DTYPES)}, found {dtype!r}")
    folder = Path(directory)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    views = named_tensors(model)
    config = dict(model.hf_config)
    stored = {dtype or str(view.dtype) for view in views.values()}
    config["dtype"] = stored.pop() if len(stored) == 1 else "float32"
    config.pop("torch_dtype", None)
    if format == "safetensors":
        _write_safetensors(folder, _with_alias(views, config), dtype, max_shard_bytes)
    else:
        _write_flax(folder, list(views.values()), dtype, max_shard_bytes)
    if tokenizer_from is not None:
        copy_tokenizer(Path(tokenizer_from), folder)
    if model.generation_config:
        write_json(folder / "generation_config.json", dict(model.generation_config))
    # The config goes last: a directory without one is not mistaken for a whole model.
    write_json(folder / "config.json", config)
    return folder


def copy_tokenizer(source: Path, target: Path) -> None:
    """Copies the tokenizer files of a model directory."""
    for name in TOKENIZER_FILES:
        if (source / name).is_file() and (source / name).resolve() != (target / name).resolve():
            with _replacing(target / name) as file, (source / name).open("rb") as original:
                shutil.copyfileobj(original, file)


def _with_alias(views: dict[str, ParameterView], config: dict[str, Any]) -> list[ParameterView]:
    """What torch stores: the parameters, and the decoder's bias by its second name where it is not tied."""
    family = family_of(config, "config")
    if family.bias_alias is None or not family.untied(views):
        return list(views.values())
    alias, name = family.bias_alias
    return [*views.values(), dataclasses.replace(views[name], name=alias)]


def _value(view: ParameterView, dtype: str | None) -> np.ndarray:
    array = np.asarray(jax.device_get(view.value()))
    return np.asarray(array if dtype is None else array.astype(dtype, copy=False), order="C")


def _bytes(view: ParameterView, dtype: str | None) -> int:
    return view.size * np.dtype(dtype or view.dtype).itemsize


def _groups(views: list[ParameterView], dtype: str | None, limit: int) -> list[list[ParameterView]]:
    """Neighbouring parameters that fit into one shard; one larger than the limit gets its own."""
    groups: list[list[ParameterView]] = [[]]
    size = 0
    for view in views:
        if groups[-1] and size + _bytes(view, dtype) > limit:
            groups.append([])
            size = 0
        groups[-1].append(view)
        size += _bytes(view, dtype)
    return groups


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of ``path`` once it is whole and on disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with writing(path):
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _write_safetensors(folder: Path, views: list[ParameterView], dtype: str | None, limit: int) -> None:
    groups = _groups(views, dtype, limit)
    names = _shard_names("model", "safetensors", len(groups))
    for name, group in zip(names, groups, strict=True):
        with _replacing(folder / name) as file:
            _write_safetensors_file(file, group, dtype)
    located = {view.name: name for name, group in zip(names, groups, strict=True) for view in group}
    _finish_shards(folder, "model", "safetensors", located, views, dtype)


def _write_safetensors_file(file: BinaryIO, views: list[ParameterView], dtype: str | None) -> None:
    """One file, tensor by tensor.

    The library's own writer wants all tensors in memory, and hides a full disk in an error without a number.
    Layout: the header's length (uint64, little endian), a JSON header padded with spaces to 8 bytes, the tensors.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for view in views:
        end = offset + _bytes(view, dtype)
        code = _SAFETENSORS_DTYPES[dtype or str(view.dtype)]
        header[view.name] = {"dtype": code, "shape": list(view.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for view in views:
        # As bytes: bfloat16 has no buffer format that a file would take.
        file.write(_value(view, dtype).reshape(-1).view(np.uint8).data)


def _write_flax(folder: Path, views: list[ParameterView], dtype: str | None, limit: int) -> None:
    def array(view: ParameterView) -> np.ndarray:
        value = _value(view, dtype)
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
        with _replacing(folder / name) as file:
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
        total = sum(_bytes(view, dtype) for view in views)
        content = {"metadata": {"total_size": total}, "weight_map": dict(sorted(located.items()))}
        write_text(folder / index, json.dumps(content, indent=2) + "\n")
        kept.add(index)
    old = re.compile(rf"{stem}(-\d{{5}}-of-\d{{5}})?\.{ending}(\.index\.json)?")
    with writing(folder):
        for path in list(folder.iterdir()):
            if old.fullmatch(path.name) and path.name not in kept:
                path.unlink()
