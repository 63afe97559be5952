"""From what a user typed to the value of a leaf of the config: types, bounds, and the nearest right name."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from typing import Any, Literal, get_args, get_origin

from amharic_tl.config.rule_texts import RuleText, rule_texts
from amharic_tl.errors import name_some


def unknown_key(name: str, known: list[str]) -> str:
    """A sentence about a key that no leaf has, with the nearest right one."""
    groups = {key.split(".")[0] for key in known}
    if name in groups:
        inside = name_some(key for key in known if key.startswith(f"{name}."))
        return f"config.{name} is a group, not a value; set one of {inside}"
    by_last = {key.rsplit(".", 1)[-1]: key for key in known}
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    near = near or [
        by_last[m] for m in difflib.get_close_matches(name.rsplit(".", 1)[-1], list(by_last), n=1, cutoff=0.75)
    ]
    hint = f"did you mean config.{near[0]}?" if near else f"the groups are {', '.join(sorted(groups))}"
    return f"there is no config.{name}; {hint}"


def convert(value: Any, kind: Any) -> Any:
    """Converts ``value`` (typed text or a Python value) to a leaf's type; raises ValueError with what was expected."""
    origin = get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        options = get_args(kind)
        if type(None) in options:
            if value is None or (isinstance(value, str) and value.lower() in ("none", "null")):
                return None
            options = tuple(option for option in options if option is not type(None))
        if str in options and isinstance(value, str):
            return value
        return convert(value, options[-1])
    if origin is Literal:
        if value not in get_args(kind):
            near = difflib.get_close_matches(str(value), get_args(kind), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"expected one of {', '.join(map(repr, get_args(kind)))}, found {value!r}{hint}")
        return value
    if origin is tuple and get_args(kind)[0] is RuleText:
        return rule_texts(value)
    if origin is tuple:
        return _convert_numbers(value) if get_args(kind)[0] is float else _convert_tuple(value)
    return _convert_scalar(value, kind)


def _convert_tuple(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.strip()
        value = value[1:-1] if value[:1] + value[-1:] in ("()", "[]") else value
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value) or not value:
        raise ValueError(f"expected a list of texts (a,b,c), found {value!r}")
    return tuple(value)


def _convert_numbers(value: Any) -> tuple[float, ...]:
    if isinstance(value, str):
        value = [part for part in value.strip("()[]").split(",") if part.strip()]
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"expected a list of numbers (3,1,1), found {value!r}")
    return tuple(_convert_scalar(part, float) for part in value)


def _convert_scalar(value: Any, kind: Any) -> Any:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    wrong = ValueError(f"expected {names[kind]}, found {value!r}")
    if kind is bool:
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if isinstance(value, bool):
            return value
        raise wrong
    if kind is str:
        if isinstance(value, str) and value:
            return value
        raise wrong
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong
    try:
        number = float(value)
    except ValueError:
        raise wrong from None
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, found {value!r}")
    if kind is int:
        if number != int(number):
            raise wrong
        return int(value) if isinstance(value, str) and value.lstrip("+-").replace("_", "").isdigit() else int(number)
    return number


def check_bounds(value: Any, item: dataclasses.Field[Any]) -> Any:
    """``value`` if it lies within the bounds of the leaf ``item``; raises ValueError with what was expected."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    low, high, above = item.metadata["minimum"], item.metadata["maximum"], item.metadata["above"]
    if low is not None and value < low:
        raise ValueError(f"expected at least {low:g}, found {value:g}")
    if above is not None and value <= above:
        raise ValueError(f"expected more than {above:g}, found {value:g}")
    if high is not None and value > high:
        raise ValueError(f"expected at most {high:.10g}, found {value:.10g}")
    return value
