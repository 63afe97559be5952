"""Transfer learning of language models to Amharic in JAX, with cultural safety built into the training loop.

Importing the package is cheap: JAX and everything heavy load when a name is first used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_EXPORTS = {
    "from_pretrained": "amharic_tl.models",
    "from_config": "amharic_tl.models",
    "save_pretrained": "amharic_tl.models",
    "named_parameters": "amharic_tl.models.naming",
    "generate": "amharic_tl.models.generate",
    "stream_tokens": "amharic_tl.models.generate",
    "train": "amharic_tl.run",
    "compute_dtype": "amharic_tl.distributed.precision",
    "Config": "amharic_tl.config",
    "build_config": "amharic_tl.config",
}

__all__ = [*sorted(_EXPORTS), "__version__"]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'amharic_tl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
