"""How a leaf of the config is declared."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def leaf(
    default: Any,
    doc: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
) -> Any:
    """A config leaf: ``minimum``/``maximum`` are inclusive bounds, ``above`` an exclusive lower one."""
    return field(default=default, metadata={"doc": doc, "minimum": minimum, "maximum": maximum, "above": above})
