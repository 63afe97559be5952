"""What ``train.remat`` says, as rules: which blocks keep what for the backward pass."""

from __future__ import annotations

import re

POLICIES = ("none", "dots", "full")


def remat_rules(value: str | tuple[str, ...]) -> list[tuple[str, str]]:
    """``(pattern of block names, policy)`` in order; the first that matches a block holds for it.

    Args:
      value: a policy for all blocks (``none``, ``dots``, ``full``), or rules ``PATTERN=POLICY``.

    Raises:
      ValueError: an unknown policy, or a pattern that is no regular expression.
    """
    rules = []
    for text in [value] if isinstance(value, str) and value in POLICIES else _parts(value):
        pattern, _, policy = text.rpartition("=")
        if policy not in POLICIES or (not pattern and "=" in text):
            raise ValueError(f"expected {', '.join(POLICIES)}, or rules PATTERN=POLICY of these, found {text!r}")
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        rules.append((pattern or ".*", policy))
    return rules


def _parts(value: str | tuple[str, ...]) -> list[str]:
    return [part.strip() for part in (value.split(",") if isinstance(value, str) else value)]
