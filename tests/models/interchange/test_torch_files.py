"""Files of torch.save: every dtype, every kind of view, both formats, and what torch itself writes."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from torch_writer import STORAGES, archive, dense, number, old, save, state_dict, tensor, text

from amharic_tl.errors import BadInputError
from amharic_tl.models.interchange.safetensors_files import open_safetensors
from amharic_tl.models.interchange.stored import DTYPES
from amharic_tl.models.interchange.torch_files import open_torch


def _array(dtype: str, shape: tuple[int, ...] = (3, 4)) -> np.ndarray:
    return np.arange(int(np.prod(shape))).reshape(shape).astype(DTYPES[dtype])


ARRAYS = {dtype: _array(dtype) for dtype in STORAGES} | {
    "scalar": _array("float32", ()), "empty": _array("float32", (0, 3)), "three": _array("float32", (2, 3, 4))
}  # fmt: skip


def test_every_dtype_is_read_from_both_formats(tmp_path: Path) -> None:
    assert DTYPES["bfloat16"] == ml_dtypes.bfloat16
    data = {str(key): array.tobytes() for key, array in enumerate(ARRAYS.values())}
    sizes = {str(key): array.size for key, array in enumerate(ARRAYS.values())}
    paths = [
        save(tmp_path / "zip.bin", ARRAYS),
        old(tmp_path / "old.bin", dense(ARRAYS, b"N"), {key: (sizes[key], data[key]) for key in data}),
    ]
    for path in paths:
        found = open_torch(path)
        assert list(found) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
            np.testing.assert_array_equal(found[name].read(), array, err_msg=name)


def test_views_of_one_storage(tmp_path: Path) -> None:
    whole = np.arange(24, dtype=np.float32)
    views = {
        "whole": (0, (24,), (1,)),
        "second-half": (12, (3, 4), (4, 1)),
        "transposed": (0, (6, 4), (1, 6)),
        "every-other-column": (1, (4, 3), (6, 2)),
        "one-row": (6, (1, 6), (999, 1)),
        "empty": (24, (0, 5), (5, 1)),
    }
    script = state_dict({name: tensor("0", "float32", 24, *view) for name, view in views.items()})
    found = open_torch(archive(tmp_path / "a.bin", script, {"0": whole.tobytes()}))
    expected = {
        "whole": whole,
        "second-half": whole[12:].reshape(3, 4),
        "transposed": whole.reshape(4, 6).T,
        "every-other-column": whole.reshape(4, 6)[:, 1::2],
        "one-row": whole[6:12].reshape(1, 6),
        "empty": np.empty((0, 5), np.float32),
    }
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name].read(), array, err_msg=name)
        part = np.zeros(array[1:, ...].shape, np.float64)
        found[name].copy_into(part, (slice(1, None), *(slice(None),) * (array.ndim - 1)))
        np.testing.assert_array_equal(part, array[1:], err_msg=name)


def test_a_view_of_an_old_storage(tmp_path: Path) -> None:
    """Long ago a storage could itself be a part of another."""
    view = b"(" + text("v") + number(4) + number(8) + b"t"
    script = state_dict({"a": tensor("0", "float32", 12, 2, (2, 3), (3, 1), view)})
    whole = np.arange(12, dtype=np.float32)
    found = open_torch(old(tmp_path / "a.bin", script, {"0": (12, whole.tobytes())}))
    np.testing.assert_array_equal(found["a"].read(), whole[6:].reshape(2, 3))


@pytest.mark.parametrize("cut", [1, 100, 5_000])
@pytest.mark.parametrize("name", ["xlmr-mlm/pytorch-bin", "t5-relu-tied/pytorch-bin-legacy-keys"])
def test_a_cut_file_is_refused(name: str, cut: int, checkpoints_dir: Path, tmp_path: Path) -> None:
    whole = (checkpoints_dir / name / "pytorch_model.bin").read_bytes()
    path = tmp_path / "pytorch_model.bin"
    for left in (whole[:-cut], whole[:cut]):
        path.write_bytes(left)
        with pytest.raises(BadInputError, match="pytorch_model.bin"):
            open_torch(path)


@pytest.mark.parametrize(
    "name",
    [
        "bert-base-model/pytorch-bin", "bert-mlm/pytorch-bin", "bert-seqcls/pytorch-bin", "gpt2-lm/pytorch-bin",
        "gpt2-lm/pytorch-bin-v4.30", "llama-gqa-lm/pytorch-bin", "roberta-mlm/pytorch-bin",
        "t5-relu-tied/pytorch-bin-legacy-keys", "xlmr-mlm/pytorch-bin", "xlmr-mlm/pytorch-bin-v4.30",
        "xlmr-seqcls/pytorch-bin",
    ],
)  # fmt: skip
def test_torchs_own_files_hold_what_the_safetensors_hold(name: str, checkpoints_dir: Path) -> None:
    model = checkpoints_dir / name.split("/")[0]
    found = open_torch(checkpoints_dir / name / "pytorch_model.bin")
    expected, _ = open_safetensors(model / "safetensors" / "model.safetensors")
    assert expected.keys() <= found.keys()
    for tensor_name, stored in expected.items():
        np.testing.assert_array_equal(found[tensor_name].read(), stored.read(), err_msg=tensor_name)


def test_what_torch_writes_now_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is the oracle of this test")
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "parameter": torch.nn.Parameter(base.clone()),
        "transposed": base.T,
        "columns": base[:, 1::2],
        "tied": base,
        **{name: base.to(getattr(torch, name)) for name in ("bfloat16", "float16", "float64", "int64", "int8", "bool")},
        "scalar": torch.tensor(3.5),
        **torch.nn.Linear(3, 2).state_dict(),
    }
    for new in (True, False):
        torch.save(state, tmp_path / "a.bin", _use_new_zipfile_serialization=new)
        found = open_torch(tmp_path / "a.bin")
        assert found.keys() == state.keys()
        for name, theirs in state.items():
            ours = found[name].read()
            assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
            np.testing.assert_array_equal(ours.astype(np.float64), theirs.detach().double().numpy(), err_msg=name)
    module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    torch.save(module.state_dict(), tmp_path / "b.bin")
    assert list(open_torch(tmp_path / "b.bin")) == ["0.weight", "0.bias"]
