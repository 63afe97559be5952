"""Loads a checkpoint in a process of its own and prints, in bytes, how much memory that took at its peak.

usage: loading_memory.py WARM_UP_DIRECTORY DIRECTORY [DTYPE]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import jax

import amharic_tl as atl


def memory(name: str) -> int:
    """Bytes in memory: ``VmRSS`` now, ``VmHWM`` at the peak. (``ru_maxrss`` counts the parent's of before exec.)"""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), flags=re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    dtype = sys.argv[3] if len(sys.argv) > 3 else None
    # Whatever is imported and compiled once is so by a small model of the same layers.
    atl.from_pretrained(sys.argv[1], "masked-lm", dtype=dtype)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    model = atl.from_pretrained(sys.argv[2], "masked-lm", dtype=dtype)
    jax.block_until_ready([view.stored for view in atl.named_parameters(model).values()])
    print(memory("VmHWM") - before)
