"""What is recorded of the code that a run executed."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from amharic_tl.training.code_state import code_state
from amharic_tl.training.provenance import provenance, session


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "amharic_tl").mkdir(parents=True)
    (root / "amharic_tl" / "a.py").write_text("A = 1\n")
    (root / "requirements.lock").write_text("jax==0\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first")
    return root


def git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True).stdout


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("nothing that a run executes")
    found = code_state(checkout)
    assert found.git == {"commit": git(checkout, "rev-parse", "HEAD").decode().strip(), "dirty": False}
    assert found.diff == b"" and found.lock == hashlib.sha256(b"jax==0\n").hexdigest()


def test_changes_are_kept_so_that_they_can_be_applied(checkout: Path) -> None:
    changed, added = checkout / "amharic_tl" / "a.py", checkout / "amharic_tl" / "b.py"
    changed.write_text("A = 2\n")
    added.write_text("B = 1\n")
    found = code_state(checkout)
    assert found.git is not None and found.git["dirty"]
    assert found.git["untracked"] == {"amharic_tl/b.py": hashlib.sha256(b"B = 1\n").hexdigest()}
    assert found.git["diff"]["sha256"] == hashlib.sha256(found.diff).hexdigest()
    git(checkout, "checkout", "-q", "--", "amharic_tl/a.py")
    (checkout / "kept.diff").write_bytes(found.diff)
    git(checkout, "apply", "kept.diff")
    assert changed.read_text() == "A = 2\n"


def test_without_a_checkout_the_packages_are_known(tmp_path: Path) -> None:
    found = code_state(tmp_path)
    assert found.git is None and found.lock is None
    assert any(line.startswith("jax==") for line in found.packages) and found.packages == sorted(found.packages)


def test_settings_are_recorded_and_folders_are_not(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/home/somebody/cache")
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    origin = provenance(3, code_state(checkout), {"data": "abc"})
    assert origin["variables"]["NVIDIA_TF32_OVERRIDE"] == "0" and "XLA_FLAGS" in origin["variables"]
    assert "somebody" not in str(origin["variables"])
    assert origin["jax_config"]["jax_threefry_partitionable"] in (True, False) and origin["seed"] == 3
    one = session(origin)
    assert one["commit"] == origin["git"]["commit"] and one["diff_sha256"] is None
