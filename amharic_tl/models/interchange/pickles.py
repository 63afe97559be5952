"""Reads the pickle of a torch state dict without torch and without running anything of it.

A pickle is a programme for a small stack machine that may call any function of Python. Here that machine is one of our
own. It knows the instructions that a state dict needs and five things by name, none of which is a Python object that a
pickle could get hold of: it builds maps, lists, tuples, texts and numbers, and notes where each tensor lies.
Everything else, a call above all, is refused before the next instruction is read.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from amharic_tl.errors import BadInputError, UnsafeInputError

# Some hundred bytes a tensor: a state dict's pickle is small, its numbers lie outside of it.
_MAX_INSTRUCTIONS = 20_000_000


@dataclass(frozen=True)
class Name:
    """Something a pickle asks for by module and name, which stays a name."""

    module: str
    name: str


@dataclass(frozen=True)
class StorageReference:
    """A storage outside of the pickle: its key, the name of its dtype, and how many elements it has.

    ``start`` is where a view of another storage begins in it, in the old format.
    """

    key: str
    dtype: str
    count: int
    start: int = 0


@dataclass(frozen=True)
class TensorReference:
    """A tensor as a view of a storage; offset and strides in elements."""

    storage: StorageReference
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass
class OrderedMap:
    """An OrderedDict of the pickle, told from a plain map because it may be given attributes (which are let go)."""

    entries: dict[Any, Any] = field(default_factory=dict)


_STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool",
}  # fmt: skip
_ORDERED_DICT = Name("collections", "OrderedDict")
_REBUILD_TENSOR = (Name("torch._utils", "_rebuild_tensor_v2"), Name("torch._utils", "_rebuild_tensor"))
_REBUILD_PARAMETER = Name("torch._utils", "_rebuild_parameter")
_KNOWN = {
    _ORDERED_DICT,
    *_REBUILD_TENSOR,
    _REBUILD_PARAMETER,
    *(Name("torch", name) for name in _STORAGES),
}
_MARK = object()


def read_pickle(file: IO[bytes], path: Path) -> Any:
    """What one pickle describes: maps, lists, tuples, texts, numbers and :class:`TensorReference`.

    Args:
      file: read up to the end of this pickle.
      path: for messages.

    Raises:
      UnsafeInputError: it asks for anything by name but the parts of a state dict, or for an instruction that none
        needs.
      BadInputError: it is cut or malformed.
    """
    machine = _Machine(path)
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(file)):
            if count > _MAX_INSTRUCTIONS:
                raise UnsafeInputError(f"{path}: its pickle has more than {_MAX_INSTRUCTIONS} instructions")
            machine.run(instruction.name, argument)
    except (BadInputError, UnsafeInputError):
        raise
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, MemoryError, RecursionError) as error:
        raise BadInputError(
            f"{path} is cut or is no pickle of torch: {type(error).__name__}: {str(error)[:200]}"
        ) from None
    return machine.result


class _Machine:
    """The stack machine. ``run`` takes one instruction after the other; ``result`` is what the last one leaves."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}
        self.result: Any = None
        self._steps: dict[str, Callable[[], None]] = {
            "STOP": self._stop,
            "TUPLE": lambda: self.stack.append(tuple(self._pop_to_mark())),
            "LIST": lambda: self.stack.append(self._pop_to_mark()),
            "DICT": lambda: self.stack.append(_entries(_pairs(self._pop_to_mark()))),
            "APPEND": lambda: self._extend([self._pop()]),
            "APPENDS": lambda: self._extend(self._pop_to_mark()),
            "SETITEM": lambda: self._update([(self._pop(), self._pop())[::-1]]),
            "SETITEMS": lambda: self._update(_pairs(self._pop_to_mark())),
            "STACK_GLOBAL": lambda: self._name(*(self._pop(), self._pop())[::-1]),
            "REDUCE": self._reduce,
            "BUILD": self._build,
            "BINPERSID": self._storage,
        }

    def run(self, instruction: str, argument: Any) -> None:
        """One instruction, by its name in ``pickletools``."""
        if instruction in _PUSH_ARGUMENT:
            self.stack.append(argument)
        elif instruction in _PUSH:
            self.stack.append(_PUSH[instruction]())
        elif instruction in _PUT:
            self.memory[len(self.memory) if argument is None else int(argument)] = self.stack[-1]
        elif instruction in _GET:
            self.stack.append(self.memory[int(argument)])
        elif instruction in _TUPLES:
            count = _TUPLES[instruction]
            items = tuple(self.stack[len(self.stack) - count :])
            if len(items) < count or any(item is _MARK for item in items):
                raise ValueError("too little on the stack")
            self.stack[len(self.stack) - count :] = [items]
        elif instruction == "GLOBAL":
            self._name(*argument.split(" ", 1))
        elif instruction in self._steps:
            self._steps[instruction]()
        elif instruction not in _IGNORED:
            raise UnsafeInputError(
                f"{self.path}: its pickle uses the instruction {instruction}, which no state dict needs; nothing of it "
                "was run"
            )

    def _pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value should be")
        return value

    def _pop_to_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while place >= 0 and self.stack[place] is not _MARK:
            place -= 1
        if place < 0:
            raise ValueError("no mark on the stack")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def _stop(self) -> None:
        self.result = self._pop()

    def _extend(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise TypeError(f"an append to {type(self.stack[-1]).__name__}")
        self.stack[-1].extend(values)

    def _update(self, pairs: Iterable[Any]) -> None:
        entries = _entries(pairs)
        top = self.stack[-1]
        map_ = top.entries if isinstance(top, OrderedMap) else top
        if not isinstance(map_, dict):
            raise TypeError(f"an entry for {type(top).__name__}")
        map_.update(entries)

    def _name(self, module: object, name: object) -> None:
        asked = Name(str(module), str(name))
        if not isinstance(module, str) or not isinstance(name, str) or asked not in _KNOWN:
            raise UnsafeInputError(
                f"{self.path}: its pickle asks for {str(module)[:60]}.{str(name)[:60]}, which is no part of a state "
                "dict of torch; nothing of it was run. Use such a file only if you trust whoever made it, and then "
                "convert it to safetensors with torch"
            )
        self.stack.append(asked)

    def _reduce(self) -> None:
        arguments, called = self._pop(), self._pop()
        if not isinstance(called, Name) or not isinstance(arguments, tuple):
            raise UnsafeInputError(f"{self.path}: its pickle calls {type(called).__name__}; nothing of it was run")
        if called == _ORDERED_DICT:
            self.stack.append(OrderedMap(_entries(arguments[0] if arguments else ())))
        elif called in _REBUILD_TENSOR:
            self.stack.append(self._tensor(*arguments[:4]))
        elif called == _REBUILD_PARAMETER:
            if not isinstance(arguments[0], TensorReference):
                raise TypeError(f"a parameter of {type(arguments[0]).__name__}")
            self.stack.append(arguments[0])
        else:
            raise UnsafeInputError(
                f"{self.path}: its pickle calls {called.module}.{called.name}; nothing of it was run"
            )

    def _build(self) -> None:
        # Attributes of the map (torch notes versions of modules there) are let go.
        self._pop()
        if not isinstance(self.stack[-1], OrderedMap):
            raise UnsafeInputError(
                f"{self.path}: its pickle sets attributes of {type(self.stack[-1]).__name__}; nothing of it was run"
            )

    def _storage(self) -> None:
        reference = self._pop()
        if not isinstance(reference, tuple) or not 5 <= len(reference) <= 6 or reference[0] != "storage":
            raise UnsafeInputError(f"{self.path}: its pickle refers to something that is not a storage of numbers")
        _, kind, key, _, count, *view = reference
        if not isinstance(kind, Name) or kind.name not in _STORAGES:
            raise BadInputError(f"{self.path}: a storage is of type {str(kind)[:60]}, expected numbers")
        start = 0
        if view and view[0] is not None:
            _, start, count = view[0]
        if not isinstance(key, str) or not _counts((count, start)):
            raise TypeError("a storage without key or size")
        self.stack.append(StorageReference(key, _STORAGES[kind.name], count, start))

    def _tensor(self, storage: Any, start: Any, shape: Any, strides: Any) -> TensorReference:
        whole = isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides) <= 32
        if not isinstance(storage, StorageReference) or not whole or not _counts((start, *shape, *strides)):
            raise TypeError("a tensor without storage, offset, shape and strides")
        return TensorReference(storage, start, shape, strides)


def _counts(values: tuple[Any, ...]) -> bool:
    return all(type(value) is int and value >= 0 for value in values)


def _entries(pairs: Iterable[Any]) -> dict[Any, Any]:
    """A map of pairs. Keys are simple: hashing a deeply nested one would overflow the interpreter's own stack."""
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if not isinstance(key, str | int):
            raise TypeError(f"a key of type {type(key).__name__}")
        found[key] = value
    return found


def _pairs(items: list[Any]) -> Iterator[tuple[Any, Any]]:
    if len(items) % 2:
        raise ValueError("a key without a value")
    return zip(items[::2], items[1::2], strict=True)


_PUSH_ARGUMENT = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
    "BINBYTES8",
})  # fmt: skip
_PUSH: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
}
_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = frozenset({"PROTO", "FRAME"})
