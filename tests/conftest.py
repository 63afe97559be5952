"""Settings and fixtures of all tests."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Before jax starts: eight CPU devices, so that meshes can be tested anywhere, and no network. Programmes here are small
# and run for moments, so that optimising them costs more than it saves.
for flag, value in (("xla_force_host_platform_device_count", 8), ("xla_backend_optimization_level", 0)):
    if flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --{flag}={value}".strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Most of the suite's time is compilation, and many tests compile the same programs: one cache for the session and its
# subprocesses.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="amharic-tl-tests-")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import pytest  # noqa: E402


def _shared() -> Path | None:
    """The folder of reference checkpoints and data: $AMHARIC_TL_SHARED, or ``shared`` beside the repository."""
    named = os.environ.get("AMHARIC_TL_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    return folder if folder.is_dir() else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole runs first: a long file that begins last would leave the other processes with nothing to do."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.parent not in (here, here / "safety", here / "training"))


# A process may have 65,530 memory maps on Linux, and each compiled program takes a few.
MOST_MAPS = 25_000
MOST_BYTES = 2 * 2**30
PROCESS = Path("/proc/self")


def _much_is_held() -> bool:
    if not PROCESS.exists():
        return True
    resident = int((PROCESS / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resident > MOST_BYTES or (PROCESS / "maps").read_bytes().count(b"\n") > MOST_MAPS


@pytest.fixture(scope="module", autouse=True)
def compiled_programs_are_let_go() -> Iterator[None]:
    """Thousands of compiled programs in one process use up its memory maps; the cache on disk keeps what is shared."""
    yield
    if "jax" in sys.modules and _much_is_held():
        sys.modules["jax"].clear_caches()
        gc.collect()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of shared data and checkpoints; the test is skipped where there is none."""
    folder = _shared()
    if folder is None:
        pytest.skip(
            "needs the shared data folder: set AMHARIC_TL_SHARED to it, or put it beside the repository as 'shared'"
        )
    return folder


@pytest.fixture(scope="session")
def checkpoints_dir(shared_dir: Path) -> Path:
    """The tiny Hugging Face checkpoints with reference outputs."""
    folder = shared_dir / "checkpoints"
    if not folder.is_dir():
        pytest.skip(f"needs reference checkpoints in {folder}")
    return folder


@pytest.fixture(scope="session")
def data_dir(shared_dir: Path) -> Path:
    """Real Amharic data sets, each in a folder of its own."""
    folder = shared_dir / "data"
    if not folder.is_dir():
        pytest.skip(f"needs data sets in {folder}")
    return folder


pytest_plugins = ["tests.tiny"]
