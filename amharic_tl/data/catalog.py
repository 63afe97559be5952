"""``tfds:name/config:split``: TFDS data sets built and read without TensorFlow.

The bundled ones (``tfds_builders/``) are built on first use into a cache; others are read where TFDS has prepared them
as array_record files.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import hashlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.data.download import cache_dir, fetch
from amharic_tl.data.readers import ID_COLUMNS
from amharic_tl.data.rows import Columns, Row, Source, SourceFile
from amharic_tl.data.tfds_builders import BUILDERS, builder_class
from amharic_tl.data.values import UnusableValue, label_text, make_row
from amharic_tl.errors import BadInputError, CannotCreateError, ConfigError, MissingInputError, name_some

_SPEC = re.compile(r"tfds:(?P<name>\w+)(/(?P<config>[^:/]+))?:(?P<split>\w+)")


def read_tfds(spec: str, columns: Columns) -> Source:
    """Reads a split of a TFDS data set, building it first where that is needed.

    A bundled one is built from ``$AMHARIC_TL_SOURCE_DIR/<name>`` where that folder exists, else from its public home.

    Args:
      spec: ``tfds:name/config:split``.
      columns: the features that are text and label.

    Raises:
      ConfigError: the specification is not of that form, or has no such configuration.
      MissingInputError: no such data set or split; nothing to build it from.
      BadInputError: no such feature; a file with another sha256 than the recorded one.
    """
    match = _SPEC.fullmatch(spec)
    if match is None:
        raise ConfigError(f"{spec}: expected tfds:name/config:split, for example tfds:afrisenti/amh:train")
    if columns.header is not None:
        raise ConfigError(
            f"{spec}: config.data.columns is for files without header; a TFDS data set has named features"
        )
    name, config, split = match["name"], match["config"], match["split"]
    builder = _bundled(spec, name, config) if name in BUILDERS else _prepared(spec, name, config)
    if split not in builder.info.splits:
        near = difflib.get_close_matches(split, list(builder.info.splits), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise MissingInputError(f"{spec}: the splits are {', '.join(builder.info.splits)}{hint}")
    _require_features(spec, columns, list(builder.info.features))
    rows = _rows(builder, f"{builder.info.full_name}:{split}", builder.as_data_source(split=split), columns)
    about = builder.info
    named = {"Licence": about.redistribution_info.license, "Cite": about.citation}
    notes = (
        [about.description, *(f"{title}: {said}" for title, said in named.items() if said)] if about.description else []
    )
    return Source(
        f"tfds:{builder.info.full_name}:{split}", rows, _files(builder, split, len(rows)), "tfds", None, notes
    )


def _bundled(spec: str, name: str, config: str | None) -> Any:
    """A bundled builder, its data ready to read."""
    cls = builder_class(name)
    configs = [item.name for item in cls.BUILDER_CONFIGS]
    if config is None and len(configs) == 1:
        config = configs[0]
    if config not in configs:
        raise ConfigError(
            f"{spec}: name a configuration of {name}, one of {', '.join(f'tfds:{name}/{c}' for c in configs)}"
        )
    root = cache_dir() / "tfds"
    with _one_at_a_time(root, name):
        builder = cls(config=config, data_dir=str(root), file_format="array_record")
        if not Path(builder.data_dir).exists():
            _build(spec, builder)
    return builder


def _build(spec: str, builder: Any) -> None:
    """Has TFDS build from files that are here already: its own downloader waits for minutes where there is no net."""
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    options = tfds.download.DownloadConfig(
        manual_dir=str(_source_folder(spec, builder)), try_download_gcs=False, force_checksums_validation=True
    )
    try:
        # TFDS announces itself on stdout, which belongs to the command's own result.
        with contextlib.redirect_stdout(io.StringIO()), _no_bars():
            builder.download_and_prepare(download_config=options)
    except NonMatchingChecksumError as error:
        raise BadInputError(
            f"{spec}: a file is not the one recorded for the pinned revision: {' '.join(str(error).split())}"
        ) from None
    except OSError as error:
        raise CannotCreateError(f"{spec}: could not be built in {builder.data_dir}: {error}") from error


def _source_folder(spec: str, builder: Any) -> Path:
    """A folder that holds the files of all splits, downloaded if ``$AMHARIC_TL_SOURCE_DIR`` has none."""
    wanted: dict[str, tuple[list[str], str]] = {}
    for split in builder.SPLITS:
        urls = builder.urls(builder.builder_config.name, split)
        for (name, _, sha256), addresses in zip(builder.source_files(split), urls, strict=True):
            wanted[name] = (addresses, sha256)
    names = ", ".join(wanted)
    root = os.environ.get("AMHARIC_TL_SOURCE_DIR")
    local = [Path(root) / folder for folder in builder.FOLDERS] if root else []
    for folder in local:
        if folder.is_dir():
            absent = [name for name in wanted if not (folder / name).is_file()]
            if absent:
                raise MissingInputError(f"{spec}: {folder} lacks {', '.join(absent)}")
            return folder
    folders = " or ".join(f"{folder}/" for folder in builder.FOLDERS)
    if builder.LOCAL_ONLY:
        raise MissingInputError(
            f"{spec} cannot be downloaded: {builder.LOCAL_ONLY} ({builder.HOME}). Set AMHARIC_TL_SOURCE_DIR to a "
            f"folder that holds {folders} with {names}"
        )
    target = cache_dir() / "downloads" / str(builder.name)
    try:
        for name, (addresses, sha256) in wanted.items():
            fetch(addresses, target / name, sha256)
    except MissingInputError as error:
        raise MissingInputError(
            f"{spec}: {error}. Connect, or set AMHARIC_TL_SOURCE_DIR to a folder that holds {folders} with {names}"
        ) from None
    return target


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    from tensorflow_datasets.core.utils import tqdm_utils

    active = tqdm_utils._active
    tqdm_utils.display_progress_bar(False)
    try:
        yield
    finally:
        tqdm_utils.display_progress_bar(active)


@contextlib.contextmanager
def _one_at_a_time(root: Path, name: str) -> Iterator[None]:
    """Lets one process of a machine build a data set while the others wait for it."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / f".{name}.lock").open("w")
    except OSError as error:
        raise CannotCreateError(f"could not create {root}: {error.strerror}; set AMHARIC_TL_DATA_DIR") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepared(spec: str, name: str, config: str | None) -> Any:
    """A data set that TFDS prepared before, read from its files alone."""
    import tensorflow_datasets as tfds

    folders = [cache_dir() / "tfds", Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()]
    for folder in folders:
        versions = sorted(folder.glob(f"{name}/{config}/*.*.*" if config else f"{name}/*.*.*"), key=_version)
        if versions:
            builder = tfds.builder_from_directory(str(versions[-1]))
            if builder.info.file_format is None or builder.info.file_format.value != "array_record":
                raise BadInputError(
                    f"{spec}: {versions[-1]} is not stored as array_record; prepare it in that file_format"
                )
            return builder
    near = difflib.get_close_matches(name, list(BUILDERS), n=1)
    hint = f" (did you mean tfds:{near[0]}?)" if near else ""
    raise MissingInputError(
        f"{spec}: bundled are {', '.join(BUILDERS)}{hint}. Other data sets must have been prepared by TFDS with "
        f"file_format=array_record in {' or '.join(map(str, folders))}"
    )


