"""Whether a base can be a model for the task at all: its family, its settings, its weights' headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amharic_tl.errors import AmharicTLError
from amharic_tl.models.registry import FAMILIES, family_of
from amharic_tl.studies.select_base.gates.gate import Gate


def task_fit(
    folder: Path, config: Mapping[str, Any], task: str, labels: Sequence[str], weights: bool
) -> tuple[Gate, Any]:
    """Judges whether the base has a model for the task; also gives that model as shapes alone, None without one.

    Args:
      folder: of the base.
      config: its config.json.
      task: ``config.task.kind``.
      labels: of the task's items.
      weights: whether the headers of the weights are looked at (they are not where only small files are here, or where
        weights are drawn at random).
    """
    from amharic_tl.models import outline
    from amharic_tl.models.interchange.weights import open_weights

    kind = str(config.get("model_type"))
    try:
        family = family_of(config, f"{folder}/config.json")
        if task not in family.architectures:
            fitting = sorted(name for name, other in FAMILIES.items() if task in other.architectures)
            sentence = f"{kind} has no {task} here; these families do: {', '.join(fitting)}"
            return Gate("task-fit", kind, task, "failed", sentence), None
        model = outline(config, task, labels=labels)
        if weights:
            open_weights(folder)
    except AmharicTLError as error:
        return Gate("task-fit", kind, task, "failed", str(error)), None
    return Gate("task-fit", kind, task, "passed", f"{kind} has a model for {task}"), model
