"""Running the evaluation step over a split and bringing the results to the host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import jax
import numpy as np
from jax.sharding import Mesh

from amharic_tl.distributed.mesh import put_batch
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.loop import Interrupted
from amharic_tl.training.step import Steps, TrainState
from amharic_tl.training.watchdog import alive


def gather(
    steps: Steps,
    state: TrainState,
    batches: Iterable[Mapping[str, np.ndarray]],
    mesh: Mesh,
    interruption: Interruption | None = None,
) -> dict[str, np.ndarray]:
    """Concatenates ``task.evaluate`` over ``batches``; every process gets all rows.

    Raises:
      Interrupted: told to stop between two batches.
    """
    results: list[dict[str, jax.Array]] = []
    for batch in batches:
        if interruption is not None and interruption.requested():
            raise Interrupted
        alive()
        results.append(steps.evaluate(state, put_batch(dict(batch), mesh)))
        if len(results) > 2:  # bounds what is in flight; the device still has two batches to work on
            jax.block_until_ready(results[-3])
    fetched = jax.device_get(results)
    return {name: np.concatenate([result[name] for result in fetched]) for name in fetched[0]}
