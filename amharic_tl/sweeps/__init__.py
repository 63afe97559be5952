"""From an idea to a table: a spec, its runs, and what the runs say.

A spec file needs ``from amharic_tl import sweeps`` and nothing else; what runs a sweep loads when it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amharic_tl.sweeps.algebra import chain, param, prod, seeds, subsample, zip
    from amharic_tl.sweeps.collection import collect
    from amharic_tl.sweeps.measured import MeasuredRun, Question
    from amharic_tl.sweeps.resolution import resolve
    from amharic_tl.sweeps.spec import Arm, Sweep, tuned

_EXPORTS = {
    **dict.fromkeys(("param", "prod", "zip", "chain", "subsample", "seeds"), "algebra"),
    **dict.fromkeys(("Sweep", "Arm", "tuned"), "spec"),
    **dict.fromkeys(("Question", "MeasuredRun"), "measured"),
    "resolve": "resolution",
    "collect": "collection",
}

__all__ = [
    "Arm",
    "MeasuredRun",
    "Question",
    "Sweep",
    "chain",
    "collect",
    "param",
    "prod",
    "resolve",
    "seeds",
    "subsample",
    "tuned",
    "zip",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"amharic_tl.sweeps.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module 'amharic_tl.sweeps' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
