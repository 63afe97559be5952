"""One file from the net, kept only if its sha256 is the recorded one; and where such files are kept."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from amharic_tl.errors import BadInputError, CannotCreateError, MissingInputError

TIMEOUT_SECONDS = 30


def cache_dir() -> Path:
    """Where data sets are kept and built: ``$AMHARIC_TL_DATA_DIR``, or ``~/.cache/amharic_tl``."""
    named = os.environ.get("AMHARIC_TL_DATA_DIR")
    return Path(named) if named else Path.home() / ".cache" / "amharic_tl"


def fetch(urls: Sequence[str], target: Path, sha256: str) -> None:
    """Makes ``target`` a file with the given sha256: keeps one that is there, else downloads it.

    Args:
      urls: addresses of the same file, tried in turn where the server says that there is nothing.
      target: where to put it; its folder is created.
      sha256: hexadecimal.

    Raises:
      MissingInputError: no address answers with a file.
      BadInputError: the file there has another sha256.
      CannotCreateError: it cannot be stored.
    """
    if target.is_file() and hashlib.sha256(target.read_bytes()).hexdigest() == sha256:
        return
    content = _first_answer(urls)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise BadInputError(f"{urls[0]} is not the file recorded for this revision: sha256 {found}, expected {sha256}")
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise CannotCreateError(f"could not store {target}: {error.strerror}") from error


def _first_answer(urls: Sequence[str]) -> bytes:
    absent = []
    for url in urls:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            absent.append(f"{url}: HTTP status {error.code}")
        except (OSError, http.client.HTTPException) as error:
            raise MissingInputError(f"{url} could not be fetched: {getattr(error, 'reason', error)}") from None
    raise MissingInputError(f"nothing could be fetched: {'; '.join(absent)}")
