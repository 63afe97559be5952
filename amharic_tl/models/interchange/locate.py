"""From what a user calls a model to a local directory: a path, a bundled base, or a hub id."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError, InputOutputError, MissingInputError, name_some

BUNDLED = {"amharic-tiny": "amharic_tiny"}
_HUB_FILES = (
    "config.json", "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json",
    "merges.txt", "*.model", "generation_config.json", "chat_template.jinja", "adapter_config.json",
    "README.md",
)  # fmt: skip
# One format is fetched, not all: Flax only where there are no safetensors, torch's own only where there is neither, an
# adapter only where there is no model.
_HUB_WEIGHTS = (
    ("model*.safetensors", "model.safetensors.index.json"),
    ("flax_model*.msgpack", "flax_model.msgpack.index.json"),
    ("pytorch_model*.bin", "pytorch_model.bin.index.json"),
    ("adapter_model.safetensors",),
    ("adapter_model.bin",),
)


def locate(name: str, weights: bool = True) -> Path:
    """The directory of a model.

    Args:
      name: a local directory if one exists by that name, then a bundled base, then a hub id ``owner/name[@revision]``.
      weights: whether the weights of a model on the hub are fetched too.

    Raises:
      MissingInputError: none of these.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        raise MissingInputError(f"config.model.path: {name} is a file; expected the directory that holds config.json")
    if name in BUNDLED:
        folder = Path(str(resources.files("amharic_tl") / "assets" / BUNDLED[name]))
        if (folder / "config.json").is_file():
            return folder
        raise MissingInputError(f"the bundled base {name!r} is not part of this installation")
    if re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", name) and not name.startswith("."):
        return _from_hub(name, _HUB_WEIGHTS if weights else ((),))
    near = difflib.get_close_matches(name, BUNDLED, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the bundled bases are {', '.join(BUNDLED)}"
    raise MissingInputError(
        f"config.model.path: there is no directory {name!r}, no bundled base of that name ({hint}), and it is "
        "not a hub id (owner/name)"
    )


def _from_hub(name: str, formats: Sequence[Sequence[str]]) -> Path:
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    folder = Path()
    for weights in formats:
        try:
            folder = Path(
                snapshot_download(repository, revision=revision or None, allow_patterns=[*_HUB_FILES, *weights])
            )
        except Exception as error:  # the client's own errors and those of its network library have no common base
            reason = str(error).strip().split("\n")[0][:200]
            raise MissingInputError(
                f"config.model.path: there is no directory {name!r}, and it could not be fetched from the hub "
                f"({type(error).__name__}: {reason}). Check the name and the connection, or give the path of a "
                "local directory."
            ) from error
        if any(any(folder.glob(pattern)) for pattern in weights):
            break
    return folder


def read_config(folder: Path) -> dict[str, Any]:
    """The directory's config.json, unchanged.

    Raises:
      MissingInputError: there is none.
      BadInputError: it is not a JSON object.
      InputOutputError: the system cannot read it.
    """
    path = folder / "config.json"
    if not path.is_file():
        found = name_some(sorted(p.name for p in folder.iterdir())) or "nothing"
        raise MissingInputError(f"{folder} is not a model directory: expected config.json, found {found}")
    return _read_object(path)


def read_generation_config(folder: Path) -> dict[str, Any]:
    """The directory's generation_config.json, unchanged; empty where there is none.

    Raises:
      BadInputError: it is not a JSON object.
      InputOutputError: the system cannot read it.
    """
    path = folder / "generation_config.json"
    return _read_object(path) if path.is_file() else {}


def _read_object(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputOutputError(f"could not read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise BadInputError(f"{path} holds {type(config).__name__}, expected an object")
    return config
