"""Fingerprints of the local files that configs name, so that a run's identity rests on contents and not on paths."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from amharic_tl.config import Config
from amharic_tl.errors import InputOutputError
from amharic_tl.sweeps.identity import INPUT_LEAVES, leaf_values

_ELSEWHERE = ("sample:", "tfds:", "hf:")  # bundled, or named by a version of their own, if it is named
_COMMIT = re.compile(r"@[0-9a-f]{40}[/:]")
_PAIR = "::"  # between two parallel files


def fingerprints(configs: Iterable[Config]) -> dict[str, str]:
    """Text of an input leaf -> ``sha256:...`` of the files it names; a text that names no local file is left out.

    Of data the contents and endings of its files count, in their order; of a model's folder the names and contents of
    its files; of a safety reference its predictions, which are all that is read of it.

    Raises:
      InputOutputError: a file cannot be read.
    """
    named: dict[str, str] = {}
    for leaf, text in _texts(configs):
        if text not in named:
            digest = _fingerprint(leaf, text)
            if digest is not None:
                named[text] = digest
    return named


def absent(configs: Iterable[Config]) -> list[str]:
    """Data files that are named and not there, as ``config.data.train: x.csv``, each once."""
    found: dict[str, None] = {}
    for leaf, text in _texts(configs):
        local, _ = _divided(text)
        if _is_data(leaf) and local and not _files(local):
            found |= {f"config.{leaf}: {text}": None}
    return list(found)


def unpinned(configs: Iterable[Config]) -> list[str]:
    """Hub data that is named without a commit, each once: runs that start later may read other rows."""
    parts = [part.strip() for leaf, text in _texts(configs) if _is_data(leaf) for part in text.split(",")]
    return [part for part in dict.fromkeys(parts) if part.startswith("hf:") and not _COMMIT.search(part)]


def _texts(configs: Iterable[Config]) -> Iterator[tuple[str, str]]:
    """Each text of a leaf that names inputs, with the leaf."""
    for config in configs:
        values = leaf_values(config)
        for leaf in INPUT_LEAVES:
            value = values[leaf]
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    yield leaf, text


def _fingerprint(leaf: str, text: str) -> str | None:
    local, elsewhere = _divided(text)
    if not local:
        return None
    data = _is_data(leaf)
    files = _files(local) if data else _inside(Path(text), "predictions-*.jsonl" if leaf.endswith("reference") else "*")
    if not files:
        return None
    digest = hashlib.sha256(",".join(elsewhere).encode())
    for path in files:
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputOutputError(f"config.{leaf}: could not read {path}: {error.strerror or error}") from error
        digest.update(f"{path.suffix if data else path.name} {content}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def _is_data(leaf: str) -> bool:
    """Whether a leaf names rows to be read."""
    return leaf.startswith(("data.", "adapt.dapt."))


def _divided(text: str) -> tuple[str, list[str]]:
    """The local part of a leaf's text, and those of its parts that lie elsewhere."""
    if Path(text).is_file():
        return text, []
    parts = [part.strip() for part in text.split(",")]
    local = [part for part in parts if not part.startswith(_ELSEWHERE)]
    return (text if len(local) == len(parts) else ",".join(local)), [p for p in parts if p.startswith(_ELSEWHERE)]


def _files(text: str) -> list[Path]:
    """Files of a data leaf: one, a pattern, several joined with commas, parallel ones; none where one is not there."""
    if Path(text).is_file():
        return [Path(text)]
    found: list[Path] = []
    for part in (part.strip() for piece in text.split(",") for part in piece.split(_PAIR)):
        matches = [part] if Path(part).is_file() else sorted(glob.glob(part, recursive=True))  # noqa: PTH207
        if not matches:
            return []
        found += [Path(match) for match in matches if Path(match).is_file()]
    return found


def _inside(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file()) if folder.is_dir() else []
