"""Estimated shares of the labels in unlabelled rows, and which layers moved: what the report prints of both."""

from __future__ import annotations

from typing import Any

from amharic_tl.reports.contents import Contents

ESTIMATES = {"bbse": "BBSE", "em": "EM"}
VERDICTS = {
    "shifted": "Labels shift",
    "not seen": "No shift of labels is seen",
    "insufficient": "Whether labels shift is not measured",
}
SCORES = {"accuracy": "accuracy", "macro_f1": "macro-F1", "weighted_f1": "weighted F1"}


def figures(run: Contents) -> dict[str, Any] | None:
    """The shift from train to the test split and to the rows that features were aligned with; None: neither."""
    aligned = (run.data.get("alignment") or {}).get("label_shift")
    target = (run.data.get("alignment") or {}).get("source")
    found = [_one(run.label_shift, "test")] if run.label_shift else []
    found += [_one(aligned, f"{target} (before training)")] if aligned else []
    return {"targets": found} if found else None


def _one(stored: dict[str, Any], target: str) -> dict[str, Any]:
    estimates = {kind: of for kind, of in (stored.get("estimates") or {}).items() if kind in ESTIMATES}
    rows = [
        {
            "label": label,
            "train": stored.get("p_train", {}).get(label),
            "estimates": [(of["shares"].get(label), of["intervals"].get(label)) for of in estimates.values()],
            "constant": [stored.get("constant_class", {}).get(label, {}).get(name) for name in SCORES],
        }
        for label in (stored.get("labels") or [])
        if estimates
    ]
    scores = stored.get("scores") or {}
    return {
        "target": target,
        "verdict": VERDICTS.get(str(stored.get("state")), str(stored.get("state"))),
        "reason": stored.get("reason"),
        "misfit": (stored.get("assumption") or {}).get("sentence"),
        "method": stored.get("method"),
        "classifier": stored.get("classifier"),
        "kinds": [ESTIMATES[kind] for kind in estimates],
        "rows": rows,
        "names": list(SCORES.values()),
        "scores": [
            {
                "line": "as predicted" if kind == "raw" else f"corrected by {ESTIMATES.get(kind, kind)}",
                "cells": [of.get(name) for name in SCORES],
            }
            for kind, of in scores.items()
        ],
    }


def layers(run: Contents) -> dict[str, Any] | None:
    """How alike each layer is to that of the base, None where nobody compared them."""
    stored = run.layers
    if not stored.get("layers"):
        return None
    return {"rows": stored.get("rows"), "method": stored.get("method"), "layers": stored["layers"]}
