"""Files of ``torch.save``: a zip archive of a pickle and storages, or (before torch 1.6) both in a row.

The pickle says which tensor is which view of which storage; :mod:`~amharic_tl.models.interchange.pickles` reads it.
The storages stay in the file until they are wanted.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from amharic_tl.errors import BadInputError, UnsafeInputError
from amharic_tl.models.interchange.pickles import OrderedMap, StorageReference, TensorReference, read_pickle
from amharic_tl.models.interchange.stored import DTYPES, Span, StoredTensor, WeightFile

_MAX_PICKLE = 256 << 20
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def open_torch(path: Path) -> dict[str, StoredTensor]:
    """The tensors of one ``pytorch_model.bin`` by name.

    Raises:
      UnsafeInputError: its pickle asks for more than a state dict needs, or a member's name leaves the archive.
      BadInputError: the file is cut or malformed, or holds something else than tensors by name.
    """
    file = WeightFile(path)
    if file.read(0, 4) == b"PK\x03\x04":
        state, storages = _read_zip(file)
    else:
        state, storages = _read_old(file)
    state = state.entries if isinstance(state, OrderedMap) else state
    if not isinstance(state, dict):
        raise BadInputError(f"{path} holds {type(state).__name__}, expected a map of names to tensors")
    tensors: dict[str, StoredTensor] = {}
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, TensorReference):
            what = "a map" if isinstance(value, dict | OrderedMap) else type(value).__name__
            raise BadInputError(f"{path}: {str(name)[:100]} is {what}, expected a tensor (a bare state dict)")
        tensors[name] = _tensor(value, storages, f"{path}: {name}")
    return tensors


def _tensor(reference: TensorReference, storages: Mapping[str, Span], what: str) -> StoredTensor:
    """Where a tensor lies, after its storage and its bounds were checked."""
    storage, dtype = reference.storage, DTYPES[reference.storage.dtype]
    held = storages.get(storage.key)
    if held is None:
        raise BadInputError(f"{what}: its storage {storage.key[:40]!r} is not in the file")
    if (storage.start + storage.count) * dtype.itemsize > held.length:
        raise BadInputError(
            f"{what}: its storage has {held.length} bytes, expected {storage.count} numbers of {storage.dtype}"
        )
    count = math.prod(reference.shape)
    steps = zip(reference.shape, reference.strides, strict=True)
    last = reference.start + sum((extent - 1) * stride for extent, stride in steps)
    # A tensor of more numbers than its storage repeats them, which a few bytes could do without end.
    if count and (last >= storage.count or count > storage.count):
        raise BadInputError(
            f"{what} of shape {reference.shape}, strides {reference.strides} and offset {reference.start} does not lie "
            f"within its {storage.count} numbers"
        )
    begin = held.offset + storage.start * dtype.itemsize
    if not count or _is_dense(reference):
        span = Span(held.file, begin + reference.start * dtype.itemsize if count else begin, count * dtype.itemsize)
        return StoredTensor(reference.shape, dtype, (span,))
    whole = Span(held.file, begin, storage.count * dtype.itemsize)
    return StoredTensor(reference.shape, dtype, (whole,), reference.strides, reference.start)


def _is_dense(reference: TensorReference) -> bool:
    """Whether the numbers lie in row-major order without gaps; the stride of a single one does not matter."""
    expected = 1
    for extent, stride in zip(reversed(reference.shape), reversed(reference.strides), strict=True):
        if extent > 1 and stride != expected:
            return False
        expected *= extent
    return True


def _read_zip(file: WeightFile) -> tuple[Any, dict[str, Span]]:
    path = file.path
    try:
        with zipfile.ZipFile(file.stream(0, file.size)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, OverflowError) as error:
        raise BadInputError(f"{path} is not a whole zip archive of torch: {error}") from None
    spans: dict[str, Span] = {}
    for member in members:
        parts = PurePosixPath(member.filename).parts
        if ".." in parts or member.filename.startswith("/") or "\\" in member.filename:
            raise UnsafeInputError(f"{path}: a member is named {member.filename[:100]!r}; nothing was read")
        if member.filename in spans:
            raise BadInputError(f"{path}: two members are named {member.filename[:100]!r}")
        spans[member.filename] = _span(file, member)
    pickles = [name for name in spans if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise BadInputError(f"{path}: expected one member NAME/data.pkl, found {len(pickles)}")
    folder = pickles[0].removesuffix("data.pkl")
    order = spans.get(f"{folder}byteorder")
    if order is not None and file.read(order.offset, order.length) != b"little":
        raise BadInputError(f"{path} was written on a big-endian machine, which is not read here")
    text = spans[pickles[0]]
    if text.length > _MAX_PICKLE:
        raise UnsafeInputError(f"{path}: its pickle has {text.length} bytes, expected at most {_MAX_PICKLE}")
    data = f"{folder}data/"
    storages = {name.removeprefix(data): span for name, span in spans.items() if name.startswith(data)}
    return read_pickle(file.stream(text.offset, text.length), path), storages


def _span(file: WeightFile, member: zipfile.ZipInfo) -> Span:
    """Where a member's bytes lie. torch does not compress; so they can be mapped, and there are no bombs."""
    what = f"{file.path}: member {member.filename[:100]!r}"
    if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size or member.flag_bits & 1:
        raise BadInputError(f"{what} is compressed or encrypted, which torch never writes")
    head = file.read(member.header_offset, 30) if 0 <= member.header_offset < file.size else b""
    if len(head) < 30 or head[:4] != b"PK\x03\x04":
        raise BadInputError(f"{what} does not begin where the archive's directory says")
    lengths = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    offset = member.header_offset + 30 + lengths
    if offset + member.file_size > file.size:
        raise BadInputError(f"{what} has {member.file_size} bytes, but the file ends before")
    return Span(file, offset, member.file_size)


def _read_old(file: WeightFile) -> tuple[Any, dict[str, Span]]:
    """Five pickles (a magic number, a version, facts of the machine, the tensors, the keys of the storages), then for
    each key the number of its elements (int64) and its bytes.
    """
    path = file.path
    stream = file.stream(0, min(_MAX_PICKLE, file.size))
    magic = read_pickle(stream, path)
    if type(magic) is not int or magic != _MAGIC:
        raise BadInputError(f"{path} is neither a zip archive nor a pickle of torch.save; expected pytorch_model.bin")
    protocol, machine = read_pickle(stream, path), read_pickle(stream, path)
    if protocol != _PROTOCOL or not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise BadInputError(f"{path} is of a version of torch's format that is not read here, or big-endian")
    state, keys = read_pickle(stream, path), read_pickle(stream, path)
    sizes = {storage.key: DTYPES[storage.dtype].itemsize for storage in _storages_of(state)}
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in sizes for key in keys):
        raise BadInputError(f"{path}: its list of storages is not that of its tensors")
    offset, storages = stream.tell(), {}
    for key in keys:
        count = int.from_bytes(file.read(offset, 8), "little", signed=True)
        length = count * sizes[key]
        if count < 0 or offset + 8 + length > file.size:
            raise BadInputError(f"{path}: storage {key[:40]} of {count} numbers does not lie within the file")
        storages[key] = Span(file, offset + 8, length)
        offset += 8 + length
    return state, storages


def _storages_of(state: Any) -> list[StorageReference]:
    entries = state.entries if isinstance(state, OrderedMap) else state
    values = entries.values() if isinstance(entries, dict) else ()
    return [value.storage for value in values if isinstance(value, TensorReference)]
