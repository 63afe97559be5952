"""The evidence behind a change of state, as a file of its own: ids and figures, never text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from amharic_tl.config import SafetyConfig
from amharic_tl.records.signals import SafetySignal


def bundle(signals: Sequence[SafetySignal], tests: str, settings: SafetyConfig) -> dict[str, Any]:
    """What the file holds: the signals with their evidence ids, the family of tests, and the settings judged by.

    Args:
      signals: that changed their state at a look.
      tests: the family of tests of the look, in words.
      settings: ``config.safety``.
    """
    judged_by: Mapping[str, Any] = {
        "level": settings.level,
        "minimum_n": settings.minimum_n,
        "method": settings.evidence.method,
        "spending": settings.evidence.spending,
        "calibrate": settings.calibrate,
    }
    return {
        "step": signals[0].step,
        "split": signals[0].split,
        "family": tests,
        "judged_by": judged_by,
        "unreviewed": any(one.unreviewed for one in signals),
        "signals": [one.to_dict() for one in signals],
    }


def name_of(held: Mapping[str, Any]) -> str:
    """A file name that depends on the content alone, so that the same evidence is written once."""
    content = json.dumps(held, sort_keys=True, ensure_ascii=False)
    return f"{held['step']:08d}-{held['split']}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.json"
