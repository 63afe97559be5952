"""A plan as text: the table that a run prints when it begins, and what a thaw changes."""

from __future__ import annotations

import re
from collections.abc import Callable

from amharic_tl.transfer.plan import PlanRow, TrainablePlan


def table(plan: TrainablePlan, shown: Callable[[PlanRow], bool] = lambda row: True) -> list[str]:
    """One line for each part of the model (block, embeddings, head) that is treated alike; a heading first.

    Args:
      plan: of the stage meant. What thaws later is marked with the stage that it trains from.
      shown: which parameters' parts to list.
    """
    groups: dict[tuple[str, str, float, str], int] = {}
    for row in filter(shown, plan.rows.values()):
        block = re.match(r"(.*?)\.?\w+\.(\d+)\.", row.name) if row.layer is not None else None
        part = f"{block[1]} block {block[2]}".strip() if block else row.name.rsplit(".", 2)[0]
        trains = "yes" if row.trainable else "no" if row.stage is None else f"stage {row.stage}"
        key = (part, trains, row.learning_rate_multiplier, row.rule)
        groups[key] = groups.get(key, 0) + row.parameters
    width = max((len(part) for part, *_ in groups), default=4)
    lines = [f"{'part':<{width}}  {'parameters':>12}  trains   rate x  rule"]
    for (part, trains, multiplier, rule), count in groups.items():
        rate = f"{multiplier:6.3f}" if trains == "yes" else "     -"
        lines.append(f"{part:<{width}}  {count:>12,}  {trains:<7}  {rate}  {rule}")
    return lines


def whole_table(plan: TrainablePlan) -> str:
    """The table of a plan, its totals, and when its stages begin."""
    lines = [*table(plan), f"{_share(plan)}: {plan.reason}"]
    if len(plan.stages) > 1:
        for stage in plan.stages[1:]:
            when = "when the loss on validation stalls" if stage.begins is None else f"at step {stage.begins:,}"
            lines.append(f"stage {stage.number}, {when}: {', '.join(stage.rules)}")
    return "\n".join([*lines, *(f"note: {warning}" for warning in plan.warnings)])


def thaw_table(plan: TrainablePlan) -> str:
    """What joins in the stage of ``plan``."""
    lines = table(plan, lambda row: row.trainable and row.stage == plan.stage)
    return "\n".join([*lines, _share(plan)])


def _share(plan: TrainablePlan) -> str:
    totals = plan.totals
    share = totals["trainable"] / max(totals["parameters"], 1)
    return f"{totals['trainable']:,} of {totals['parameters']:,} parameters train ({share:.1%})"
