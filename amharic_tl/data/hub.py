"""``hf:owner/name[@revision]/config:split``: a split of a Hugging Face hub repository, fetched at one commit.

Nothing of the repository is executed. A data set that is a loading script is read from the parquet files that the hub
made of it (its branch ``refs/convert/parquet``). What was listed and fetched once is read again without a network.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from amharic_tl.data.download import cache_dir
from amharic_tl.data.hub_layout import choose_files, class_names, data_names, declares_files
from amharic_tl.errors import BadInputError, ConfigError, MissingInputError

CONVERTED = "refs/convert/parquet"
_SPEC = re.compile(
    r"hf:(?P<repo>[^/@:]+/[^/@:]+)(@(?P<revision>refs/convert/\w+|refs/pr/\d+|(?!refs/)[^:]+?))?"
    r"(/(?P<config>[^/:@]+))?:(?P<split>[\w.-]+)"
)


@dataclass(frozen=True)
class FilesOfSplit:
    """The files of a split.

    Attributes:
      spec: with the commit that was read in the place of the revision.
      files: in the local cache.
      classes: names behind columns of class numbers that the card tells; what a file says of itself comes first.
      notes: sentences for the user: licence, and where the files come from if not from where one would think.
    """

    spec: str
    files: list[Path]
    classes: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Listing:
    commit: str
    names: list[str]
    card: Mapping[str, Any]


def hub_split(spec: str) -> FilesOfSplit:
    """Fetches the files of a split, or takes them from the local cache when the hub cannot be reached.

    Args:
      spec: ``hf:owner/name[@revision]/config:split``; the revision is a branch, tag or commit.

    Raises:
      ConfigError: the specification is not of that form.
      MissingInputError: no such repository, revision, configuration or split; no connection and nothing cached; a
        loading script that the hub made no parquet files of.
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ConfigError(
            f"{spec}: expected hf:owner/name[@revision]/config:split, for example hf:owner/name@main/default:train"
        )
    repo, revision, config, split = match["repo"], match["revision"], match["config"], match["split"]
    listing = _listing(spec, repo, revision)
    notes = [f"{repo} on the hub: licence {listing.card['license']}"] if listing.card.get("license") else []
    script = f"{repo.split('/')[1]}.py" in listing.names
    unread = not data_names(listing.names) or (script and not declares_files(listing.card))
    layout = listing
    if unread and revision is None:
        converted = _listing_or_none(spec, repo, CONVERTED)
        if converted is not None:
            layout = _Listing(converted.commit, converted.names, {})
            notes.append(f"{repo}: read from the parquet files that the hub made of it ({CONVERTED})")
    try:
        chosen = choose_files(spec, layout.names, layout.card, config, split)
    except MissingInputError as error:
        raise (_script_only(spec, repo, config, split, revision) if script and layout is listing else error) from None
    fetched = [_fetch(spec, repo, layout.commit, name) for name in chosen]
    pinned = f"hf:{repo}@{layout.commit}{f'/{config}' if config else ''}:{split}"
    return FilesOfSplit(pinned, fetched, class_names(listing.card, config), notes)


def pin(spec: str, recorded: str) -> str:
    """``spec`` at the commit of ``recorded`` where both name the same split of one repository, else ``spec`` as it is.

    A run that goes on reads what it began with, also when the branch has moved since.
    """
    asked, before = _SPEC.fullmatch(spec), _SPEC.fullmatch(recorded)
    if asked is None or before is None:
        return spec
    same = all(asked[name] == before[name] for name in ("repo", "config", "split"))
    return recorded if same else spec


