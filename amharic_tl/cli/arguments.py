"""``--config FILE_OR_PRESET --config.a.b=value`` turned into a validated :class:`~amharic_tl.config.Config`."""

from __future__ import annotations

import difflib
import json
import runpy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from amharic_tl.config import Config, build_config, flatten, leaves
from amharic_tl.errors import AmharicTLError, BadInputError, ConfigError, InputOutputError, MissingInputError


class UsageError(AmharicTLError):
    """An option that does not exist or lacks its value."""

    exit_code = 2


@dataclass(frozen=True)
class Arguments:
    """What stood on the command line: plain options by name, and config overrides by dotted name."""

    options: dict[str, str]
    overrides: dict[str, str]
    help: bool


def parse(
    arguments: Sequence[str], options: Sequence[str], flags: Sequence[str] = (), words: Sequence[str] = ()
) -> Arguments:
    """Splits ``--name value``, ``--name=value`` and ``--config.a.b=value``.

    Args:
      arguments: what stood behind the verb.
      options: names that take a value. Only where ``config`` is among them may there be ``--config.a.b=value``.
      flags: names that take none.
      words: what the words without ``--`` are called, in order; they are found among the options by these names.

    Raises:
      UsageError: an unknown option (with the nearest right one), a missing value, a stray word.
    """
    found: dict[str, str] = {}
    overrides: dict[str, str] = {}
    rest, unnamed = list(arguments), list(words)
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            return Arguments(found, overrides, True)
        if not word.startswith("-") and unnamed:
            found[unnamed.pop(0)] = word
            continue
        if not word.startswith("--"):
            raise UsageError(f"{word!r} is not an option; options begin with --")
        name, equals, value = word[2:].partition("=")
        if name in flags:
            found[name] = "true"
            continue
        is_override = name.startswith("config.") and "config" in options
        if not is_override and name not in options:
            near = difflib.get_close_matches(name, [*options, *flags], n=1)
            hint = f"did you mean --{near[0]}?" if near else f"the options are {', '.join('--' + o for o in options)}"
            raise UsageError(f"there is no option --{name}; {hint}")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise UsageError(f"--{name} needs a value: --{name}=VALUE")
            value = rest.pop(0)
        if is_override:
            overrides[name.removeprefix("config.")] = value
        else:
            found[name] = value
    return Arguments(found, overrides, False)


def presets() -> dict[str, Path]:
    """Presets by name: their copies inside an installed wheel, or ``configs/`` of the checkout the package lies in.

    Recipes of published results are called ``published/NAME``.
    """
    packaged = Path(str(resources.files("amharic_tl") / "assets" / "configs"))
    checkout = Path(__file__).parents[2]
    folder = packaged if packaged.is_dir() or not (checkout / "pyproject.toml").is_file() else checkout / "configs"
    found = [*sorted(folder.glob("*.py")), *sorted(folder.glob("published/*.py"))]
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in found if path.stem[0] != "_"}


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
    values = flatten(_read(name)) if name else {}
    return build_config({**values, **overrides})


def _read(name: str) -> Mapping[str, Any]:
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
        values = _execute(path)
    else:
        raise BadInputError(f"--config: {path} ends in neither .py nor .json")
    if not isinstance(values, Mapping):
        raise BadInputError(f"--config: {path} holds {type(values).__name__}, expected a mapping of leaves")
    return values


def _execute(path: Path) -> Mapping[str, Any]:
    try:
        get_config = runpy.run_path(str(path)).get("get_config")
        if get_config is None:
            raise BadInputError(f"--config: {path} defines no get_config()")
        values = get_config()
    except AmharicTLError:
        raise
    except SyntaxError as error:
        raise BadInputError(f"--config: {path}, line {error.lineno}: {error.msg}") from None
    except SystemExit as error:
        raise BadInputError(f"--config: {path} ended the programme itself: sys.exit({error.code!r})") from None
    except Exception as error:  # the user's own file: whatever it raises is said, with its name
        raise BadInputError(f"--config: {path} failed: {type(error).__name__}: {error}") from error
    return values.to_dict() if hasattr(values, "to_dict") else values


def describe_leaves() -> str:
    """Every leaf with its type, default and meaning, for ``--help``."""
    lines = []
    for name, item, kind in leaves():
        shown = (
            kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "").replace("Literal", "one of ")
        )
        default = "none" if item.default is None else item.default
        lines.append(f"  --config.{name}={default}\n        {item.metadata['doc']} ({shown})")
    return "\n".join(lines)


def require(options: Mapping[str, str], name: str, example: str) -> str:
    """The value of an option that must be there."""
    if name not in options:
        raise UsageError(f"--{name} is missing, for example --{name}={example}")
    return options[name]


__all__ = ["Arguments", "ConfigError", "UsageError", "describe_leaves", "load_config", "parse", "presets", "require"]
