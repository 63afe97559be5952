"""Which files of a Hugging Face hub repository make up a split, and what its card says of them.

A card (README.md) that declares ``configs`` decides; then the layout of the hub's own parquet conversion,
``config/split/0000.parquet``; then the names of files and folders, as Hugging Face's ``datasets`` goes by them.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from amharic_tl.errors import BadInputError, MissingInputError, name_some

_ENDINGS = ("parquet", "csv", "csv.gz", "tsv", "tsv.gz", "jsonl", "jsonl.gz", "json", "txt", "txt.gz")
_SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_ALL_SPLIT_WORDS = {word for words in _SPLIT_WORDS.values() for word in words}
# Files about the data, not of it.
_NOT_DATA = {"config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
_DOCUMENTS = {"license", "licence", "readme", "requirements", "citation", "changelog"}
_CONVERTED = re.compile(r"(?P<config>[^/]+)/(?P<partial>partial-)?(?P<split>[^/]+)/\d{4,}\.parquet")
_SHARD = re.compile(r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.")


def data_names(names: Iterable[str]) -> list[str]:
    """Those names that end as a format that can be read; hidden files and descriptions left out."""
    found = []
    for name in names:
        path = PurePosixPath(name)
        hidden = any(part.startswith((".", "__")) and part != ".." for part in path.parts)
        if name.lower().endswith(tuple(f".{ending}" for ending in _ENDINGS)) and not hidden:
            found.append(name)
    paths = [PurePosixPath(name) for name in found]
    about = [path.name in _NOT_DATA or path.name.split(".")[0].lower() in _DOCUMENTS for path in paths]
    return [name for name, is_about in zip(found, about, strict=True) if not is_about]


def declares_files(card: Mapping[str, Any]) -> bool:
    """Whether a card says which files are which split."""
    return any(isinstance(entry, Mapping) for entry in card.get("configs") or [])


def choose_files(spec: str, names: Sequence[str], card: Mapping[str, Any], config: str | None, split: str) -> list[str]:
    """The names, among those of a repository, that hold a split; parquet is preferred where formats repeat each other.

    Raises:
      MissingInputError: none does; the configurations, splits or files that were found are named.
      BadInputError: shards are absent.
    """
    data = data_names(names)
    if declares_files(card):
        found = _declared(spec, card["configs"], data, config, split)
    else:
        found = _converted(spec, data, config, split) or _by_name(spec, data, config, split)
    if not found:
        raise MissingInputError(f"{spec}: no data file of split {split!r}{_of(config)}; {_what_there_is(data, config)}")
    formats = {_format(name) for name in found}
    if len(formats) > 1:
        preferred = min(formats, key=_ENDINGS.index)
        found = [name for name in found if _format(name) == preferred]
    _check_shards(spec, found)
    return sorted(found)


def _of(config: str | None) -> str:
    return f" of configuration {config!r}" if config else ""


def _what_there_is(data: Sequence[str], config: str | None) -> str:
    """The rest of a sentence about a split that is not there."""
    if not data:
        return "the repository holds no csv, tsv, jsonl, txt or parquet files"
    said = f"the repository holds {name_some(sorted(data))}"
    named = [split for split, words in _SPLIT_WORDS.items() if any(_says(name, words) for name in data)]
    if named:
        said += f". By their names these are splits called {', '.join(named)}"
    folders = sorted({part for name in data for part in PurePosixPath(name).parts[:-1]} - _ALL_SPLIT_WORDS - {"data"})
    if config is not None and folders:
        said += f"; configurations may be {name_some(folders)}"
    return said


def _format(name: str) -> str:
    return max((ending for ending in _ENDINGS if name.lower().endswith(f".{ending}")), key=len)


def _check_shards(spec: str, found: Sequence[str]) -> None:
    """Refuses a split of which shards are absent: a part of it must not pass for the whole."""
    shards: dict[tuple[str, int], set[int]] = {}
    for name in found:
        if match := _SHARD.match(name):
            shards.setdefault((match["stem"], int(match["count"])), set()).add(int(match["number"]))
    for (stem, count), numbers in shards.items():
        if len(numbers) != count:
            absent = [f"{stem}-{number:05d}-of-{count:05d}" for number in range(count) if number not in numbers]
            raise BadInputError(f"{spec}: {len(absent)} of {count} shards are not there: {name_some(absent)}")


def _declared(spec: str, declared: Sequence[Any], data: Sequence[str], config: str | None, split: str) -> list[str]:
    """Files by the ``configs`` of a card: ``[{config_name, data_files: [{split, path}]}]``."""
    named = {str(entry.get("config_name", "default")): entry for entry in declared if isinstance(entry, Mapping)}
    default = next((name for name, entry in named.items() if entry.get("default")), None)
    if config is None:
        config = default or ("default" if "default" in named or len(named) != 1 else next(iter(named)))
    if config not in named:
        raise MissingInputError(f"{spec}: there is no configuration {config!r}; there are {name_some(named)}")
    files = named[config].get("data_files", [])
    folder = str(named[config].get("data_dir", "")).strip("/")
    if not files:
        below = [name for name in data if not folder or name.startswith(f"{folder}/")]
        return _by_name(spec, below, None, split)
    patterns = _patterns(files)
    if split not in patterns:
        raise MissingInputError(
            f"{spec}: no data file of split {split!r}{_of(config)}; its splits are {name_some(patterns)}"
        )
    rooted = [(f"{folder}/{pattern}" if folder else pattern).removeprefix("./") for pattern in patterns[split]]
    return [name for name in data if any(_matches(name, pattern) for pattern in rooted)]


def _patterns(files: Any) -> dict[str, list[str]]:
    """``data_files`` in each of its forms, as patterns by split; files without a split are training data."""
    patterns: dict[str, list[str]] = {}
    for entry in [files] if isinstance(files, str | Mapping) else files:
        if isinstance(entry, str):
            patterns.setdefault("train", []).append(entry)
        elif isinstance(entry, Mapping):
            path = entry.get("path", [])
            patterns.setdefault(str(entry.get("split")), []).extend([path] if isinstance(path, str) else path)
    return patterns


def _matches(name: str, pattern: str) -> bool:
    # ``**/`` may also stand for no folder at all.
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, pattern.replace("**/", ""))


def _converted(spec: str, data: Sequence[str], config: str | None, split: str) -> list[str]:
    """Files of the hub's own conversion, ``config/split/0000.parquet``; none where the repository is not laid out so.

    Raises:
      MissingInputError: no such split; or the hub converted only the beginning of it (``partial-split``).
    """
    matches = [_CONVERTED.fullmatch(name) for name in data]
    configs = sorted({match["config"] for match in matches if match})
    if not all(matches) or not configs or (config is not None and config not in configs):
        return []
    if config is None:
        if len(configs) > 1 and "default" not in configs:
            raise MissingInputError(f"{spec}: name one of its configurations, owner/name/CONFIG; there are {configs}")
        config = configs[0] if len(configs) == 1 else "default"
    mine = [match for match in matches if match and match["config"] == config]
    found = [match for match in mine if match["split"] == split]
    if not found:
        splits = sorted({match["split"] for match in mine})
        raise MissingInputError(
            f"{spec}: no data file of split {split!r}{_of(config)}; its splits are {name_some(splits)}"
        )
    if any(match["partial"] for match in found):
        raise MissingInputError(
            f"{spec}: the hub converted only the beginning of split {split!r}; download the repository's own files and "
            "name them instead"
        )
    return [match.string for match in found]


def _by_name(spec: str, data: Sequence[str], config: str | None, split: str) -> list[str]:
    """Files whose name or folder says the split, in the folder (or with the name) of the configuration.

    Where no name says any split, everything is training data.
    """
    if config is not None and config != "default":
        data = [name for name in data if config in _words(name, whole=True)]
    elif config == "default" and any("default" in PurePosixPath(name).parts[:-1] for name in data):
        data = [name for name in data if "default" in PurePosixPath(name).parts[:-1]]
    found = [name for name in data if _says(name, _SPLIT_WORDS.get(split, (split,)))]
    if split == "train" and not any(_says(name, _ALL_SPLIT_WORDS) or _is_named_shard(name) for name in data):
        found = list(data)
    folders = sorted({"/".join(part for part in _folders(name) if part not in _ALL_SPLIT_WORDS) for name in found})
    if config is None and len(folders) > 1:
        raise MissingInputError(
            f"{spec}: split {split!r} stands in several folders, as languages or configurations do: "
            f"{name_some(folder or '(the top)' for folder in folders)}; name one, owner/name/FOLDER:{split}"
        )
    return found


def _is_named_shard(name: str) -> bool:
    """Whether a file is called as ``datasets`` calls those that it uploads: ``data/SPLIT-00000-of-00001.parquet``."""
    return _folders(name)[-1:] == ("data",) and _SHARD.match(name) is not None


def _folders(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts[:-1]


def _says(name: str, words: Iterable[str]) -> bool:
    return not set(words).isdisjoint(_words(name))


def _words(name: str, whole: bool = False) -> set[str]:
    """Words of a path, cut at separators as in ``data/train-00000-of-00002.parquet``; ``whole``: uncut parts too."""
    path = PurePosixPath(name)
    stem = path.name.split(".")[0]
    parts = [*path.parts[:-1], stem]
    words = {word for part in parts for word in re.split(r"[-._ ]|(?<=\D)(?=\d)", part) if word}
    return words | set(parts) if whole else words


def class_names(card: Mapping[str, Any], config: str | None) -> dict[str, list[str]]:
    """The names behind columns of class numbers, by column, as the card's ``dataset_info`` has them.

    ``dataset_info`` is one description or one a configuration; a class column is ``{class_label: {names: {'0': a}}}``,
    in a list under ``sequence`` or ``list``.
    """
    described = card.get("dataset_info") or []
    entries = [entry for entry in ([described] if isinstance(described, Mapping) else described) if entry]
    mine = [entry for entry in entries if str(entry.get("config_name", "default")) == (config or "default")]
    if not mine and len(entries) == 1:
        mine = entries
    found = {}
    for feature in (mine[0].get("features") or []) if mine else []:
        names = _names_of(feature)
        if names is not None:
            found[str(feature.get("name"))] = names
    return found


def _names_of(feature: Any) -> list[str] | None:
    while isinstance(feature, Mapping):
        if isinstance(label := feature.get("class_label"), Mapping):
            names = label.get("names")
            if isinstance(names, Mapping):
                return [str(names[key]) for key in sorted(names, key=int)]
            return [str(name) for name in names] if isinstance(names, list) else None
        feature = feature.get("dtype") or feature.get("sequence") or feature.get("list")
    return None
