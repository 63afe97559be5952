"""What a study claims: ``claims.toml`` beside its README, a figure with the command that makes it and how near is near.

::

    [study]                       # the five parts of a study: a sentence, a command, or a file beside this one
    hypothesis = "..."
    command = "python experiments/NAME/run.py --data {data} --output {output}"
    log = "log.txt"
    table = "table.md"
    conclusion = "README.md"

    [[claims]]
    id = "short-name"
    claim = "what is claimed, in words"
    value = 0.449                 # as printed: its last digit says how exact it is
    command = "..."               # makes the figure anew; the study's own where it is left out
    kept = { file = "runs.jsonl", where = { arm = "base" }, key = "test.macro_f1" }
    fresh = { file = "{output}/base/seed-*/run.json", key = "final.test.macro_f1" }
    tolerance = { "bitwise on CPU" = 1e-5, "same accelerator" = 3e-3, statistical = 0.02 }

``key`` is a dotted path into JSON; ``pattern`` instead, the first group of a regular expression in any text. What
several files or lines give is averaged. What a command prints is kept in ``{output}/printed.txt``.
"""

from __future__ import annotations

import glob
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import fmean
from typing import Any

from amharic_tl.errors import BadInputError, MissingInputError, name_some

# The strictest first.
LEVELS = ("bitwise on CPU", "same accelerator", "statistical")
PARTS = ("hypothesis", "command", "log", "table", "conclusion")
FILE = "claims.toml"


@dataclass(frozen=True)
class Reading:
    """Where a figure stands: files by pattern, lines by the values of their keys, and a path or an expression."""

    file: str
    key: str | None = None
    pattern: str | None = None
    where: Mapping[str, Any] | None = None

    def value(self, folder: Path, names: Mapping[str, str]) -> float | None:
        """The mean of what is found; None where nothing is.

        Args:
          folder: that ``file`` is relative to.
          names: what stands in braces in ``file``.

        Raises:
          BadInputError: a file is there and has no such figure.
        """
        found: list[float] = []
        for path in sorted(glob.glob(self.file.format(**names), root_dir=folder)):  # noqa: PTH207 (may be absolute)
            found += self._of_file(folder / path)
        return fmean(found) if found else None

    def _of_file(self, path: Path) -> list[float]:
        text = path.read_text(encoding="utf-8")
        try:
            if self.pattern is not None:
                match = re.search(self.pattern, text)
                return [float(match[1])] if match else []
            if path.suffix == ".jsonl":
                records = [json.loads(line) for line in text.splitlines() if line.strip()]
            else:
                records = [json.loads(text)]
            wanted = (self.where or {}).items()
            chosen = [one for one in records if all(_at(one, name) == value for name, value in wanted)]
            values = [_at(record, self.key or "") for record in chosen]
        except (ValueError, TypeError, IndexError) as error:
            raise BadInputError(f"{path}: no figure could be read ({error})") from None
        return [float(value) for value in values if isinstance(value, int | float)]


@dataclass(frozen=True)
class Claim:
    """A figure that a study stands for. ``kept`` is read beside the study, ``fresh`` from the repository's root.

    ``printed`` is ``value`` as it was written: 0.030 is exact to three places.
    """

    id: str
    claim: str
    value: float
    printed: str
    command: str
    kept: Reading
    fresh: Reading | None
    tolerance: Mapping[str, float]

    def rounding(self) -> float:
        """Half a unit of the last digit of ``value``."""
        exponent = Decimal(self.printed).as_tuple().exponent
        return 0.5 * 10.0 ** int(exponent) * (1 + 1e-9)


@dataclass(frozen=True)
class Study:
    """A folder of experiments with what it says of itself. ``parts`` holds the five of ``PARTS``."""

    name: str
    folder: Path
    parts: Mapping[str, str]
    claims: tuple[Claim, ...]


def find_studies(root: Path) -> list[Path]:
    """Folders below ``root`` that hold a claims.toml."""
    return sorted(path.parent for path in root.glob(f"*/{FILE}"))


def load_study(folder: Path) -> Study:
    """Reads a study's claims.

    Raises:
      MissingInputError: the folder has none; those beside it that have some are named.
      BadInputError: the file is no TOML, or lacks or misspells something; up to ten are named.
    """
    path = folder / FILE
    if not path.is_file():
        known = [study.name for study in find_studies(folder.parent)]
        hint = f"; with claims are {name_some(known)}" if known else ""
        raise MissingInputError(f"{folder} has no {FILE}{hint}")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=_Printed)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} is not valid TOML: {error}") from None
    parts = found.get("study", {})
    problems = [f"[study] lacks {part}" for part in PARTS if not isinstance(parts.get(part), str)]
    claims = []
    for number, entry in enumerate(found.get("claims", []), 1):
        try:
            claims.append(_claim(entry, parts.get("command", "")))
        except (KeyError, TypeError, ValueError) as error:
            problems.append(f"claim {number} ({entry.get('id', 'without id')}): {error}")
    ids = [claim.id for claim in claims]
    problems += [f"two claims are called {name!r}" for name in sorted({one for one in ids if ids.count(one) > 1})]
    if problems:
        raise BadInputError(f"{path}: {name_some(problems)}")
    return Study(folder.name, folder, {part: parts[part] for part in PARTS}, tuple(claims))


def _claim(entry: Mapping[str, Any], command: str) -> Claim:
    unknown = set(entry) - {"id", "claim", "value", "command", "kept", "fresh", "tolerance"}
    if unknown:
        raise ValueError(f"there is no {name_some(sorted(unknown))}")
    tolerance = {str(level): float(value) for level, value in entry["tolerance"].items()}
    strange = sorted(set(tolerance) - set(LEVELS))
    if strange or not tolerance:
        raise ValueError(f"tolerance has levels {', '.join(LEVELS)}; found {name_some(strange) or 'none'}")
    fresh = entry.get("fresh")
    return Claim(
        str(entry["id"]),
        str(entry["claim"]),
        float(entry["value"]),
        str(entry["value"]),
        str(entry.get("command", command)),
        Reading(**entry["kept"]),
        None if fresh is None else Reading(**fresh),
        tolerance,
    )


class _Printed(float):
    """A number that keeps how it was written, zeros at its end too."""

    text: str

    def __new__(cls, text: str) -> _Printed:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __str__(self) -> str:
        return self.text


def _at(record: Any, path: str) -> Any:
    for name in path.split("."):
        if not isinstance(record, dict) or name not in record:
            return None
        record = record[name]
    return record
