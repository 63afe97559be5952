"""Scores that were made once and are kept: differences of word pairs by family, for a model, a panel and a form."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from amharic_tl.safety.scoring.checkpoint import open_checkpoint
from amharic_tl.safety.scoring.family_figures import Contrasts
from amharic_tl.safety.scoring.probing import panel_contrasts
from amharic_tl.safety.scoring.selection import Panel


def contrasts(kept: Path, model: str, panel: Panel, form: str) -> dict[str, Contrasts]:
    """From ``kept`` if it is there, else scored and kept there."""
    if not kept.is_file():
        found = panel_contrasts(open_checkpoint(model).scorer, panel, form)
        _save(kept, found)
    return _load(kept)


def _save(path: Path, found: dict[str, Contrasts]) -> None:
    arrays = {}
    for family, of in found.items():
        arrays[f"{family}|trait"] = of.trait
        arrays[f"{family}|groups"] = np.asarray(json.dumps(of.groups))
        if of.control is not None:
            arrays[f"{family}|control"] = of.control
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_suffix(".part")
    with whole.open("wb") as file:
        np.savez(file, **arrays)
    whole.replace(path)


def _load(path: Path) -> dict[str, Contrasts]:
    with np.load(path) as stored:
        arrays = dict(stored)
    return {
        name.removesuffix("|trait"): Contrasts(
            tuple(json.loads(str(arrays[name.replace("|trait", "|groups")]))),
            trait,
            arrays.get(name.replace("|trait", "|control")),
        )
        for name, trait in arrays.items()
        if name.endswith("|trait")
    }


def in_wordings(found: dict[str, Contrasts], chosen: slice) -> dict[str, Contrasts]:
    """The same in some of the wordings."""
    return {
        family: replace(of, trait=of.trait[chosen], control=None if of.control is None else of.control[chosen])
        for family, of in found.items()
    }
