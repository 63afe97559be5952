"""``amharic-tl bench``: a config's steps timed on the devices at hand, and where the time would have to go."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from amharic_tl.config import Config, to_dict
from amharic_tl.distributed.compilation_cache import keep_compiled
from amharic_tl.errors import ConfigError
from amharic_tl.models.attention import Choice, listening
from amharic_tl.records.files import refuse_existing, write_json
from amharic_tl.records.workdir import Workdir
from amharic_tl.run.assembly import assemble
from amharic_tl.run.attention import AttentionRecord
from amharic_tl.run.fingerprints import fingerprints
from amharic_tl.studies.bench.measuring import Bench, Measured
from amharic_tl.studies.bench.peak import Peak, peak_of
from amharic_tl.training.code_state import code_state
from amharic_tl.training.device_memory import peak_memory
from amharic_tl.training.provenance import provenance

PROFILED = 3


def bench(
    config: Config,
    workdir: Path,
    steps: int = 20,
    *,
    profile: bool = False,
    probe: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Times steps of a run and writes bench.json (and profile/) to a new workdir; no model is kept.

    Args:
      config: of the run; its first stage, where parameters thaw one after the other.
      workdir: a new directory.
      steps: how many are timed.
      profile: whether to write a trace of some more.
      probe: whether to measure the peak where no vendor's figure is known.
      say: is told what goes on.

    Returns:
      What bench.json holds.

    Raises:
      ConfigError: less than two steps.
      CannotCreateError: ``workdir`` is not empty.
      AmharicTLError: as :func:`~amharic_tl.run.assembly.assemble`.
    """
    if steps < 2:
        raise ConfigError(f"--steps: expected at least 2, found {steps}")
    refuse_existing(workdir, "workdir")
    keep_compiled(config.output.compilation_cache)
    say("reading data and model")
    run = assemble(config)
    taken: list[Choice] = []
    say("compiling each shape, then timing")
    with listening(taken.append):
        measuring = Bench(run)
        measured = measuring.measure(steps)
    held, whose = peak_memory()
    devices = list(run.mesh.devices.flat)
    peak = peak_of(devices, config.model.compute_dtype, probe)
    if profile:
        say("writing a trace")
        measuring.profile(min(PROFILED, steps), Workdir(workdir).profile)
    attention = AttentionRecord()
    for choice in taken:
        attention.add(choice)
    found = {
        "device": {"platform": devices[0].platform, "kind": devices[0].device_kind, "count": len(devices)},
        "mesh": dict(run.mesh.shape),
        "parameters": run.plan.totals,
        "dtype": config.model.compute_dtype,
        "attention": attention.lines,
        **figures(measured, peak),
        "peak_memory": {"bytes": held, "of": whose},
        "profile": PROFILED if profile else None,
        "config": to_dict(config),
        "provenance": provenance(config.train.seed, code_state(), fingerprints(run)),
    }
    if jax.process_index() == 0:
        write_json(Workdir(workdir).bench, found)
    return found


def figures(measured: Measured, peak: Peak) -> dict[str, Any]:
    """Throughput, MFU and shares of time from what was measured.

    MFU is that of PaLM (Chowdhery et al. 2022, appendix B): the model's own FLOPs a second over the peak. FLOPs are
    those of what trains: nothing is counted for the backward pass below the lowest trainable layer, nor for what is
    computed again.
    """
    total = sum(measured.seconds)
    flops = sum(shape.flops * shape.steps for shape in measured.shapes)
    low, middle, high = np.quantile(measured.seconds, (0.25, 0.5, 0.75)).tolist()
    return {
        "steps": len(measured.seconds),
        "shapes": [dataclasses.asdict(shape) for shape in measured.shapes],
        "step_seconds": {"median": middle, "quartiles": [low, high], "total": total},
        "tokens_per_second": measured.tokens / total,
        "places_per_second": measured.places / total,
        "padding_share": 1 - measured.tokens / measured.places,
        "flops_per_second": flops / total,
        "mfu": None if peak.flops is None else flops / total / peak.flops,
        "peak": peak.to_dict(),
        "compile_seconds": sum(shape.compile_seconds for shape in measured.shapes),
        "trace_seconds": sum(shape.trace_seconds for shape in measured.shapes),
        "data_wait_share": measured.waited / total,
        "losses": list(measured.losses),
    }


def bench_lines(found: dict[str, Any]) -> list[str]:
    """The figures for the terminal."""
    device, times, peak = found["device"], found["step_seconds"], found["peak"]
    memory = found["peak_memory"]
    mfu = "unknown" if found["mfu"] is None else f"{found['mfu']:.1%} of {peak['flops']:.3g} FLOP/s"
    whose = "the first device" if memory["of"] == "device" else "this process (the device keeps no count)"
    rows = [("rows x length", "steps", "GFLOP", "trace s", "compile s", "temporary MB")]
    for shape in found["shapes"]:
        held = "?" if shape["temporary"] is None else f"{shape['temporary'] / 1e6:,.1f}"
        made = f"{shape['trace_seconds']:.1f}", f"{shape['compile_seconds']:.1f}"
        rows.append(
            (f"{shape['rows']} x {shape['length']}", str(shape["steps"]), f"{shape['flops'] / 1e9:,.1f}", *made, held)
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        f"{device['count']} x {device['kind']} ({device['platform']}), products in {found['dtype']}; "
        f"{found['parameters']['trainable']:,} of {found['parameters']['parameters']:,} parameters train",
        *("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows),
        f"a step: {times['median']:.4g} s (quartiles {times['quartiles'][0]:.4g} to {times['quartiles'][1]:.4g}), "
        f"{found['steps']} timed",
        f"tokens a second, without padding: {found['tokens_per_second']:,.0f} "
        f"(padding is {found['padding_share']:.1%} of all places)",
        f"MFU: {mfu} ({peak['source']}: {peak['about']})",
        f"waiting for data: {found['data_wait_share']:.2%} of the time",
        f"compiled in {found['compile_seconds']:.1f} s, after {found['trace_seconds']:.1f} s of tracing",
        f"peak memory of {whose}: {memory['bytes'] / 2**30:.2f} GiB",
    ]
