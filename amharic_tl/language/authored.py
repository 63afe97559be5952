"""Knowledge in YAML: who wrote an entry and who signed it, and files checked against a schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amharic_tl.errors import BadInputError, MissingInputError


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


def authorship(entry: Mapping[str, Any]) -> Authorship:
    """The authorship of an entry that the schema has passed."""
    return Authorship(entry["drafted_by"], entry["source"], tuple(entry["reviewers"]), entry["status"])


def read_checked(path: Path, schema_path: Path, kind: str, what: str) -> dict[str, Any]:
    """A YAML file, checked against the definition ``kind`` of a JSON schema.

    Raises:
      MissingInputError: the file is absent from ``what``, such as "the culture pack".
      BadInputError: it is no YAML, or not what the schema asks for, named by file and key.
    """
    import json

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
    problems = [f"{_place(error.absolute_path, values)}: {error.message}" for error in validator.iter_errors(values)]
    if problems:
        raise BadInputError(f"{path} is refused:\n  " + "\n  ".join(problems[:10]))
    return dict(values)


def _place(path: Iterable[str | int], values: Any) -> str:
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
