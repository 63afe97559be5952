"""Devices as they are typed, and what must be said before JAX starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from amharic_tl.errors import MissingInputError
from amharic_tl.studies.plan.chips import CHIPS
from amharic_tl.studies.plan.topology import environment, parse_topology


@pytest.mark.parametrize(
    ("text", "kind", "count", "chip"),
    [
        ("v5e:4x4", "tpu", 16, "v5e"),
        ("v4:2x2x4", "tpu", 16, "v4"),
        ("v5p:4x4x4", "tpu", 64, "v5p"),
        ("v6e:16x16", "tpu", 256, "v6e"),
        ("gpu:8", "gpu", 8, "h100"),
        ("cpu:8", "cpu", 8, None),
    ],
)
def test_topologies(text: str, kind: str, count: int, chip: str | None) -> None:
    found = parse_topology(text)
    assert (found.kind, found.count) == (kind, count)
    assert (found.chip.name if found.chip else None) == chip


def test_the_memory_of_a_gpu_is_that_which_is_named() -> None:
    assert parse_topology("gpu:1", 15 * 2**30).memory == 15 * 2**30
    assert parse_topology("gpu:1", 15 * 2**30).chip is None
    assert parse_topology("gpu:1", None, "h200").memory == CHIPS["h200"].memory


@pytest.mark.parametrize(
    ("text", "chip"),
    [("v5e", None), ("v5e:4", None), ("v4:4x4", None), ("v9:4x4", None), ("gpu:0", None), ("gpu:1", "v5e"), ("", None)],
)
def test_what_is_no_topology_is_refused(text: str, chip: str | None) -> None:
    with pytest.raises(ValueError, match="expected|such as|chips of gpu"):
        parse_topology(text, chip=chip)


def test_as_many_cpu_devices_as_gpus_and_other_flags_stay() -> None:
    given = {"XLA_FLAGS": "--xla_a=1 --xla_force_host_platform_device_count=8"}
    found = environment(parse_topology("gpu:2"), given)
    assert found["XLA_FLAGS"].split() == ["--xla_a=1", "--xla_force_host_platform_device_count=2"]
    assert found["JAX_PLATFORMS"] == "cpu"


def test_a_tpu_needs_its_compiler(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="tpu-plan"):
        environment(parse_topology("v5e:4x4"), {"TPU_LIBRARY_PATH": str(tmp_path / "none.so")})
    library = tmp_path / "libtpu.so"
    library.touch()
    found = environment(parse_topology("v5e:4x4"), {"TPU_LIBRARY_PATH": str(library)})
    assert found["TPU_SKIP_MDS_QUERY"] == "1"
    assert found["TPU_LIBRARY_PATH"] == str(library)
