"""Knowledge in YAML: who wrote an entry and who signed it, and files checked against a schema, line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError, MissingInputError

Key = str | int


@dataclass(frozen=True)
class Authorship:
    """Who wrote an entry, from what, and which native speakers have signed it."""

    drafted_by: str
    source: str
    reviewers: tuple[str, ...]
    status: str

    @property
    def reviewed(self) -> bool:
        """Whether a native speaker has signed it."""
        return self.status == "reviewed"

    @property
    def retired(self) -> bool:
        """Whether the entry is kept for the record only: it is read as if it were not there."""
        return self.status == "retired"


def authorship(entry: Mapping[str, Any]) -> Authorship:
    """The authorship of an entry that the schema has checked."""
    return Authorship(entry["drafted_by"], entry["source"], tuple(entry["reviewers"]), entry["status"])


@dataclass(frozen=True)
class YamlFile:
    """A file's values, and where in it they stand."""

    path: Path
    values: dict[str, Any]

    def at(self, *keys: Key) -> str:
        """Where the value under ``keys`` stands, for a message: ``probes.yaml, line 12``."""
        return f"{self.path}, line {_line(self.path, keys)}"


def read_yaml(path: Path, schema_path: Path, kind: str, what: str) -> YamlFile:
    """Reads a file and checks it against the definition ``kind`` of a JSON schema.

    Raises:
      MissingInputError: it is absent from ``what``, such as "the culture pack".
      BadInputError: it is no YAML, or not what the schema asks for; up to ten places are named, by line.
    """
    import yaml
    from jsonschema import Draft202012Validator

    if not path.is_file():
        raise MissingInputError(f"{what} lacks {path}")
    try:
        # The parser written in C, where it was built: these files are long.
        values = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    schema = json.loads(schema_path.read_text(encoding="utf-8"))
    validator = Draft202012Validator({"$defs": schema["$defs"], "$ref": f"#/$defs/{kind}"})
    found = list(validator.iter_errors(values))
    refuse(
        f"{path} is refused",
        [f"line {_line(path, error.path)}, {_place(error.path, values)}: {_short(error.message)}" for error in found],
    )
    return YamlFile(path, dict(values))


def refuse(what: str, problems: Sequence[str]) -> None:
    """Raises with up to ten problems, if there are any.

    Raises:
      BadInputError: there are.
    """
    if problems:
        more = f"\n  and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise BadInputError(f"{what}:\n  " + "\n  ".join(problems[:10]) + more)


def _line(path: Path, keys: Iterable[Key]) -> int:
    """The line, from 1, of the value under ``keys``, or of the nearest one above it."""
    import yaml

    node = yaml.compose(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    line = 1
    for key in keys:
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
        elif isinstance(node, yaml.MappingNode):
            pairs = [(name, value) for name, value in node.value if name.value == str(key)]
            if not pairs:
                break
            line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
            continue
        else:
            break
        line = node.start_mark.line + 1
    return line


def _place(path: Iterable[Key], values: Any) -> str:
    """A readable key path, with the id or name of an entry where it has one: ``groups[3] (oromo).forms``."""
    text = ""
    for key in path:
        values = values[key]
        if isinstance(key, int):
            name = values.get("id", values.get("name")) if isinstance(values, dict) else None
            text += f"[{key}] ({name})" if isinstance(name, str) else f"[{key}]"
        else:
            text += f".{key}" if text else key
    return text or "the file"


def _short(message: str) -> str:
    return message if len(message) <= 300 else f"{message[:140]} ... {message[-140:]}"
