"""Recipes of published results, and what a release says of itself."""

from __future__ import annotations

import importlib.metadata
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

import amharic_tl
from amharic_tl.cli.arguments import load_config, presets
from amharic_tl.config.figures import is_metric
from amharic_tl.data.hub import _SPEC as HUB_SPEC
from amharic_tl.data.tfds_builders import builder_class

ROOT = Path(__file__).parents[1]
RECIPES = [name for name in presets() if name.startswith("published/")]
STUDY = runpy.run_path(str(ROOT / "experiments" / "published" / "run.py"))


def test_there_are_five() -> None:
    assert len(RECIPES) == 5 and {name.split("/")[1] for name in RECIPES} == set(STUDY["RECIPES"])


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_valid_and_its_data_can_be_named(name: str) -> None:
    config, said = load_config(name, {}), STUDY["published"](name.split("/")[1])
    assert is_metric(config.task, said["metric"]) and 0 < said["figure"] < 1 and said["seeds"] and said["source"]
    assert config.train.select_by == f"validation/{said['metric']}"
    for spec in (config.data.train, config.data.validation, config.data.test):
        assert isinstance(spec, str)
        if spec.startswith("hf:"):
            assert HUB_SPEC.fullmatch(spec)
            continue
        builder, _, configuration = spec.removeprefix("tfds:").partition(":")[0].partition("/")
        assert configuration in [one.name for one in builder_class(builder).BUILDER_CONFIGS]


def test_the_recipe_of_masakhaner_is_the_published_one() -> None:
    config = load_config("published/masakhaner_afroxlmr_base", {})
    found = (config.data.max_length, config.train.batch_size, config.train.epochs, config.optim.lr, config.model.path)
    assert found == (164, 16, 50.0, 5e-5, "Davlan/afro-xlmr-base")
    said = STUDY["published"]("masakhaner_afroxlmr_base")
    assert (said["figure"], said["seeds"]) == (0.761, 5)


def test_the_table_says_what_was_not_run() -> None:
    kept = (ROOT / "experiments" / "published" / "table.md").read_text(encoding="utf-8")
    assert kept == STUDY["table"](STUDY["kept_runs"]())
    runs: list[dict[str, Any]] = [
        {"recipe": "masakhaner_xlmr_base", "seed": seed, "test": value} for seed, value in enumerate((0.70, 0.72))
    ]
    made = STUDY["table"](runs).splitlines()
    assert "0.710 ± 0.014 (2 of 5 seeds)" in next(line for line in made if "masakhaner_xlmr_base" in line)
    assert sum("NOT RUN" in line for line in made) == 4


def test_citation_and_changes_are_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"] == amharic_tl.__version__
    assert citation["license"] == project["license"] and citation["cff-version"] == "1.2.0" and citation["authors"]
    assert f"\n## {amharic_tl.__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_licences_of_what_is_installed_with_the_package_allow_its_own() -> None:
    """Permissive ones, and Mozilla's, which asks something of its own files only."""
    allowed = re.compile(r"Apache|BSD|MIT|ISC|Mozilla|MPL|PSF|Python Software Foundation", re.IGNORECASE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    todo, seen, wrong = [Requirement(text).name for text in project["dependencies"]], set(), []
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of another platform
        about = found.metadata
        classified = [text for text in about.get_all("Classifier", []) if text.startswith("License")]
        licence = about.get("License-Expression") or " ".join(classified) or about.get("License") or ""
        if not allowed.search(licence) or re.search(r"\b[AL]?GPL|GNU", licence):
            wrong.append(f"{name}: {licence[:60]!r}")
        needs = [Requirement(text) for text in found.requires or []]
        todo += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert len(seen) > len(project["dependencies"]) and wrong == []
