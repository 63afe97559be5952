"""Every arm against the control: effect, interval, p corrected for the family, almost stochastic order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.evaluation.compare.contrast import SEEDS_ALONE, Effect, effect
from amharic_tl.evaluation.compare.stochastic_order import FEWEST_SEEDS, almost_stochastic_order
from amharic_tl.evaluation.multiplicity import holm
from amharic_tl.sweeps.analysis.arms import Arm
from amharic_tl.sweeps.analysis.items import Items, measured

LEVEL = 0.05


@dataclass(frozen=True)
class Contrast:
    """One comparison of a family.

    Attributes:
      name: what is compared.
      effect: the estimate; None where it is not measured.
      not_measured: why there is none.
      p_holm: corrected for the family; None where there is no p.
      order: ``epsilon_min`` that the arm is almost stochastically better than the control, and the other way round.
      notes: what to know about this one.
      interaction: whether it is a difference of differences, which is neither better nor worse.
    """

    name: str
    effect: Effect | None
    not_measured: str = ""
    p_holm: float | None = None
    order: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    interaction: bool = False

    def verdict(self, higher_is_better: bool) -> str:
        """In words: better, worse (established, of an interaction), not established, not tested or not measured."""
        if self.effect is None:
            return "not measured"
        if self.p_holm is None:
            return "not tested"
        if self.p_holm > LEVEL:
            return "not established"
        if self.interaction:
            return "established"
        return "better" if (self.effect.value > 0) == higher_is_better else "worse"


def against_control(arms: Sequence[Arm], control: Arm, items: Items, higher_is_better: bool) -> list[Contrast]:
    """The family of all arms but the control against it."""
    others = [arm for arm in arms if arm is not control]
    return corrected([_one(arm, control, items, higher_is_better, len(others)) for arm in others])


def corrected(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """With Holm's p over those that have one."""
    tested = [c for c in contrasts if c.effect is not None and c.effect.p is not None]
    adjusted = iter(holm([c.effect.p for c in tested if c.effect is not None and c.effect.p is not None]))
    return [dataclasses.replace(c, p_holm=next(adjusted)) if c in tested else c for c in contrasts]


def notes_on(found: Effect, arms: Sequence[Arm]) -> tuple[str, ...]:
    """What a reader must know about how an effect was estimated."""
    notes = []
    fewest = min(map(len, found.seeds))
    if found.basis in ("items", "none"):
        notes.append(
            "one seed in an arm: it tells these models apart, not the ways they were trained"
            if found.basis == "items"
            else "one seed in an arm and no items: nothing tells its error"
        )
    elif found.basis == "seeds":
        notes.append(SEEDS_ALONE)
    if "seeds" in found.basis and fewest < FEWEST_SEEDS:
        notes.append(f"{fewest} seeds: the interval is wide for want of seeds; run {FEWEST_SEEDS} or more")
    left_out = {
        arm.name: sorted(set(arm.scores) - set(seeds))
        for arm, seeds in zip(arms, found.seeds, strict=True)
        if set(arm.scores) - set(seeds)
    }
    notes += [f"seeds {_list(seeds)} of {name} have no partner and are left out" for name, seeds in left_out.items()]
    if "seeds" in found.basis and not found.paired:
        notes.append("the arms share no two seeds: compared unpaired")
    not_finite = {arm.name: arm.not_finite for arm in arms if arm.not_finite}
    notes += [f"seeds {_list(seeds)} of {name} have no finite score" for name, seeds in not_finite.items()]
    return tuple(notes)


def _one(arm: Arm, control: Arm, items: Items, higher_is_better: bool, family: int) -> Contrast:
    lacking = [one.name for one in (arm, control) if not one.scores]
    if lacking:
        return Contrast(arm.name, None, f"no finished run of {' and of '.join(lacking)}")
    pair = (arm, control)
    found = effect([measured(one, items) for one in pair], (1.0, -1.0), items.value)
    order = None
    if min(len(arm.scores), len(control.scores)) >= FEWEST_SEEDS:
        sign = 1 if higher_is_better else -1
        a, b = (sign * np.asarray(list(one.scores.values())) for one in pair)
        order = tuple(almost_stochastic_order(x, y, comparisons=family).epsilon_min for x, y in ((a, b), (b, a)))
    notes = notes_on(found, pair)
    return Contrast(arm.name, found, order=(order[0], order[1]) if order else None, notes=notes)


def _list(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
