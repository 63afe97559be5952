"""A config from what a user set: converted, checked leaf by leaf, then as a whole."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any

from amharic_tl.config.checks import cross_checks
from amharic_tl.config.convert import check_bounds, convert, unknown_key
from amharic_tl.config.figures import SELECT_BY
from amharic_tl.config.schema import Config, flatten, leaves, to_dict
from amharic_tl.errors import ConfigError

# What may differ between a run and its resumption: how it is laid out and watched, never what it computes.
MAY_CHANGE_ON_RESUME = (
    "mesh.",
    "data.folds",
    "data.gates",
    "output.compilation_cache",
    "output.tensorboard",
    "safety.autonomous",
    "safety.channels.",
    "train.log_every",
    "train.stability.trends",
    "train.stuck_after",
)


def build_config(overrides: Mapping[str, Any]) -> Config:
    """Builds and validates a config from ``{dotted name: value}``, as the defaults overlaid with ``overrides``.

    Values may be text as typed on a command line; they are converted by the leaf's type.

    Raises:
      ConfigError: an unknown key (with the nearest right one), a value of the wrong type or out of bounds, leaves
        that do
        not fit together. All problems are named at once.
    """
    known = {name: (item, kind) for name, item, kind in leaves()}
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, value in overrides.items():
        if name not in known:
            problems.append(unknown_key(name, list(known)))
            continue
        item, kind = known[name]
        try:
            values[name] = check_bounds(convert(value, kind), item)
        except ValueError as error:
            problems.append(f"config.{name}: {error}")
    if not problems:
        if values.get("task.kind") in SELECT_BY:
            values.setdefault("train.select_by", SELECT_BY[values["task.kind"]])
        config = _assemble(Config, values)
        problems = cross_checks(config)
    if problems:
        raise ConfigError("The config is not valid:\n  " + "\n  ".join(problems[:10]))
    return config


def differences(old: Mapping[str, Any], new: Config) -> list[str]:
    """Leaves in which a stored config and ``new`` differ and that a resumption must not change, as sentences."""
    # A leaf that a stored config does not know yet has its default there.
    defaults = json.loads(json.dumps(flatten(to_dict(Config()))))
    before = {**defaults, **json.loads(json.dumps(flatten(old)))}
    after = json.loads(json.dumps(flatten(to_dict(new))))
    found = []
    for name in sorted(before.keys() | after.keys()):
        if name.startswith(MAY_CHANGE_ON_RESUME):
            continue
        if before.get(name) != after.get(name):
            found.append(f"config.{name}: the workdir has {before.get(name)!r}, this command {after.get(name)!r}")
    return found


def _assemble(cls: Any, values: Mapping[str, Any], prefix: str = "") -> Any:
    hints = typing.get_type_hints(cls)
    arguments: dict[str, Any] = {}
    for item in dataclasses.fields(cls):
        kind = hints[item.name]
        name = f"{prefix}{item.name}"
        if dataclasses.is_dataclass(kind):
            arguments[item.name] = _assemble(kind, values, f"{name}.")
        elif name in values:
            arguments[item.name] = values[name]
    return cls(**arguments)
