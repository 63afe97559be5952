"""What stood behind a verb: options, ``--config.a.b=value`` overrides, and the leaves there are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from amharic_tl.config import leaves
from amharic_tl.config.files import load_config, load_values, presets
from amharic_tl.errors import AmharicTLError, ConfigError


class UsageError(AmharicTLError):
    """An option that does not exist or lacks its value."""

    exit_code = 2


@dataclass(frozen=True)
class Arguments:
    """What stood on the command line: plain options by name, config overrides by dotted name, and lists of words."""

    options: dict[str, str]
    overrides: dict[str, str]
    help: bool
    several: dict[str, list[str]] = field(default_factory=dict)


def parse(
    arguments: Sequence[str],
    options: Sequence[str],
    flags: Sequence[str] = (),
    words: Sequence[str] = (),
    several: Sequence[str] = (),
) -> Arguments:
    """Splits ``--name value``, ``--name=value`` and ``--config.a.b=value``.

    Args:
      arguments: what stood behind the verb.
      options: names that take a value. Only where ``config`` is among them may there be ``--config.a.b=value``.
      flags: names that take none.
      words: what the words without ``--`` are called, in order; they are found among the options by these names.
      several: the first is what further words without ``--`` are called; the others are options that take all words up
        to the next option.

    Raises:
      UsageError: an unknown option (with the nearest right one), a missing value, a stray word.
    """
    found: dict[str, str] = {}
    overrides: dict[str, str] = {}
    rest, unnamed = list(arguments), list(words)
    lists: dict[str, list[str]] = {name: [] for name in several}
    given: set[str] = set()
    current = several[0] if several else None
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            return Arguments(found, overrides, True, lists)
        if not word.startswith("-") and unnamed:
            found[unnamed.pop(0)] = word
            continue
        if not word.startswith("-") and current is not None:
            lists[current].append(word)
            continue
        if not word.startswith("--"):
            raise UsageError(f"{word!r} is not an option; options begin with --")
        name, equals, value = word[2:].partition("=")
        current = several[0] if several else None
        if name in several[1:]:
            current = name
            given.add(name)
            lists[name] += [value] if equals else []
            continue
        if name in flags:
            found[name] = "true"
            continue
        is_override = name.startswith("config.") and "config" in options
        if not is_override and name not in options:
            near = difflib.get_close_matches(name, [*options, *flags, *several[1:]], n=1)
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
    empty = next((name for name in several[1:] if name in given and not lists[name]), None)
    if empty is not None:
        raise UsageError(f"--{empty} needs a value: --{empty} VALUE ...")
    return Arguments(found, overrides, False, lists)


def describe_leaves() -> str:
    """Every leaf with its type, default and meaning, for ``--help``."""
    lines = []
    for name, item, kind in leaves():
        shown = kind.__name__ if isinstance(kind, type) else _written(str(kind))
        default = "none" if item.default is None else item.default
        default = ",".join(default) if isinstance(default, tuple) else default
        lines.append(f"  --config.{name}={default}\n        {item.metadata['doc']} ({shown})")
    return "\n".join(lines)


def _written(kind: str) -> str:
    """A type as a reader wants it."""
    for name, shown in (("typing.", ""), ("Literal", "one of "), ("amharic_tl.config.rule_texts.RuleText", "rule")):
        kind = kind.replace(name, shown)
    return kind


def require(options: Mapping[str, str], name: str, example: str) -> str:
    """The value of an option that must be there."""
    if name not in options:
        raise UsageError(f"--{name} is missing, for example --{name}={example}")
    return options[name]


__all__ = [
    "Arguments",
    "ConfigError",
    "UsageError",
    "describe_leaves",
    "load_config",
    "load_values",
    "parse",
    "presets",
    "require",
]