def _version(path: Path) -> list[int]:
    return [int(part) if part.isdecimal() else -1 for part in path.name.split(".")]


def _require_features(spec: str, columns: Columns, found: list[str]) -> None:
    for column in columns.wanted():
        if column not in found:
            near = difflib.get_close_matches(column, found, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadInputError(
                f"{spec}: there is no feature {column!r}{hint} Found: {name_some(map(repr, found))} "
                "(config.data.text, config.data.label)"
            )


def _rows(builder: Any, place: str, records: Any, columns: Columns) -> list[Row]:
    features = builder.info.features
    identity = next((name for name in ID_COLUMNS if name in features), None)

    def value_of(record: Any, name: str) -> Any:
        return _plain(record[name], features[name])

    rows: list[Row] = []
    ids: list[str] = []
    for number in range(len(records)):
        record = records[number]
        values = [value_of(record, name) for name in columns.wanted()]
        try:
            rows.append(make_row(f"{place}:{number + 1}", values, columns, place, number + 1))
        except UnusableValue as error:
            raise BadInputError(f"{place}, record {number + 1}: {'; '.join(error.args)}") from None
        if identity is not None:
            ids.append(label_text(value_of(record, identity)))
    if not rows:
        raise BadInputError(f"{place} has no rows")
    if len(set(ids)) == len(rows):
        return [replace(row, id=own) for own, row in zip(ids, rows, strict=True)]
    return rows


def _plain(value: Any, feature: Any) -> Any:
    """A value as Python's own: texts, numbers, names of classes, lists of them."""
    if isinstance(value, np.ndarray | list) and hasattr(feature, "feature"):
        return [_plain(item, feature.feature) for item in value]
    if hasattr(feature, "int2str"):
        return feature.int2str(int(value))
    value = value.decode("utf-8") if isinstance(value, bytes) else value
    return value.item() if isinstance(value, np.generic) else value


def _files(builder: Any, split: str, rows: int) -> list[SourceFile]:
    """What a split was built from, where that is recorded; otherwise the files it is stored in."""
    if hasattr(builder, "source_files"):
        return [SourceFile(name, sha256, size, rows) for name, size, sha256 in builder.source_files(split)]
    info = builder.info.splits[split]
    found = []
    for path, count in zip(info.filepaths, info.shard_lengths, strict=True):
        data = Path(path).read_bytes()
        found.append(SourceFile(Path(path).name, hashlib.sha256(data).hexdigest(), len(data), count))
    return found
