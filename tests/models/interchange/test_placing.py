"""Parameters go to their devices part by part, once, and no more of the file than these parts is read at."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec
from torch_writer import save

import amharic_tl as atl
from amharic_tl.distributed.mesh import make_mesh
from amharic_tl.errors import BadInputError
from amharic_tl.models.interchange.placing import InMemory, Source, Transposed, place
from amharic_tl.models.interchange.stored import StoredTensor, WeightFile
from amharic_tl.models.interchange.torch_files import open_torch

HERE = Path(__file__).parent
LLAMA = {
    "model_type": "llama", "vocab_size": 200, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "tie_word_embeddings": False,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
ARRAYS = [np.random.default_rng(seed).normal(size=(8, 12)).astype(np.float32) for seed in range(5)]


@pytest.fixture
def stored(tmp_path: Path) -> list[StoredTensor]:
    path = save(tmp_path / "a.bin", {str(index): array for index, array in enumerate(ARRAYS)})
    return list(open_torch(path).values())


@pytest.mark.parametrize("spec", [(), (None, "fsdp"), (None, "fsdp", "tensor"), ("tensor",), (None, None, "tensor")])
@pytest.mark.parametrize("by_layer", [False, True])
def test_a_stacked_parameter_on_a_mesh(
    spec: tuple[str | None, ...], by_layer: bool, stored: list[StoredTensor]
) -> None:
    sources: list[Source] = [*stored[:3], InMemory(ARRAYS[3])]
    target = NamedSharding(make_mesh(2, 2, 2), PartitionSpec(*spec))
    found = place(sources, True, np.float32, target, by_layer=by_layer)
    assert found.sharding == target
    np.testing.assert_array_equal(found, np.stack(ARRAYS[:4]))


@pytest.mark.parametrize("by_layer", [False, True])
def test_the_dtype_is_changed_on_the_way(by_layer: bool, stored: list[StoredTensor]) -> None:
    for dtype in (jnp.bfloat16, np.float16, np.float64):
        found = place(list(stored), True, dtype, None, by_layer=by_layer)
        assert found.dtype == jax.dtypes.canonicalize_dtype(dtype)
        np.testing.assert_array_equal(np.asarray(found), np.stack(ARRAYS).astype(found.dtype))


def test_a_transposed_parameter(stored: list[StoredTensor]) -> None:
    target = NamedSharding(make_mesh(1, 4, 2), PartitionSpec("fsdp", "tensor"))
    np.testing.assert_array_equal(place([Transposed(stored[0])], False, np.float32, target), ARRAYS[0].T)
    np.testing.assert_array_equal(place([Transposed(s) for s in stored], True, np.float32, None)[4], ARRAYS[4].T)


def test_a_device_of_the_cpu_takes_the_memory_that_was_read_into(monkeypatch: pytest.MonkeyPatch) -> None:
    from amharic_tl.models.interchange import placing

    made: list[int] = []
    aligned = placing._aligned

    def noted(*arguments: object) -> np.ndarray:
        array = aligned(*arguments)  # type: ignore[arg-type]
        made.append(array.ctypes.data)
        return array

    monkeypatch.setattr(placing, "_aligned", noted)
    for array in (ARRAYS[0], np.ones((600, 600), np.float32)):
        found = place([InMemory(array)], False, np.float32, None)
        assert found.unsafe_buffer_pointer() == made.pop()


@pytest.mark.parametrize("skip", [0, 1 << 20])
def test_only_what_is_wanted_of_a_file_is_read(
    skip: int, stored: list[StoredTensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []
    read_into = WeightFile.read_into

    def noted(self: WeightFile, buffer: np.ndarray, offset: int) -> None:
        seen.append((offset - start, buffer.size))
        read_into(self, buffer, offset)

    monkeypatch.setattr(WeightFile, "read_into", noted)
    monkeypatch.setattr("amharic_tl.models.interchange.stored.WINDOW", 2 * 12 * 4)
    monkeypatch.setattr("amharic_tl.models.interchange.stored._SKIP", skip)
    start = stored[1].spans[0].offset
    for dtype in (np.float32, np.float16):
        target = np.empty((3, 5), dtype)
        stored[1].copy_into(target, (slice(4, 7), slice(2, 7)))
        np.testing.assert_array_equal(target, ARRAYS[1][4:7, 2:7].astype(dtype))
    # Rows of 48 bytes in blocks of two, or of each row what is wanted.
    expected = [(4 * 48, 96), (6 * 48, 48)] if skip else [(row * 48 + 8, 20) for row in (4, 5, 6)]
    assert seen == expected * 2
    seen.clear()
    stored[1].copy_into(np.empty((3, 12), np.float32), (slice(4, 7), slice(None)))
    assert seen == [(4 * 48, 144)]


def test_shares_of_a_large_tensor_are_read_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amharic_tl.models.interchange.stored._SHARE", 100)
    array = np.arange(1001, dtype=np.float32)
    stored = open_torch(save(tmp_path / "large.bin", {"a": array}))["a"]
    np.testing.assert_array_equal(stored.read(), array)
    path = stored.spans[0].file.path
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(BadInputError, match="became shorter"):
        stored.read()


def test_a_file_that_becomes_shorter_is_refused(stored: list[StoredTensor]) -> None:
    path = stored[4].spans[0].file.path
    path.write_bytes(path.read_bytes()[: stored[4].spans[0].offset + 4])
    with pytest.raises(BadInputError, match="became shorter"):
        stored[4].read()


def _config(layers: int, hidden: int) -> dict[str, object]:
    return {
        "model_type": "roberta", "vocab_size": 1000, "hidden_size": hidden, "num_hidden_layers": layers,
        "num_attention_heads": 4, "intermediate_size": 4 * hidden, "max_position_embeddings": 66, "pad_token_id": 1,
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("form", "dtype"), [("safetensors", None), ("safetensors", "bfloat16"), ("flax", None), ("torch", "float32")]
)
def test_peak_memory_is_what_stays_and_little_more_than_the_largest_tensor(
    form: str, dtype: str | None, tmp_path: Path
) -> None:
    for name, hidden in (("small", 64), ("large", 384)):
        model = atl.from_config(_config(12, hidden), "masked-lm")
        format = "flax" if form == "flax" else "safetensors"
        atl.save_pretrained(model, tmp_path / name, format=format)
        if form == "torch":
            views = atl.named_parameters(model)
            save(tmp_path / name / "pytorch_model.bin", {n: np.asarray(view.value()) for n, view in views.items()})
            (tmp_path / name / "model.safetensors").unlink()
    sizes = [view.size * (2 if dtype == "bfloat16" else 4) for view in atl.named_parameters(model).values()]
    arguments = [str(tmp_path / "small"), str(tmp_path / "large"), *([dtype] if dtype else [])]
    done = subprocess.run(
        [sys.executable, str(HERE / "loading_memory.py"), *arguments],
        capture_output=True, text=True, check=True, env={**os.environ, "XLA_FLAGS": ""},
    )  # fmt: skip
    allocator = 4_000_000  # what the interpreter and malloc take besides
    assert sum(sizes) > 40_000_000 > 10 * max(sizes)
    assert int(done.stdout) <= sum(sizes) + 1.2 * max(sizes) + allocator


@pytest.mark.slow
def test_each_of_two_processes_reads_its_own_part_and_both_write_the_same(tmp_path: Path) -> None:
    model = atl.from_config(LLAMA, "causal-lm")
    atl.save_pretrained(model, tmp_path)
    whole = sum(view.size * 4 for view in atl.named_parameters(model).values())
    alone = np.asarray(atl.generate(model, np.asarray([[5, 6, 7], [8, 9, 10]]), max_new_tokens=6))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(HERE / "two_processes.py")]
    running = [
        subprocess.Popen(
            [*command, str(number), str(port), str(tmp_path)],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"},
        )
        for number in range(2)
    ]  # fmt: skip
    for process in running:
        # The last line: collectives print lines of their own before it.
        told = json.loads(process.communicate(timeout=300)[0].strip().splitlines()[-1])
        assert process.returncode == 0
        assert told["held"] < 0.75 * whole
        # Of cuts along the rows nothing else is read; of cuts along the columns, the short rows they lie in.
        assert told["read"] < 0.9 * whole
        assert told["tokens"] == alone.tolist()
