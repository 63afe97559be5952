"""What is attributed, and how: the user's words, and the figure chosen where none was named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amharic_tl.errors import ConfigError
from amharic_tl.records.files import read_object, write_json
from amharic_tl.safety.differentiable import FIGURES, FigureName

# A figure of decisions has no gradient; the gap of scores on the same swaps stands for it.
STANDS_FOR = {"counterfactual_flip_rate": "counterfactual_score_gap"}
ALARMED = ("suspected", "confirmed")


@dataclass(frozen=True)
class Request:
    """How a figure is attributed.

    Attributes:
      figure: which; None: the one that the monitor judged worst.
      source: the column that says where a row comes from; None: its file.
      top: how many rows are listed, and at what depth rankings are compared.
      parts: into how many the figure's items are divided, for intervals.
      batch: rows of a pass.
    """

    figure: FigureName | None = None
    source: str | None = None
    top: int = 100
    parts: int = 10
    batch: int = 16


def worst_figure(signals: Sequence[Mapping[str, Any]]) -> FigureName:
    """The alarmed signal of validation that exceeds its threshold the most, at the last step at which one was alarmed.

    Args:
      signals: lines of safety.jsonl.

    Raises:
      ConfigError: none of those that can be attributed was suspected or confirmed.
    """
    alarmed = [
        line
        for line in signals
        if line["split"] == "validation"
        and line["state"] in ALARMED
        and line["value"] is not None
        and STANDS_FOR.get(line["name"], line["name"]) in FIGURES
        and (line["name"] != "false_positive_rate_gap" or line["group"] != "all")
    ]
    if not alarmed:
        raise ConfigError(
            "--figure: the monitor suspected no figure that can be attributed; name one, for example "
            "--figure=counterfactual_score_gap/ethnicity/all"
        )
    last = max(line["step"] for line in alarmed)
    chosen = max(
        (line for line in alarmed if line["step"] == last),
        key=lambda line: (line["state"] == "confirmed", line["group"] != "all", line["value"] / line["threshold"]),
    )
    return FigureName(STANDS_FOR.get(chosen["name"], chosen["name"]), chosen["axis"], chosen["group"])


def keep_request(folder: Path, request: Mapping[str, Any]) -> None:
    """Writes down what is begun in ``folder``, which goes on only as it was begun.

    Raises:
      ConfigError: the folder was begun with another request.
    """
    path = folder / "request.json"
    if path.exists():
        before = read_object(path)
        if before != request:
            changed = ", ".join(key for key in request if before.get(key) != request[key])
            raise ConfigError(f"{folder} was begun with other settings ({changed}); type those, or move it away")
    write_json(path, request)
