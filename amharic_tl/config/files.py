"""A file or preset turned into a validated :class:`~amharic_tl.config.schema.Config`."""

from __future__ import annotations

import difflib
import json
import runpy
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from amharic_tl.config.build import build_config
from amharic_tl.config.schema import Config, flatten
from amharic_tl.errors import AmharicTLError, BadInputError, InputOutputError, MissingInputError


def presets() -> dict[str, Path]:
    """Presets by name: their copies inside an installed wheel, or ``configs/`` of the checkout the package lies in.

    Recipes of published results are called ``published/NAME``.
    """
    folder = configs_folder()
    published = files_by_name(folder / "published")
    return {**files_by_name(folder), **{f"published/{name}": path for name, path in published.items()}}


def configs_folder() -> Path:
    """Where the files that come with the package lie: inside an installed wheel, or at the top of the checkout."""
    packaged = Path(str(resources.files("amharic_tl") / "assets" / "configs"))
    checkout = Path(__file__).parents[2]
    return packaged if packaged.is_dir() or not (checkout / "pyproject.toml").is_file() else checkout / "configs"


def files_by_name(folder: Path) -> dict[str, Path]:
    """The ``.py`` files of a folder by their names without ending, but for those that begin with an underscore."""
    return {path.stem: path for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")}


def load_config(name: str | None, overrides: Mapping[str, Any]) -> Config:
    """Defaults, then the preset or file ``name``, then ``overrides``; validated as a whole.

    A ``.py`` file is executed: its ``get_config()`` returns any subset of the leaves as an ml_collections
    ConfigDict or a dict. A ``.json`` file is data, such as the config.json of another run.

    Raises:
      MissingInputError: neither a file nor a preset.
      BadInputError: the file is no config, or fails.
      InputOutputError: it cannot be read.
      ConfigError: the resulting config is not valid.
    """
    return build_config(load_values(name, overrides))


def load_values(name: str | None, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves that the preset or file ``name`` sets, then ``overrides``: what a user asked for, unchecked.

    Raises:
      MissingInputError, BadInputError, InputOutputError: as :func:`load_config`.
    """
    return {**(read_leaves(name) if name else {}), **overrides}


def read_leaves(name: str) -> dict[str, Any]:
    """The leaves that the preset or file ``name`` sets, by dotted name, not validated yet.

    Raises:
      MissingInputError, BadInputError, InputOutputError: as :func:`load_config`.
    """
    known = presets()
    path = Path(name)
    if not path.is_file():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise MissingInputError(
                f"--config: there is no file {name!r}, and no preset of that name; "
                f"{hint}the presets are {', '.join(known)}"
            )
        path = known[name]
    if path.suffix == ".json":
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputOutputError(f"--config: could not read {path}: {error.strerror or error}") from error
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise BadInputError(f"--config: {path} is not valid JSON: {error}") from None
    elif path.suffix == ".py":
        values = execute(path, "get_config", "--config")
        values = values.to_dict() if hasattr(values, "to_dict") else values
    else:
        raise BadInputError(f"--config: {path} ends in neither .py nor .json")
    if not isinstance(values, Mapping):
        raise BadInputError(f"--config: {path} holds {type(values).__name__}, expected a mapping of leaves")
    return flatten(values)


def execute(path: Path, function: str, option: str) -> Any:
    """Executes a ``.py`` that the user named and returns what its ``function()`` returns.

    Args:
      path: the file.
      function: what it must define, without arguments.
      option: what the user typed it behind, which begins each message.

    Raises:
      BadInputError: it defines no such function, or fails, with its name and line.
    """
    try:
        defined = runpy.run_path(str(path)).get(function)
        if defined is None:
            raise BadInputError(f"{option}: {path} defines no {function}()")
        return defined()
    except AmharicTLError:
        raise
    except SyntaxError as error:
        raise BadInputError(f"{option}: {path}, line {error.lineno}: {error.msg}") from None
    except SystemExit as error:
        raise BadInputError(f"{option}: {path} ended the programme itself: sys.exit({error.code!r})") from None
    except Exception as error:  # the user's own file: whatever it raises is said, with its name
        raise BadInputError(f"{option}: {path} failed: {type(error).__name__}: {error}") from error
