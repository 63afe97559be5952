"""Class numbers and the names behind them, as Hugging Face's ``datasets`` keeps them beside a table or in a card."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

Classes = Mapping[str, Sequence[str]]


def stored_names(metadata: Mapping[bytes, bytes] | None) -> dict[str, list[str]]:
    """The names of each class column, from the metadata of a parquet file that ``datasets`` wrote."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        found = {name: _of_feature(feature) for name, feature in features.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return {name: names for name, names in found.items() if names is not None}


def _of_feature(feature: Any) -> list[str] | None:
    while True:  # lists of classes: {"feature": ..., "_type": "List"}, of earlier versions [...]
        if isinstance(feature, list) and len(feature) == 1:
            feature = feature[0]
        elif isinstance(feature, dict) and "feature" in feature:
            feature = feature["feature"]
        else:
            break
    if not isinstance(feature, dict) or feature.get("_type") != "ClassLabel":
        return None
    return [str(name) for name in feature["names"]]


def named(value: Any, names: Sequence[str] | None) -> Any:
    """The name of a class number (of each, in a list); a name stays; None for a number without a name.

    ``names``: None for a column that holds no class numbers, whose values stay as they are.
    """
    if names is None:
        return value
    if isinstance(value, list):
        return [named(item, names) for item in value]
    if isinstance(value, str):
        if value.strip() in names or not re.fullmatch("[0-9]+", value.strip()):
            return value
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None
