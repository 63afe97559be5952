"""Sums that tell whether two runs had the same data, tokenizer and pretrained model."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from amharic_tl.data.tokenizer import TOKENIZER_FILES
from amharic_tl.records.files import sha256_of
from amharic_tl.run.assembly import Run

_TOKENIZER = (*TOKENIZER_FILES, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
_WEIGHTS = (".safetensors", ".msgpack", ".bin")


def fingerprints(run: Run) -> dict[str, Any]:
    """Those of a run, as :func:`fingerprints_of`."""
    return fingerprints_of(run.audit["fingerprint"], run.model_folder, run.tokenizer_folder, run.adapter_folder)


def fingerprints_of(
    data: str, model_folder: Path, tokenizer_folder: Path, adapter_folder: Path | None = None
) -> dict[str, Any]:
    """``data``: see :func:`amharic_tl.data.audit.fingerprint`; ``tokenizer``: of its files; ``model``: of each file;
    ``adapter``: of each file of one that was loaded.

    A model from the hub's cache has the commit it was fetched at too.
    """
    tokenizer = {path.name: sha256_of(path) for path in _files(tokenizer_folder) if path.name in _TOKENIZER}
    found: dict[str, Any] = {
        "data": data,
        "tokenizer": hashlib.sha256(json.dumps(tokenizer, sort_keys=True).encode()).hexdigest(),
        **sums_of(model_folder, adapter_folder),
    }
    if model_folder.parent.name == "snapshots":
        found["model_commit"] = model_folder.name
    return found


def sums_of(model_folder: Path, adapter_folder: Path | None) -> dict[str, dict[str, str]]:
    """Sums of the files of a pretrained model, and of an adapter that was put on it."""
    found = {"model": _sums(model_folder, "config.json")}
    return found if adapter_folder is None else {**found, "adapter": _sums(adapter_folder, "adapter_config.json")}


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _sums(folder: Path, config: str) -> dict[str, str]:
    """The sums of the weights and of the config beside them, by name."""
    return {path.name: sha256_of(path) for path in _files(folder) if path.name == config or path.suffix in _WEIGHTS}
