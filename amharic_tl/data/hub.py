"""``hf:owner/name[@revision]/config:split``: data files of a Hugging Face hub repository, read as they are stored.

Nothing of the repository is executed. Which files make up a split follows the ``configs`` that its card (README.md)
declares; without one, the names of folders and files, as Hugging Face's ``datasets`` goes by them.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from amharic_tl.errors import BadInputError, ConfigError, MissingInputError, name_some

_SPEC = re.compile(r"hf:(?P<repo>[^/@:]+/[^/@:]+)(@(?P<revision>[^:]+?))?(/(?P<config>[^/:@]+))?:(?P<split>[\w.-]+)")
_ENDINGS = ("parquet", "csv", "csv.gz", "tsv", "tsv.gz", "jsonl", "jsonl.gz", "json", "txt", "txt.gz")
_SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}


def hub_files(spec: str) -> tuple[str, list[Path]]:
    """Fetches the files of a split, or takes them from the local cache when the hub cannot be reached.

    Args:
      spec: ``hf:owner/name[@revision]/config:split``; the revision is a branch, tag or commit.

    Returns:
      The specification with the commit that was read, and the files.

    Raises:
      ConfigError: the specification is not of that form.
      MissingInputError: no such repository, revision, configuration or split; no connection and nothing cached.
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ConfigError(
            f"{spec}: expected hf:owner/name[@revision]/config:split, for example hf:owner/name@main/default:train"
        )
    repo, revision, config, split = match["repo"], match["revision"], match["config"], match["split"]
    commit, names, card = _listing(spec, repo, revision)
    chosen = choose_files(spec, names, card, config, split)
    fetched = [_fetch(spec, repo, commit, name) for name in chosen]
    return f"hf:{repo}@{commit}{f'/{config}' if config else ''}:{split}", fetched


def choose_files(spec: str, names: Sequence[str], card: Mapping[str, Any], config: str | None, split: str) -> list[str]:
    """The names, among those of a repository, that hold a split; parquet is preferred where formats repeat each other.

    Raises:
      MissingInputError: none does; the configurations or files that were found are named.
    """
    data = [name for name in names if name.lower().endswith(tuple(f".{ending}" for ending in _ENDINGS))]
    declared = card.get("configs") or []
    found = _declared(spec, declared, data, config, split) if declared else _by_name(data, config, split)
    if not found:
        where = f" of configuration {config!r}" if config else ""
        raise MissingInputError(
            f"{spec}: no data file of split {split!r}{where}; the repository holds "
            f"{name_some(data) if data else 'no csv, tsv, jsonl, txt or parquet files'}"
        )
    formats = {_format(name) for name in found}
    if len(formats) > 1:
        preferred = min(formats, key=_ENDINGS.index)
        found = [name for name in found if _format(name) == preferred]
    return sorted(found)


def _format(name: str) -> str:
    return max((ending for ending in _ENDINGS if name.lower().endswith(f".{ending}")), key=len)


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
    patterns: list[str] = []
    if isinstance(files, str):
        patterns = [files] if split == "train" else []
    for entry in files if isinstance(files, list) else []:
        if isinstance(entry, str):
            patterns += [entry] if split == "train" else []
        elif isinstance(entry, Mapping) and str(entry.get("split")) == split:
            path = entry.get("path", [])
            patterns += [path] if isinstance(path, str) else list(path)
    if not files:
        below = [name for name in data if not folder or name.startswith(f"{folder}/")]
        return _by_name(below, None, split)
    rooted = [f"{folder}/{pattern}" if folder else pattern for pattern in patterns]
    return [name for name in data if any(_matches(name, pattern.removeprefix("./")) for pattern in rooted)]


def _matches(name: str, pattern: str) -> bool:
    # ``**/`` may also stand for no folder at all.
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, pattern.replace("**/", ""))


def _by_name(data: Sequence[str], config: str | None, split: str) -> list[str]:
    """Files whose name or folder says the split, in the folder (or with the name) of the configuration."""
    if config is not None and config != "default":
        data = [name for name in data if config in _words(name, whole=True)]
    elif config == "default" and any("default" in PurePosixPath(name).parts[:-1] for name in data):
        data = [name for name in data if "default" in PurePosixPath(name).parts[:-1]]
    words = _SPLIT_WORDS.get(split, (split,))
    return [name for name in data if not set(words).isdisjoint(_words(name))]


def _words(name: str, whole: bool = False) -> set[str]:
    """Words of a path, cut at separators as in ``data/train-00000-of-00002.parquet``; ``whole``: uncut parts too."""
    path = PurePosixPath(name)
    stem = path.name.split(".")[0]
    parts = [*path.parts[:-1], stem]
    words = {word for part in parts for word in re.split(r"[-._ ]|(?<=\D)(?=\d)", part) if word}
    return words | set(parts) if whole else words


def _listing(spec: str, repo: str, revision: str | None) -> tuple[str, list[str], Mapping[str, Any]]:
    """Commit, file names and card of a repository; those of its cached snapshot where there is no connection."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = HfApi().dataset_info(repo, revision=revision)
    except RepositoryNotFoundError:
        raise MissingInputError(
            f"{spec}: the hub has no public data set {repo} (a private one needs `hf auth login` first)"
        ) from None
    except RevisionNotFoundError:
        raise MissingInputError(f"{spec}: {repo} has no revision {revision!r}") from None
    except Exception as error:  # no connection, a proxy's refusal, offline mode: the HTTP library raises its own
        try:
            folder = Path(snapshot_download(repo, repo_type="dataset", revision=revision, local_files_only=True))
        except LocalEntryNotFoundError:
            raise MissingInputError(
                f"{spec}: the hub could not be reached ({type(error).__name__}) and {repo} is not in the local cache"
            ) from None
        names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
        return folder.name, names, _card(folder / "README.md")
    names = [item.rfilename for item in info.siblings or []]
    card = _card(_fetch(spec, repo, str(info.sha), "README.md")) if "README.md" in names else {}
    return str(info.sha), names, card


def _card(path: Path) -> Mapping[str, Any]:
    """The YAML head of a repository's README.md, empty where it has none or a broken one."""
    import yaml

    if not path.is_file():
        return {}
    head = re.match(r"---\r?\n(.*?)\r?\n---", path.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    try:
        loaded = yaml.safe_load(head[1]) if head else {}
    except yaml.YAMLError:
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _fetch(spec: str, repo: str, commit: str, name: str) -> Path:
    from huggingface_hub import hf_hub_download

    if ".." in PurePosixPath(name).parts:
        raise BadInputError(f"{spec}: the repository names a file outside itself: {name!r}")
    try:
        return Path(hf_hub_download(repo, name, repo_type="dataset", revision=commit))
    except Exception as error:  # as above
        raise MissingInputError(f"{spec}: could not fetch {name} ({type(error).__name__})") from None
