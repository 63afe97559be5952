"""A checkpoint counts only when every byte is as it was written."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from amharic_tl.errors import BadInputError, CannotCreateError, InputOutputError
from amharic_tl.training import checkpoints as module
from amharic_tl.training.checkpoints import MANIFEST, QUARANTINE, Checkpoints, check_manifest


def _state(seed: int, size: int = 4096) -> dict[str, jax.Array]:
    generator = np.random.default_rng(seed)
    return {
        "weight": jnp.asarray(generator.normal(size=(size // 64, 64)), jnp.float32),
        "half": jnp.asarray(generator.normal(size=(7,)), jnp.bfloat16),
        "step": jnp.asarray(seed, jnp.int32),
    }


def _shardings(state: dict[str, jax.Array]) -> dict[str, jax.sharding.Sharding]:
    return {name: leaf.sharding for name, leaf in state.items()}


def test_round_trip_is_bitwise_and_old_steps_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = Checkpoints(Path("relative"))
    for step in (1, 2, 3, 4):
        store.save(step, _state(step), {"note": step}, keep={1})
    assert store.steps() == [1, 3, 4]
    assert store.quarantine_broken() == []
    back = store.restore(3, _state(0), _shardings(_state(0)))
    for name, leaf in _state(3).items():
        assert back.state[name].dtype == leaf.dtype
        np.testing.assert_array_equal(np.asarray(back.state[name]), np.asarray(leaf))
    assert back.loop == {"note": 3}


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    store.save(1, _state(1), {}, keep=set())
    folder = tmp_path / "1"
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST and path.stat().st_size]
    generator = random.Random(0)
    for _ in range(25):
        path = generator.choice(files)
        data = bytearray(path.read_bytes())
        position = generator.randrange(len(data))
        data[position] ^= 1 << generator.randrange(8)
        original = path.read_bytes()
        path.write_bytes(data)
        assert check_manifest(folder) is not None
        path.write_bytes(original)
    assert check_manifest(folder) is None


@pytest.mark.parametrize("harm", ["no manifest", "empty folder", "truncated", "deleted", "manifest garbled"])
def test_a_harmed_step_is_set_aside_and_the_older_one_used(tmp_path: Path, harm: str) -> None:
    store = Checkpoints(tmp_path)
    store.save(1, _state(1), {}, keep=set())
    store.save(2, _state(2), {}, keep=set())
    folder = tmp_path / "2"
    largest = max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    if harm == "no manifest":
        (folder / MANIFEST).unlink()
    elif harm == "empty folder":
        (tmp_path / "9").mkdir()
    elif harm == "truncated":
        largest.write_bytes(largest.read_bytes()[:-3])
    elif harm == "deleted":
        largest.unlink()
    else:
        (folder / MANIFEST).write_text("{")
    said = store.quarantine_broken()
    assert len(said) == 1
    broken = "9" if harm == "empty folder" else "2"
    assert store.steps() == ([1, 2] if broken == "9" else [1])
    assert (tmp_path / QUARANTINE / broken).is_dir()


def test_another_shape_or_dtype_is_refused_by_name(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path)
    store.save(1, _state(1), {}, keep=set())
    other = _state(1) | {"half": jnp.zeros((7,), jnp.float32)}
    with pytest.raises(BadInputError, match="half.*bfloat16") as caught:
        store.restore(1, other, _shardings(other))
    assert "weight" not in str(caught.value)


def _grouped() -> Exception:
    return ExceptionGroup("of several writers", [ValueError("cancelled"), OSError(errno.ENOSPC, "No space left")])


def _behind() -> Exception:
    error = RuntimeError("the save failed")
    error.__cause__ = ValueError("RESOURCE_EXHAUSTED: Failed writing")
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("RESOURCE_EXHAUSTED: Failed writing: No space left on device [os_error_code='28']"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        _grouped(),
        _behind(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_full_disk_keeps_what_was_saved(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Checkpoints(tmp_path)
    store.save(1, _state(1), {}, keep=set())

    def full(*_: object, **__: object) -> None:
        raise error

    from orbax.checkpoint import v1 as ocp

    monkeypatch.setattr(ocp, "save", full)
    with pytest.raises(CannotCreateError, match="disk was full") as caught:
        store.save(2, _state(2), {}, keep=set())
    assert caught.value.exit_code == 73
    monkeypatch.undo()
    assert store.quarantine_broken() == [] and store.steps() == [1]
    store.save(2, _state(2), {}, keep=set())
    assert store.steps() == [1, 2]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ValueError("PERMISSION_DENIED: Failed to open [os_error_code='13' source locations='x']"), CannotCreateError),
        (OSError(errno.EIO, "Input/output error"), InputOutputError),
        (ValueError("a bug"), ValueError),
    ],
)
def test_another_failure_to_save_is_told_apart_from_a_bug(
    error: Exception, raised: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orbax.checkpoint import v1 as ocp

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(ocp, "save", failing)
    with pytest.raises(raised):
        Checkpoints(tmp_path).save(2, _state(2), {}, keep=set())


def test_a_kill_between_arrays_and_manifest_leaves_the_older_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Checkpoints(tmp_path)
    store.save(1, _state(1), {}, keep=set())

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_manifest", killed)
    with pytest.raises(KeyboardInterrupt):
        store.save(2, _state(2), {}, keep=set())
    monkeypatch.undo()
    assert store.steps() == [1]
    assert "cut off" in store.quarantine_broken()[0]
    store.save(2, _state(2), {}, keep=set())
    assert store.steps() == [1, 2]
