"""Sums that tell whether two runs had the same data, tokenizer and pretrained model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amharic_tl.data.tokenizer import TOKENIZER_FILES
from amharic_tl.training.code_state import sha256_of

_TOKENIZER = (*TOKENIZER_FILES, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")
_WEIGHTS = (".safetensors", ".msgpack", ".bin")


def fingerprints(audit: Mapping[str, Any], model_folder: Path) -> dict[str, Any]:
    """``data``: see :func:`amharic_tl.data.audit.fingerprint`; ``tokenizer``: of its files; ``model``: of each file.

    A model from the hub's cache has the commit it was fetched at too.
    """
    files = sorted(path for path in model_folder.iterdir() if path.is_file())
    tokenizer = {path.name: sha256_of(path) for path in files if path.name in _TOKENIZER}
    model = {path.name: sha256_of(path) for path in files if path.name == "config.json" or path.suffix in _WEIGHTS}
    found: dict[str, Any] = {
        "data": audit["fingerprint"],
        "tokenizer": hashlib.sha256(json.dumps(tokenizer, sort_keys=True).encode()).hexdigest(),
        "model": model,
    }
    if model_folder.parent.name == "snapshots":
        found["model_commit"] = model_folder.name
    return found
