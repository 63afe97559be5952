"""What stands in the columns of a record, as the text, labels and target of a row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from amharic_tl.data.rows import Columns, Row
from amharic_tl.data.tags import is_tag

Value = TypeVar("Value")
_FLAGS = {"0": False, "1": True, "false": False, "true": True}


class UnusableValue(ValueError):
    """Values that a row cannot have, a sentence each; they name the column, never the value of a text."""


def make_row(identity: str, values: Sequence[object], columns: Columns, file: str, line: int) -> Row:
    """A row from the values of ``columns.wanted()``, in that order.

    Raises:
      UnusableValue: a value is absent, of another type, or not a label of the kind that is asked for.
    """
    found = dict(zip(columns.wanted(), values, strict=True))
    problems: list[str] = []
    if columns.label_kind == "tags" and columns.label is not None:
        tokens = _texts(found[columns.text], columns.text, "tokens")
        tags = _tags(found[columns.label], columns.label, len(tokens))
        return Row(
            identity, " ".join(tokens), " ".join(tags), file, line, tags, tokens=tokens, group=_group(found, columns)
        )
    text = _try(problems, "", lambda: _text(found[columns.text], columns.text, "text"))
    unlabelled: tuple[str | None, tuple[str, ...]] = (None, ())
    label, labels = _try(problems, unlabelled, lambda: _labels(found, columns))
    target = _try(problems, None, lambda: _target(found, columns))
    group = _try(problems, None, lambda: _group(found, columns))
    if problems:
        raise UnusableValue(*problems)
    return Row(identity, text, label, file, line, labels, target, group=group)


def _texts(value: object, column: str, role: str) -> tuple[str, ...]:
    """A list of texts, none of them empty."""
    if not isinstance(value, list | tuple):
        raise UnusableValue(f"column {column!r} holds a {type(value).__name__}, expected a list of {role}")
    if not value:
        raise UnusableValue(f"no {role} in column {column!r}")
    if not all(isinstance(item, str) and item.strip() for item in value):
        raise UnusableValue(f"column {column!r} holds {role} that are empty or no text")
    return tuple(value)


def _tags(value: object, column: str, tokens: int) -> tuple[str, ...]:
    """As many tags as there are tokens."""
    tags = _texts(value, column, "tags")
    if len(tags) != tokens:
        raise UnusableValue(f"column {column!r} holds {len(tags)} tags for {tokens} tokens")
    wrong = next((tag for tag in tags if not is_tag(tag)), None)
    if wrong is not None:
        shown = repr(wrong) if len(wrong) <= 16 else f"a text of {len(wrong)} characters"
        raise UnusableValue(f"column {column!r} holds {shown}, expected O, B-TYPE or I-TYPE")
    return tags


def _try(problems: list[str], otherwise: Value, read: Callable[[], Value]) -> Value:
    try:
        return read()
    except UnusableValue as problem:
        problems.extend(problem.args)
        return otherwise


def _target(found: dict[str, object], columns: Columns) -> str | None:
    return None if columns.target is None else _text(found[columns.target], columns.target, "target")


def _group(found: dict[str, object], columns: Columns) -> str | None:
    if columns.group is None:
        return None
    value = found[columns.group]
    if _absent(value):
        raise UnusableValue(f"no value in column {columns.group!r}")
    if not isinstance(value, str | int | float | bool):
        raise UnusableValue(f"column {columns.group!r} holds a {type(value).__name__}, expected a name or a number")
    return label_text(value)


def label_text(label: object) -> str:
    """A label as text: white space at its ends taken off, whole numbers without a decimal point."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label).strip()


def _text(value: object, column: str, role: str) -> str:
    if _absent(value):
        raise UnusableValue(f"no {role} in column {column!r}")
    if not isinstance(value, str):
        raise UnusableValue(f"column {column!r} holds a {type(value).__name__}, expected a {role}")
    return value


def _labels(found: dict[str, object], columns: Columns) -> tuple[str | None, tuple[str, ...]]:
    """The label as one text, and the names of a set."""
    if columns.label_columns:
        labels = tuple(name for name in columns.label_columns if _flag(found[name], name))
        return ", ".join(labels), labels
    if columns.label is None:
        return None, ()
    value = found[columns.label]
    if columns.label_kind == "set":
        labels = _set(value, columns.label, columns.separator)
        return ", ".join(labels), labels
    if _absent(value):
        raise UnusableValue(f"no label in column {columns.label!r}")
    if not isinstance(value, str | int | float | bool):
        raise UnusableValue(f"column {columns.label!r} holds a {type(value).__name__}, expected a label")
    if columns.label_kind == "number":
        _check_number(value, columns.label)
    return label_text(value), ()


def _absent(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value.strip())
    )


def _flag(value: object, column: str) -> bool:
    """Whether a label's column says yes."""
    flag = _FLAGS.get(label_text(value).lower()) if isinstance(value, str | int | float | bool) else None
    if flag is None:
        said = repr(value) if isinstance(value, int | float) or value is None else f"a {type(value).__name__}"
        said = repr(value) if isinstance(value, str) and len(value) <= 8 else said
        raise UnusableValue(f"column {column!r} holds {said}, expected 0 or 1")
    return flag


def _set(value: Any, column: str, separator: str) -> tuple[str, ...]:
    """The names of a set, sorted, each once: a list, or one text with separators; nothing is the empty set."""
    if isinstance(value, list | tuple) and all(isinstance(name, str | int) for name in value):
        names = [label_text(name) for name in value]
    elif _absent(value):
        names = []
    elif isinstance(value, str | int | float):
        names = [name.strip() for name in label_text(value).split(separator)]
    else:
        raise UnusableValue(f"column {column!r} holds a {type(value).__name__}, expected labels")
    return tuple(sorted({name for name in names if name}))


def _check_number(value: object, column: str) -> None:
    try:
        finite = not isinstance(value, bool) and math.isfinite(float(value))  # type: ignore[arg-type]
    except ValueError:
        finite = False
    if not finite:
        raise UnusableValue(f"column {column!r} holds no finite number")
