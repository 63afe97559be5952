"""A YAML file of a pack, checked against the schema; whatever is wrong is named by file and line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError, MissingInputError

_SCHEMA = Path(__file__).parent / "pack.schema.json"
Key = str | int


@dataclass(frozen=True)
class YamlFile:
    """A file's values, and where in it they stand."""

    path: Path
    values: dict[str, Any]

    def at(self, *keys: Key) -> str:
        """Where the value under ``keys`` stands, for a message: ``probes.yaml, line 12``."""
        return f"{self.path}, line {_line(self.path, keys)}"


def read_yaml(path: Path, kind: str) -> YamlFile:
    """Reads a file and checks it against the schema's definition of ``kind``.

    Raises:
      MissingInputError: it is not there.
      BadInputError: it is no YAML, or not what the schema asks for; up to ten places are named, by line.
    """
    import yaml
    from jsonschema import Draft202012Validator

    if not path.is_file():
        raise MissingInputError(f"the culture pack lacks {path}")
    try:
        # The parser written in C, where it was built: these files are long.
        values = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
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
    """A readable key path, with the id of an entry where it has one: ``groups[3] (oromo).forms``."""
    text = ""
    for key in path:
        values = values[key]
        if isinstance(key, int):
            name = f" ({values['id']})" if isinstance(values, dict) and "id" in values else ""
            text += f"[{key}]{name}"
        else:
            text += f".{key}" if text else key
    return text or "the file"


def _short(message: str) -> str:
    return message if len(message) <= 300 else f"{message[:140]} ... {message[-140:]}"
