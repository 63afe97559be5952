"""What several runs at a time get of a machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from amharic_tl.errors import ConfigError
from amharic_tl.sweeps.cores import accelerators, check_accelerators, cores_of, environment
from amharic_tl.sweeps.place import Place


@pytest.mark.parametrize(("cores", "jobs", "share"), [(8, 2, 4), (8, 3, 2), (2, 2, 1), (2, 5, 1)])
def test_slots_have_equally_many_cores_and_share_none_while_they_last(
    cores: int, jobs: int, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(10, 10 + cores)), raising=False)
    slots = [cores_of(slot, jobs).split(",") for slot in range(jobs)]
    assert {len(set(slot)) for slot in slots} == {share}
    used = [core for slot in slots for core in slot]
    assert len(set(used)) == min(len(used), cores)
    assert cores_of(0, 1) == "all"


def test_each_run_gets_an_accelerator_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    devices = accelerators()
    given = [environment(Place(tmp_path), slot, 2, devices)["CUDA_VISIBLE_DEVICES"] for slot in (0, 1)]
    assert given == ["4", "6"]
    with pytest.raises(ConfigError, match="3 runs at a time on 2 accelerators"):
        check_accelerators(3, devices)
    check_accelerators(1, devices)
    for name, value in (("CUDA_VISIBLE_DEVICES", ""), ("JAX_PLATFORMS", "cpu")):
        monkeypatch.setenv(name, value)
        assert accelerators() == []


def test_one_compilation_cache_unless_the_user_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    caches = {environment(Place(tmp_path), slot, 2, [])["JAX_COMPILATION_CACHE_DIR"] for slot in (0, 1)}
    assert caches == {str((tmp_path / "compiled").resolve())}
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/elsewhere")
    assert environment(Place(tmp_path), 0, 2, [])["JAX_COMPILATION_CACHE_DIR"] == "/elsewhere"
