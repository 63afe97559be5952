"""Pickles that would do harm are refused, and nothing of them runs; broken ones are refused by name."""

from __future__ import annotations

import builtins
import os
import pickle
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from torch_writer import PREFIX, archive, dense, named, numbers, old, state_dict, storage, tensor, text

from amharic_tl.errors import AmharicTLError, BadInputError, UnsafeInputError
from amharic_tl.models.interchange.pickles import OrderedMap, TensorReference, read_pickle
from amharic_tl.models.interchange.torch_files import open_torch


class _Calls:
    """An object whose pickle calls a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.called = (function, arguments)

    def __reduce__(self) -> Any:
        return self.called


def _scripts(canary: Path) -> dict[str, bytes]:
    """Pickles that make ``canary`` when an ordinary unpickler reads them, and some that need nothing to be made."""
    touch = f"touch {canary}"
    source = f"open({str(canary)!r}, 'w').close()"
    inner = pickle.dumps(_Calls(os.system, touch), 2)
    system = named("os", "system") + b"(" + text(touch) + b"tR"
    nested = named("torch._utils", "_rebuild_parameter") + b"(" + system + b"\x88" + b"}tR"
    hooks = named("torch._utils", "_rebuild_tensor_v2") + b"(" + storage("0", "float32", 4) + text("a") + system + b"tR"
    obj = b"(" + named("os", "system") + text(touch) + b"o"
    return {
        **{f"system-{protocol}": pickle.dumps(_Calls(os.system, touch), protocol) for protocol in range(6)},
        "eval": pickle.dumps(_Calls(builtins.eval, source), 2),
        "exec": pickle.dumps(_Calls(builtins.exec, source), 4),
        "beside-tensors": state_dict({"a": tensor("0", "float32", 4, 0, (4,), (1,)), "b": system}),
        "as-a-key": PREFIX + b"}" + system + b"Ns.",
        "in-a-parameter": state_dict({"a": nested}),
        "in-a-tensor": state_dict({"a": hooks}),
        "in-a-storage": PREFIX + b"(" + text("storage") + system + text("0") + text("cpu") + b"K\x04tQ.",
        "in-the-attributes": PREFIX + named("collections", "OrderedDict") + b")R" + system + b"b.",
        "getattr": PREFIX + named("builtins", "getattr") + b"(" + named("os", "path") + text("os") + b"tR.",
        "dotted-name": b"\x80\x04" + b"\x8c\x0bcollections" + b"\x8c\x18OrderedDict.fromkeys.abc" + b"\x93.",
        "import": PREFIX + named("builtins", "__import__") + b"(" + text("os") + b"tR.",
        "nested-pickle": PREFIX + named("torch.storage", "_load_from_bytes") + b"(B"
        + len(inner).to_bytes(4, "little") + inner + b"tR.",
        "instance": PREFIX + b"(" + text(touch) + b"ios\nsystem\n.",
        "object": PREFIX + obj + b".",
        "new-object": PREFIX + named("collections", "OrderedDict") + b")\x81.",
        "extension": PREFIX + b"\x82\x01.",
        "persistent-text": b"Pstorage\n.",
        "persistent-module": PREFIX + b"(" + text("module") + named("torch", "FloatStorage") + text("x") * 3 + b"tQ.",
        "call-of-a-map": PREFIX + b"})R.",
        "call-of-a-storage": PREFIX + named("torch", "FloatStorage") + numbers((10**12,)) + b"R.",
        "attributes-of-a-name": PREFIX + named("torch._utils", "_rebuild_tensor_v2") + b"}b.",
        "attributes-of-a-map": PREFIX + b"}}b.",
        "numpy": PREFIX + named("numpy", "load") + b"(" + text(str(canary)) + b"tR.",
    }  # fmt: skip


NAMES = list(_scripts(Path("canary")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["zip", "old", "bare"])
def test_a_pickle_that_calls_anything_is_refused_and_does_not_run(name: str, form: str, tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "pytorch_model.bin"
    script = _scripts(canary)[name]
    if form == "zip":
        archive(path, script, {"0": bytes(16)})
    elif form == "old":
        old(path, script, {"0": (4, bytes(16))})
    else:
        path.write_bytes(script)
    with pytest.raises(UnsafeInputError) as caught:
        open_torch(path)
    assert caught.value.exit_code == 77
    assert str(path) in str(caught.value)
    assert not canary.exists()


@pytest.mark.parametrize("name", ["system-2", "eval", "instance", "object", "beside-tensors"])
def test_the_canary_is_one(name: str, tmp_path: Path) -> None:
    """What the test above forbids does happen in an ordinary unpickler."""
    canary = tmp_path / "canary"

    class Trusting(pickle.Unpickler):
        def persistent_load(self, reference: Any) -> Any:
            return reference

        def find_class(self, module: str, name: str) -> Any:
            return (lambda *arguments: None) if module.startswith("torch") else super().find_class(module, name)

    Trusting(BytesIO(_scripts(canary)[name])).load()
    assert canary.exists()


BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "no-stop": PREFIX + b"}",
    "cut-text": PREFIX + b"X\xff\xff\xff\x7fabc",
    "unknown-instruction": PREFIX + b"\xff.",
    "empty-stack": PREFIX + b".",
    "no-mark": PREFIX + b"t.",
    "mark-as-value": PREFIX + b"(.",
    "too-few-for-a-pair": PREFIX + b"N\x86.",
    "mark-in-a-pair": PREFIX + b"N(N\x87.",
    "key-without-value": PREFIX + b"}(" + text("a") + b"u.",
    "entry-of-a-list": PREFIX + b"]" + text("a") + b"Ns.",
    "append-to-a-map": PREFIX + b"}Na.",
    "unwritten-memory": PREFIX + b"h\x07.",
    "key-of-lists": PREFIX + b"}]Ns.",
    # Hashing such a key recurses in C, past the end of the interpreter's stack.
    "key-without-end": PREFIX + b"}" + b")" + b"\x85" * 1_000_000 + b"Ns.",
    "storage-without-size": PREFIX + b"(" + text("storage") + named("torch", "FloatStorage") + text("0") + text("cpu")
    + b"NtQ.",
    "tensor-of-text": state_dict({"a": named("torch._utils", "_rebuild_tensor_v2") + b"(" + text("a") * 4 + b"tR"}),
    "tensor-of-nothing": state_dict({"a": named("torch._utils", "_rebuild_tensor_v2") + b")R"}),
    "parameter-of-text": state_dict({"a": named("torch._utils", "_rebuild_parameter") + b"(" + text("a") + b"tR"}),
    "negative-offset": state_dict({"a": tensor("0", "float32", 4, -1, (2,), (1,))}),
    "negative-size": state_dict({"a": tensor("0", "float32", 4, 0, (-2,), (1,))}),
    "negative-stride": state_dict({"a": tensor("0", "float32", 4, 3, (2,), (-1,))}),
    "fewer-strides": state_dict({"a": tensor("0", "float32", 4, 0, (2, 2), (1,))}),
    "beyond-its-storage": state_dict({"a": tensor("0", "float32", 4, 1, (4,), (1,))}),
    "repeated-without-end": state_dict({"a": tensor("0", "float32", 4, 0, (10**9, 10**9), (0, 0))}),
    "giant-shape": state_dict({"a": tensor("0", "float32", 4, 0, (10**30,), (1,))}),
    "giant-storage": state_dict({"a": tensor("0", "float32", 10**30, 0, (4,), (1,))}),
    "another-storage": state_dict({"a": tensor("7", "float32", 4, 0, (4,), (1,))}),
    "larger-than-its-bytes": state_dict({"a": tensor("0", "float64", 4, 0, (4,), (1,))}),
    "number": state_dict({"a": b"K\x07"}),
    "nested-map": state_dict({"a": b"}"}),
    "list": PREFIX + b"].",
    "number-as-name": PREFIX + b"}K\x01Ns.",
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pickle_is_refused_by_name(name: str, tmp_path: Path) -> None:
    path = archive(tmp_path / "pytorch_model.bin", BROKEN[name], {"0": bytes(16)})
    with pytest.raises(BadInputError) as caught:
        open_torch(path)
    assert str(path) in str(caught.value) and len(str(caught.value)) < 800


def test_a_pickle_of_any_bytes_is_refused_and_nothing_else(tmp_path: Path) -> None:
    """Every single byte of a good file changed: read as something, or refused; never another error."""
    path = tmp_path / "pytorch_model.bin"
    good = state_dict({"a": tensor("0", "float32", 4, 0, (2, 2), (2, 1))})
    refused = 0
    for place in range(len(good)):
        for value in (0, 0x28, 0x2E, 0x52, 0x62, 0xFF):
            changed = good[:place] + bytes([value]) + good[place + 1 :]
            try:
                open_torch(archive(path, changed, {"0": bytes(16)}))
            except (BadInputError, UnsafeInputError):
                refused += 1
    assert refused > len(good)


def test_instructions_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amharic_tl.models.interchange.pickles._MAX_INSTRUCTIONS", 100)
    with pytest.raises(UnsafeInputError, match="more than 100 instructions"):
        read_pickle(BytesIO(PREFIX + b"N" * 101 + b"."), Path("x"))


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_plain_values_are_read_in_every_protocol(protocol: int) -> None:
    value = {"a": [1, -2, 3**80, 2.5, True, None], "b": ("ሀ", ("x", b"y"), ()), "c": {"d": []}}
    value["again"] = value["a"]  # type: ignore[assignment]
    if protocol < 3:
        value["b"] = ("ሀ", ("x",), ())  # bytes take a call there
    assert read_pickle(BytesIO(pickle.dumps(value, protocol)), Path("x")) == value


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_an_ordered_map_is_told_from_a_plain_one(protocol: int) -> None:
    from collections import OrderedDict

    found = read_pickle(BytesIO(pickle.dumps(OrderedDict(a=1, b=[2]), protocol)), Path("x"))
    assert isinstance(found, OrderedMap) and found.entries == {"a": 1, "b": [2]}


def test_a_parameter_is_its_tensor() -> None:
    inner = tensor("0", "bfloat16", 4, 0, (4,), (1,))
    script = state_dict({"a": named("torch._utils", "_rebuild_parameter") + b"(" + inner + b"\x88}tR"})
    found = read_pickle(BytesIO(script), Path("x")).entries["a"]
    assert isinstance(found, TensorReference) and found.storage.dtype == "bfloat16"


Harm = Callable[[Path], Any]
ZIPS: dict[str, tuple[Harm, type[AmharicTLError]]] = {
    "parent": (lambda p: archive(p, dense({}), {}, members={"model/../../x": b""}), UnsafeInputError),
    "absolute": (lambda p: archive(p, dense({}), {}, members={"/etc/x": b""}), UnsafeInputError),
    "backslash": (lambda p: archive(p, dense({}), {}, members={"model\\x": b""}), UnsafeInputError),
    "compressed": (lambda p: archive(p, dense({}), {"0": bytes(10**6)}, compression=8), BadInputError),
    "two-pickles": (lambda p: archive(p, dense({}), {}, members={"other/data.pkl": b""}), BadInputError),
    "big-endian": (lambda p: archive(p, dense({}), {}, members={"model/byteorder": b"big"}), BadInputError),
    "no-pickle": (lambda p: archive(p, dense({}), {}).write_bytes(b"PK\x03\x04" + bytes(100)), BadInputError),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ZIPS)
def test_an_archive_that_is_none_of_torch_is_refused(name: str, tmp_path: Path) -> None:
    harm, error = ZIPS[name]
    path = tmp_path / "pytorch_model.bin"
    harm(path)
    with pytest.raises(error, match="pytorch_model.bin"):
        open_torch(path)
    assert [file.name for file in tmp_path.iterdir()] == ["pytorch_model.bin"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.bin", dense({}), {}, members={"model/data.pkl": b"."})
    with pytest.raises(BadInputError, match="two members"):
        open_torch(path)


def test_sizes_that_the_directory_of_an_archive_invents_are_refused(tmp_path: Path) -> None:
    import zipfile

    path = archive(tmp_path / "a.bin", state_dict({"a": tensor("0", "uint8", 16, 0, (16,), (1,))}), {"0": bytes(16)})
    whole = path.read_bytes()
    at = whole.rindex(b"PK\x01\x02", 0, whole.rindex(b"model/data/0"))
    path.write_bytes(whole[: at + 20] + (2**31).to_bytes(4, "little") * 2 + whole[at + 28 :])
    with zipfile.ZipFile(path) as file:
        assert file.getinfo("model/data/0").file_size == 2**31
    with pytest.raises(BadInputError, match="the file ends before"):
        open_torch(path)


OLD: dict[str, tuple[Harm, str]] = {
    "magic": (lambda p: old(p, dense({}), {}, magic=7), "neither a zip archive"),
    "truth": (lambda p: old(p, dense({}), {}, magic=True), "neither a zip archive"),
    "endian": (lambda p: old(p, dense({}), {}, little_endian=False), "big-endian"),
    "keys": (lambda p: old(p, dense({}), {}, keys=["0"]), "list of storages"),
    "no-list": (lambda p: old(p, dense({}), {}, keys="0"), "list of storages"),
    "negative": (lambda p: old(p, _FOUR, {"0": (-1, bytes(16))}), "does not lie within"),
    "giant": (lambda p: old(p, _FOUR, {"0": (2**62, bytes(16))}), "does not lie within"),
    "short": (lambda p: old(p, _FOUR, {"0": (3, bytes(12))}), "has 12 bytes"),
    "cut": (lambda p: old(p, _FOUR, {"0": (4, bytes(15))}), "does not lie within"),
    "absent": (lambda p: old(p, _FOUR, {}), "is not in the file"),
    "number": (lambda p: p.write_bytes(pickle.dumps(3, 2)), "neither a zip archive"),
}
_FOUR = state_dict({"a": tensor("0", "float32", 4, 0, (4,), (1,), b"N")})


@pytest.mark.parametrize("name", OLD)
def test_an_old_file_that_does_not_fit_itself_is_refused(name: str, tmp_path: Path) -> None:
    harm, said = OLD[name]
    path = tmp_path / "pytorch_model.bin"
    harm(path)
    with pytest.raises(BadInputError, match=said):
        open_torch(path)
