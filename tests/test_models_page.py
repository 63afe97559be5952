"""docs/models.md says what the registry and the parity tests say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from amharic_tl.models.registry import FAMILIES

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_models", DOCS / "make_models.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_families_and_tasks_are_those_of_the_registry(maker: ModuleType) -> None:
    assert set(maker.TASKS) >= {task for family in FAMILIES.values() for task in family.architectures if task}
    text = maker.PAGE.read_text(encoding="utf-8")
    for name, table in (("families", maker.families()), ("real", maker.real())):
        assert maker.replaced(text, name, table) == text, "type: python docs/make_models.py"


def test_tested_shapes_are_those_of_the_parity_tests(maker: ModuleType, checkpoints_dir: Path) -> None:
    assert maker.page() == maker.PAGE.read_text(encoding="utf-8"), "type: python docs/make_models.py"


def test_the_tests_of_trained_weights_exist(maker: ModuleType) -> None:
    for kind, _, _, where in maker.REAL:
        assert kind in FAMILIES
        assert (DOCS.parent / where.strip("`")).is_file()
