"""The end of a run that cannot go on: the sentence for the user and the line of events.jsonl, with a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from jax.sharding import Mesh

from amharic_tl.distributed.mesh import put_batch
from amharic_tl.errors import TrainingStopped, name_some
from amharic_tl.training.memory import Memory
from amharic_tl.training.stability.diagnosis import diagnose, sentences
from amharic_tl.training.stability.guard import TooManySkips
from amharic_tl.training.stages import Stages
from amharic_tl.training.writers import Writer


def stop(
    found: TooManySkips,
    no_way_back: str | None,
    rows: Sequence[str],
    memory: Memory,
    max_non_finite: int,
    *,
    stages: Stages,
    mesh: Mesh,
    writer: Writer,
) -> TrainingStopped:
    """The error to raise; what it says is in events.jsonl too.

    Args:
      found: what was too much.
      no_way_back: why the run does not go back to a checkpoint; None where it never does.
      rows: ids of the rows of the last batch.
      memory: of the loop; its skips are those that were counted together, where a run can go back.
      max_non_finite: updates left out in a row that are allowed.
      stages, mesh, writer: the loop's.
    """
    diagnosis: dict[str, Any] | None = None
    try:
        batch = put_batch(dict(stages.fed(found.state, found.host)), mesh)
        diagnosis = diagnose(stages.steps, found.state, batch, found.step - 1)
        said = sentences(diagnosis)
    except jax.errors.JaxRuntimeError as error:  # no memory left, say: the run is stopped with what is known
        said = f"No norms could be measured ({str(error).splitlines()[0]})."
    in_a_row, values = found.verdict.in_a_row, found.values
    figures = (
        f"(loss {values['loss']}, gradient norm {values['grad_norm']}, rate {values['learning_rate']:.3g} at the last)"
    )
    if no_way_back is None:
        why = (
            f"{in_a_row} updates in a row had a non-finite loss or gradient {figures}; "
            f"config.train.max_non_finite={max_non_finite} allows no more"
        )
    else:
        why = f"{len(memory.skips)} updates were left out {figures}, and {no_way_back}"
    writer.write_event(
        found.step,
        "stopped",
        reason="non_finite" if no_way_back is None else "spikes",
        in_a_row=in_a_row,
        rows=list(rows)[:50],
        diagnosis=diagnosis,
    )
    return TrainingStopped(
        f"stopped at step {found.step}: {why}. The parameters are those before the last of them. Rows of the last "
        f"batch: {name_some(rows)}. {said} Try a lower config.optim.lr, or look at these rows."
    )
