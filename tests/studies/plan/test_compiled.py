"""What the TPU compiler says where a step is too large for it."""

from __future__ import annotations

import pytest

from amharic_tl.studies.plan.compiled import out_of_memory

GIB = 2**30


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("memory space hbm. Used 24.00G of 15.75G hbm.", (24 * GIB, int(15.75 * GIB), False)),
        (
            "the total memory required for HLO temporaries (45.50G) exceeds available HBM (15.75G).",
            (45.5 * GIB, 15.75 * GIB, True),
        ),
        ("INTERNAL: something else", None),
    ],
)
def test_how_much_was_wanted(message: str, found: tuple[float, float, bool] | None) -> None:
    assert out_of_memory(message) == found
