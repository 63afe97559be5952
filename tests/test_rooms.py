"""Who may import whom: each room stands on rooms below it, and none on one above or beside it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "amharic_tl"
# Top floor first. A room may import rooms of lower floors; those of one floor do not import each other.
FLOORS = (
    {"__main__"},
    {"cli"},
    {"sweeps", "studies"},
    {"run"},
    {"training", "safety", "audit"},
    {"transfer"},
    {"tasks"},
    {"evaluation"},
    {"models"},
    {"distributed", "data"},
    {"culture"},
    {"reports"},  # a side wing: it stands on the floors below it alone, and reads the files of a workdir
    {"language", "records"},
    {"config"},
    {"errors", "__version__"},
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and module of each import of the package that is executed, those inside functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}, line {node.lineno}: imports are absolute"
            module = node.module or ""
            whole = module == "amharic_tl"
            yield from ((node.lineno, f"{module}.{alias.name}" if whole else module) for alias in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    # The package's own __init__ names modules as text and imports them late.
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def test_every_room_has_its_floor() -> None:
    assert {room_of(path) for path in modules()} | {"__version__"} == set(FLOOR_OF)


def test_a_room_stands_on_rooms_below_it() -> None:
    upward = []
    for path in modules():
        room = room_of(path)
        for line, module in imports(path):
            first, _, rest = module.partition(".")
            other = rest.split(".")[0]
            if first == "amharic_tl" and other != room and FLOOR_OF[other] <= FLOOR_OF[room]:
                upward.append(f"{path.relative_to(PACKAGE.parent)}, line {line}: {room} imports {other}")
    assert not upward, "\n".join(upward)


@pytest.mark.parametrize("room", ["reports"])
def test_reports_know_files_and_no_code(room: str) -> None:
    allowed = {"records", "language", "errors", room}
    found = {
        module.split(".")[1]
        for path in (PACKAGE / room).rglob("*.py")
        for _, module in imports(path)
        if module.startswith("amharic_tl.")
    }
    assert found <= allowed


@pytest.mark.parametrize("room", ["language", "culture", "records", "config", "errors.py"])
def test_what_knows_no_models_imports_no_machine_learning(room: str) -> None:
    heavy = {"jax", "flax", "optax", "orbax", "transformers", "sklearn", "torch"}
    place = PACKAGE / room
    for path in [place] if place.is_file() else place.rglob("*.py"):
        assert heavy.isdisjoint(module.split(".")[0] for _, module in imports(path)), path
