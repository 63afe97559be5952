"""The fairness table of a report: rates by group and parity over groups, of the split that a run is judged by."""

from __future__ import annotations

from typing import Any

from amharic_tl.reports.contents import Contents

# Figures of a group, in the order of the page's columns.
COLUMNS = {
    "selection": "harm found",
    "true_positive": "recall",
    "false_positive": "false alarms",
    "subgroup_auc": "AUC",
    "bpsn_auc": "BPSN AUC",
    "bnsp_auc": "BNSP AUC",
    "calibration_error": "calibration error",
    "brier": "Brier",
}


def figures(run: Contents) -> dict[str, Any] | None:
    """What the page prints; None where no split has a table."""
    table = next((run.fairness[split] for split in ("test", "validation") if split in run.fairness), None)
    if table is None:
        return None
    return {
        **{
            key: table[key]
            for key in ("split", "step", "rows", "minimum_n", "unreviewed", "screen", "interval", "null")
        },
        "sequestered": run.fairness.get("sequestered", []),
        "columns": list(COLUMNS.values()),
        "axes": [
            {
                "axis": axis,
                "groups": [
                    {"group": one["group"], "n": one["n"], "figures": [one["figures"][key] for key in COLUMNS]}
                    for one in of["groups"]
                ],
                "parity": [{**row, "shown": row["name"].replace("_", " ")} for row in of["parity"]],
            }
            for axis, of in table["axes"].items()
        ],
    }