def _script_only(spec: str, repo: str, config: str | None, split: str, revision: str | None) -> MissingInputError:
    name = f", {config!r}" if config else ""
    other = f"Try hf:{repo}@{CONVERTED}{f'/{config}' if config else ''}:{split}. " if revision else ""
    return MissingInputError(
        f"{spec}: {repo} is a loading script, which is not executed here, and "
        f"{'this revision holds' if revision else 'the hub has'} no parquet files of it. {other}If you trust the "
        f'script, convert the data once, where datasets<4 is installed: python -c "from datasets import load_dataset; '
        f"load_dataset({repo!r}{name}, split={split!r}, trust_remote_code=True).to_parquet('{split}.parquet')\", and "
        f"name {split}.parquet"
    )


class _NoRevision(MissingInputError):
    """The repository is there, and has no such revision."""


def _listing_or_none(spec: str, repo: str, revision: str) -> _Listing | None:
    try:
        return _listing(spec, repo, revision)
    except _NoRevision:
        return None


def _listing(spec: str, repo: str, revision: str | None) -> _Listing:
    """Commit, file names and card of a repository; as last seen where there is no connection."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        info = HfApi().dataset_info(repo, revision=revision)
    except GatedRepoError:
        raise MissingInputError(
            f"{spec}: {repo} asks for its terms to be accepted: do so on its page, then type `hf auth login` "
            "(or set HF_TOKEN)"
        ) from None
    except RepositoryNotFoundError:
        raise MissingInputError(
            f"{spec}: the hub has no public data set {repo}; a private one needs `hf auth login` first (or HF_TOKEN)"
        ) from None
    except RevisionNotFoundError:
        raise _NoRevision(f"{spec}: {repo} has no revision {revision!r}") from None
    except HFValidationError as error:
        raise ConfigError(f"{spec}: {repo} is no name of a repository: {error}") from None
    except Exception as error:  # no connection, a proxy's refusal, offline mode: the HTTP library raises its own
        commit, names = _seen(spec, repo, revision, error)
    else:
        commit, names = str(info.sha), [item.rfilename for item in info.siblings or []]
        _remember(repo, revision, commit, names)
    card = _card(_fetch(spec, repo, commit, "README.md")) if "README.md" in names else {}
    return _Listing(commit, names, card)


def _note_of(repo: str, revision: str | None) -> Path:
    return cache_dir() / "hub" / repo.replace("/", "--") / f"{quote(revision or 'main', safe='')}.json"


def _remember(repo: str, revision: str | None, commit: str, names: list[str]) -> None:
    """Notes what a revision is, for when there is no network. A cache that cannot be written costs that alone."""
    for known in {revision, commit}:
        path = _note_of(repo, known)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps({"commit": commit, "names": names}), encoding="utf-8")
            partial.replace(path)
        except OSError:
            return


def _seen(spec: str, repo: str, revision: str | None, error: Exception) -> tuple[str, list[str]]:
    """Commit and names as noted here, or as another programme left the repository in huggingface_hub's cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        noted = json.loads(_note_of(repo, revision).read_text(encoding="utf-8"))
        return str(noted["commit"]), list(noted["names"])
    except (OSError, ValueError, KeyError):
        pass
    try:
        folder = Path(snapshot_download(repo, repo_type="dataset", revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        offline = isinstance(error, OfflineModeIsEnabled)
        why = "HF_HUB_OFFLINE is set" if offline else f"the hub could not be reached ({type(error).__name__})"
        at = f" --revision {revision}" if revision else ""
        raise MissingInputError(
            f"{spec}: {why} and {repo} is not in the local cache. "
            f"{'Unset it' if offline else 'Connect'}, or type `hf download {repo} --repo-type dataset{at}` on a "
            "machine with a network and copy its cache here (HF_HOME, usually ~/.cache/huggingface)"
        ) from None
    return folder.name, [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def _card(path: Path) -> Mapping[str, Any]:
    """The YAML head of a repository's README.md, empty where it has none or a broken one."""
    import yaml

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
        raise MissingInputError(
            f"{spec}: could not fetch {name} at {commit[:12]} ({type(error).__name__}); connect and type the same again"
        ) from None
