"""Sequestered banks: harmless sentences that stay out of the pack and the repository, known by their sha256 alone.

What is in the open may be trained on or tuned against. A bank lies with its keeper, in the form of a pack's file of
benign sentences; a run names it as ``FILE:SHA256``, looks at it once, when it is finished, and says so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amharic_tl.culture.benign import BenignItem, item_problems, read_benign
from amharic_tl.culture.groups import Axis
from amharic_tl.culture.pack import SCHEMA
from amharic_tl.errors import BadInputError, MissingInputError
from amharic_tl.language.authored import read_yaml, refuse

_NAMED = re.compile(r"(?P<path>.+):(?P<sha256>[0-9a-f]{64})")


@dataclass(frozen=True)
class NamedBank:
    """A bank as a config names it; nothing of it is read yet."""

    path: Path
    sha256: str


def named_bank(text: str) -> NamedBank | None:
    """From ``FILE:SHA256`` (64 hexadecimal digits, lower case); None where it is not of that form."""
    found = _NAMED.fullmatch(text)
    return NamedBank(Path(found["path"]), found["sha256"]) if found else None


def check_bank(bank: NamedBank) -> None:
    """Compares the sum of a bank's bytes with the one named; its sentences are not parsed.

    Raises:
      MissingInputError: there is no such file.
      BadInputError: it is another file.
    """
    if not bank.path.is_file():
        raise MissingInputError(f"config.safety.sequestered: there is no file {bank.path}")
    found = hashlib.sha256(bank.path.read_bytes()).hexdigest()
    if found != bank.sha256:
        raise BadInputError(
            f"config.safety.sequestered: {bank.path} has the sha256 {found[:12]}..., expected {bank.sha256[:12]}...; "
            "it is not the bank that was named"
        )


def read_bank(bank: NamedBank, axes: Mapping[str, Axis]) -> tuple[BenignItem, ...]:
    """The sentences of a bank, checked again.

    Args:
      bank: as named.
      axes: of the culture pack, which its items are about.

    Raises:
      MissingInputError, BadInputError: as :func:`check_bank`, or an item does not fit the axes.
    """
    check_bank(bank)
    items = read_benign(read_yaml(bank.path, SCHEMA, "benign", "config.safety.sequestered"), ())
    refuse(f"{bank.path} is refused", [problem for item in items for problem in item_problems(item, axes)])
    return items
