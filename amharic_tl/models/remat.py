"""What a block keeps for its backward pass, and what is computed again there (Chen et al. 2016, sublinear memory)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import jax

_off: ContextVar[bool] = ContextVar("without_remat", default=False)


@contextlib.contextmanager
def without_remat() -> Iterator[None]:
    """Traces blocks as if all were kept: for counting the FLOPs of a model, to which a recomputation adds none."""
    token = _off.set(True)
    try:
        yield
    finally:
        _off.reset(token)


def rematerialised(body: Callable[..., Any], policy: str, in_scan: bool = True) -> Callable[..., Any]:
    """A function, such as the body of a scan over blocks, that keeps what ``policy`` says.

    Args:
      body: the function.
      policy: ``none``: all that the backward pass reads; ``dots``: a block's input and the products with its weights
        (not the scores of attention, whose size is quadratic in the length); ``full``: a block's input alone.
      in_scan: whether a scan runs it: there common subexpressions cannot undo the recomputation.
    """
    if policy == "none" or _off.get():
        return body
    kept = jax.checkpoint_policies.dots_with_no_batch_dims_saveable if policy == "dots" else None
    return jax.checkpoint(body, policy=kept, prevent_cse=not in_scan)
