"""What makes two runs the same run (``run_id``), and what they are called.

A ``run_id`` is the SHA-256 of the resolved config as canonical JSON, its first 16 hexadecimal digits. It leaves out
what does not change the result: the workdir, which is no leaf, ``output.*``, ``mesh.*``, ``train.log_every`` and other
leaves that a resumption may change. Of a leaf that names local files only their contents count
(:mod:`amharic_tl.sweeps.inputs`), so that the same data elsewhere is the same run, and edited data another one. Not in
it: the version of the code and of the libraries, which ``run.json`` keeps.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from amharic_tl.config import MAY_CHANGE_ON_RESUME, Config, flatten, to_dict
from amharic_tl.sweeps.measured import Value

# A folds file may lie elsewhere on resume, but says which rows are learned from.
IGNORED = (*(name for name in MAY_CHANGE_ON_RESUME if name != "data.folds"), "output.")
# Leaves that may name local files or folders.
INPUT_LEAVES = (
    *("model.path", "data.train", "data.validation", "data.test", "data.folds"),
    *("adapt.dapt.data", "adapt.dapt.validation"),
    *("safety.pack", "safety.reference"),
)
_LONGEST_NAME = 60  # characters; Ethiopic letters take three bytes each, and a file name may have 255


def leaf_values(config: Config) -> dict[str, Any]:
    """Every leaf of a config by its dotted name, tuples as lists."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in flatten(to_dict(config)).items()
    }


def run_id(
    config: Config, fingerprints: Mapping[str, str] | None = None, known_leaves: Collection[str] | None = None
) -> str:
    """The identity of a run: 16 hexadecimal digits.

    Args:
      config: resolved.
      fingerprints: of local inputs, by the text that names them; a text without one counts as it is written.
      known_leaves: those that there were when the identity was made; None: all.
    """
    known = fingerprints or {}

    def content(value: Any) -> Any:
        if isinstance(value, list):
            return [content(part) for part in value]
        return known.get(value, value) if isinstance(value, str) else value

    counted = {
        name: content(value) if name in INPUT_LEAVES else value
        for name, value in leaf_values(config).items()
        if not name.startswith(IGNORED)
        and (known_leaves is None or name in known_leaves)
        # What is not divided keeps the identity that it had before there were folds.
        and not (name == "data.folds" and value is None)
    }
    canonical = json.dumps(counted, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()[:16]


def plain(value: Any) -> Value:
    """A leaf's value as one of the types that a table holds: lists are joined with commas."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value


def names(points: Sequence[Mapping[str, Value]]) -> list[str]:
    """What points are called: ``method=head,lr=0.001``, with as much of a leaf's name as tells it from the others.

    Points that would be called the same (two files of one name) have their values written out.
    """
    leaves = dict.fromkeys(leaf for point in points for leaf in point)
    last = Counter(leaf.rsplit(".", 1)[-1] for leaf in leaves)
    short = {leaf: leaf.rsplit(".", 1)[-1] if last[leaf.rsplit(".", 1)[-1]] == 1 else leaf for leaf in leaves}

    def name(point: Mapping[str, Value], whole: bool) -> str:
        return ",".join(f"{short[leaf]}={_shown(value, whole)}" for leaf, value in point.items()) or "base"

    brief = [name(point, False) for point in points]
    counts = Counter(brief)
    return [text if counts[text] == 1 else name(point, True) for text, point in zip(brief, points, strict=True)]


def file_name(name: str, identity: str) -> str:
    """A run's name as a file's: separators and spaces replaced, cut, and told apart by its ``run_id``."""
    safe = re.sub(r"[^\w.=,+-]+", "_", name)[:_LONGEST_NAME].strip("._")
    return f"{safe}-{identity[:8]}"


def _shown(value: Value, whole: bool) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).rstrip("/").rsplit("/", 1)[-1] if isinstance(value, str) and not whole else str(value)
