"""A plan as lines for the terminal."""

from __future__ import annotations

from typing import Any

from amharic_tl.studies.plan.candidate import USABLE, Candidate
from amharic_tl.studies.plan.study import Plan

GIB = 2**30
NOT_ITS_COMPILER = (
    "Compiled for CPUs in the place of these devices: parameters, optimiser and gradients are exact; activations "
    "are those that XLA lays out for a CPU, an estimate for another device (bfloat16 is widened, attention is plain)."
)
OPTIMIST = (
    "A roofline: every part at its peak rate, either all beside each other (the least) or one after the other (the "
    "most). Real runs are slower; compare plans by it."
)


def plan_lines(plan: Plan) -> list[str]:
    """The plan, section by section."""
    topology, asked = plan.request.topology, plan.asked
    mesh = " x ".join(f"{name} {extent}" for name, extent in plan.mesh.items())
    totals = asked.outlined.plan.totals
    lines = [
        f"{topology.text}: {topology.count} device{'s' if topology.count > 1 else ''}, mesh {mesh}"
        + (f"; chip {topology.chip.name} ({topology.chip.source})" if topology.chip is not None else ""),
        f"{totals['parameters']:,} parameters, {totals['trainable']:,} trainable",
        f"{asked.work.tokens:,} tokens an update, padding counted",
        f"attention: {', '.join(asked.attention) or 'xla'}",
    ]
    if not topology.is_compiled_for:
        lines.append(NOT_ITS_COMPILER)
    lines += [f"note: {note}" for note in asked.outlined.notes]
    lines += ["", *_memory(plan), "", *_work(asked)]
    best = plan.fitting
    if best is not None and best is not asked:
        lines += ["", f"With {best.named()}:", *_work(best)]
    if plan.request.tokens is not None:
        lines += ["", *_budget(plan)]
    return lines


def _memory(plan: Plan) -> list[str]:
    rows = [plan.asked, *plan.tried]
    header = ["GiB a device", "parameters", "optimiser", "gradients", "activations", "programme", "total", "fits"]
    table = [header, *([one.named(), *_gib(one), _verdict(one)] for one in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    limit = plan.asked.limit
    if limit is not None:
        of = f", {USABLE:.0%} of what is named" if plan.request.topology.memory is not None else ""
        lines.append(f"A step may take {limit / GIB:.2f} GiB of each device{of}.")
    else:
        lines.append("How much a device has is not known; --memory 15GiB says it.")
    if plan.asked.fits is False and plan.fitting is None:
        none = f"none of the {len(plan.tried)} other ways that were compiled does either"
        lines.append(f"It does not fit; {none if plan.tried else 'no other way was tried'}.")
    elif plan.asked.fits is False and plan.fitting is not None:
        lines.append(f"It does not fit. This does: {plan.fitting.named()}")
    if plan.largest is not None:
        size = plan.largest.config.train.batch_size
        lines.append(f"The largest batch in one part that fits, within a sixteenth: {size} ({plan.largest.named()})")
    return lines


def _gib(one: Candidate) -> list[str]:
    memory = one.compiled.memory
    parts = (memory.parameters, memory.optimiser, memory.gradients, memory.activations, memory.programme, memory.total)
    return [f"{part / GIB:.2f}" for part in parts]


def _verdict(one: Candidate) -> str:
    return {True: "yes", False: "no", None: "?"}[one.fits]


def _work(one: Candidate) -> list[str]:
    work = one.work
    again = f" ({work.flops / work.model_flops:.2f} times with what is computed again)" if work.model_flops else ""
    lines = [f"FLOPs of an update: {work.model_flops:.3e}{again}"]
    if one.compiled.sent is None:
        lines.append("What devices send is not known: the compiler gave no programme whose loops can be counted.")
    elif not one.compiled.sent:
        lines.append("Devices send nothing to each other.")
    else:
        for axis, kinds in sorted(one.compiled.sent.items()):
            said = ", ".join(f"{kind} {value / 1e6:,.1f}" for kind, value in sorted(kinds.items()))
            lines.append(f"MB a device sends along {axis}: {said}")
    time = one.time
    if time is None:
        return [*lines, "No step time: that takes a chip of known rates and a programme that was compiled."]
    lines += [
        f"an update: {_seconds(time.least)} to {_seconds(time.most)} (products {_seconds(time.products)}, memory "
        f"{_seconds(time.memory)}, network {_seconds(time.network)}); bound by {time.bound}",
        f"MFU: {time.mfu_least:.0%} to {time.mfu_most:.0%}",
        OPTIMIST,
    ]
    return lines


def _budget(plan: Plan) -> list[str]:
    found: dict[str, Any] | None = plan.budget()
    if found is None:
        return ["No time for the token budget: nothing fits, or the chip's rates are not known."]
    hours, chips = found["hours"], found["chip_hours"]
    lines = [
        f"{found['tokens']:,.0f} tokens: {found['updates']:,} updates, {hours[0]:,.2f} to {hours[1]:,.2f} hours, "
        f"{chips[0]:,.2f} to {chips[1]:,.2f} chip hours"
    ]
    if "price" in found:
        lines.append(f"price: {found['price'][0]:,.2f} to {found['price'][1]:,.2f}")
    return lines


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"
