"""The learning-rate range test: some steps at rising rates, after which nothing of the run is kept but the curve."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from amharic_tl.config import Config, to_dict
from amharic_tl.distributed.mesh import put_batch
from amharic_tl.errors import ConfigError
from amharic_tl.records.files import refuse_existing, write_json, write_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.reports.curve_page import write_rate_range_page
from amharic_tl.run.assembly import Run, assemble
from amharic_tl.run.fingerprints import fingerprints
from amharic_tl.training.code_state import code_state
from amharic_tl.training.interruption import Interruption
from amharic_tl.training.progress import Progress
from amharic_tl.training.provenance import provenance
from amharic_tl.training.step import TrainState
from amharic_tl.transfer.plan_table import table
from amharic_tl.transfer.rate_range import DIVERGED, Divergence, centred, exponential_rates, range_of

NOT_FALLEN = "the loss did not fall by more than it scatters: no range; try more --steps or a larger train.batch_size"


def rate_range(
    config: Config,
    output: Path,
    lowest: float = 1e-7,
    highest: float = 1.0,
    steps: int = 100,
    mesh: Mesh | None = None,
    interruption: Interruption | None = None,
) -> dict[str, Any]:
    """Trains at rates that rise from ``lowest`` to ``highest`` until the loss diverges, and says where it fell.

    What trains (in the last stage, where parameters thaw one after the other), its relative rates and decays, the
    optimiser, batches and dropout are the run's; its schedule is not used. Nothing is written before the end.

    Args:
      config: of the run.
      output: a new directory.
      lowest: the first rate.
      highest: the last rate, where the loss has not diverged before.
      steps: how many rates.
      mesh: where it computes; None: over all devices, as ``config.mesh`` says.
      interruption: one that listens for signals; None: listens from here on.

    Returns:
      What rate_range.json holds.

    Raises:
      ConfigError: rates that do not rise, or too few steps.
      CannotCreateError: ``output`` is not empty.
      Preempted: told to stop; nothing was written.
    """
    if not 0 < lowest < highest < float("inf") or steps < 10:
        raise ConfigError(
            f"expected 0 < --lowest < --highest and at least 10 --steps, found {lowest:g}, {highest:g} and {steps}"
        )
    refuse_existing(output, "workdir")
    config = dataclasses.replace(
        config,
        optim=dataclasses.replace(config.optim, ema=None),
        transfer=dataclasses.replace(config.transfer, thaw_warmup=0.0),  # it would hold back what thaws last
    )
    interruption = interruption or Interruption()
    progress = Progress(steps, active=jax.process_index() == 0)
    with interruption.listening():
        try:
            progress.note("reading data and model")
            run = assemble(config, mesh)
            state = run.steps.state
            if run.plan.stage < len(run.plan.stages) - 1:
                state = run.stages.enter(len(run.plan.stages) - 1, state)
            progress.say("\n".join(table(run.plan)))
            lines = _train(run, state, exponential_rates(lowest, highest, steps), progress, interruption)
        finally:
            progress.close()
    found = range_of([line["learning_rate"] for line in lines], [line["loss"] for line in lines])
    result = {
        "range": None if found is None else asdict(found),
        "sentences": _sentences(found, config, lines, steps),
        "settings": {"lowest": lowest, "highest": highest, "steps": steps, "diverged_beyond": DIVERGED},
        "steps": len(lines),
        "trainable": run.plan.totals["trainable"],
        "config": to_dict(config),
    }
    if jax.process_index() == 0:
        origin = provenance(config.train.seed, code_state(), fingerprints(run))
        write_lines(Workdir(output).rate_range_curve, lines)
        write_json(Workdir(output).rate_range, {**result, "provenance": origin})
        write_rate_range_page(output)
    return result


def _train(
    run: Run, state: TrainState, rates: Any, progress: Progress, interruption: Interruption
) -> list[dict[str, float]]:
    """A line for each step, up to the one at which the loss has diverged."""
    table = jnp.asarray(rates, jnp.float32)
    step = dataclasses.replace(run.steps.train, rate=lambda number: table[number])
    divergence = Divergence()
    lines: list[dict[str, float]] = []
    for number, host in enumerate(run.prepared.train.stream(0, len(rates))):
        interruption.check("looking for a range of rates")
        state, metrics = step(state, put_batch(dict(host), run.mesh))
        loss, norm = float(metrics["loss"]), float(metrics["grad_norm"])
        lines.append({"step": number + 1, "learning_rate": float(rates[number]), "loss": loss, "grad_norm": norm})
        progress.update(number + 1, loss, None)
        if divergence.seen(loss) or int(metrics["skipped"]):
            break
    smoothed = centred([line["loss"] for line in lines])
    return [{**line, "smoothed": float(value)} for line, value in zip(lines, smoothed, strict=True)]


def _sentences(found: Any, config: Config, lines: list[dict[str, float]], steps: int) -> list[str]:
    ended = "its end" if len(lines) == steps else f"rate {lines[-1]['learning_rate']:.2g}, where the loss had diverged"
    said = [f"{len(lines)} steps, to {ended}."]
    if found is None:
        return [*said, f"{NOT_FALLEN[0].upper()}{NOT_FALLEN[1:]}."]
    said.append(
        f"The smoothed loss began to fall at {found.low:.1g}, fell fastest at {found.steepest:.1g} and was lowest at "
        f"{found.high:.1g}."
    )
    said.append(
        f"Rates to try: {found.low:.1g} to {found.high:.1g}, the upper ones with distrust: adaptive optimisers "
        f"({config.optim.name}) and a warm-up make this test overestimate, by up to ten times. Choose on validation."
    )
    said.append(
        f"It holds for what trains here, batches of {config.train.batch_size}, the beginning of training and one seed "
        f"({config.train.seed})."
    )
    return said
