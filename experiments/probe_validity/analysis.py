"""What the scores show: reliability, agreement of forms, the planted size, false positives, the effect of wording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from planted import PLANTED, nats
from scipy import stats

from amharic_tl.evaluation.intervals import wilson
from amharic_tl.safety.scoring.family_figures import Contrasts
from amharic_tl.safety.scoring.family_statistics import family_mean
from amharic_tl.safety.scoring.probe_signals import probe_signals
from amharic_tl.safety.scoring.probing import pair_figures
from amharic_tl.safety.scoring.reliability import family_reliability, split_half
from amharic_tl.safety.scoring.selection import Panel

Found = Mapping[str, Contrasts]
LEVEL = 0.05


def reliabilities(model: str, panel: Panel, found: Found) -> Iterator[dict[str, Any]]:
    """A line a family, and one a figure over all families of a kind."""
    by_kind: dict[str, dict[str, np.ndarray]] = {}
    for family in panel.families:
        of = found.get(family.id)
        if of is None:
            continue
        about = {"stage": "reliability", "model": model, "axis": panel.axis, "kind": family.kind, "family": family.id}
        one = family_reliability(of)
        if one is None:
            yield about | {"alpha": None, "note": f"{len(of.groups)} groups: too few to correlate"}
            continue
        table = of.table()
        if one.of == "groups" and not np.isnan(table).any():
            by_kind.setdefault(family.kind, {})[family.id] = table
        yield about | {
            "alpha": one.alpha, "low": one.low, "high": one.high, "wordings": one.wordings, "units": one.units,
            "of": one.of,
        }  # fmt: skip
    for kind, tables in by_kind.items():
        half = split_half(tables, seed=0)
        if half is not None:
            reliability, low, high, groups = half
            yield {
                "stage": "figure_reliability", "model": model, "axis": panel.axis, "kind": kind,
                "families": len(tables), "reliability": reliability, "low": low, "high": high, "groups": groups,
            }  # fmt: skip


def form_agreement(model: str, by_form: Mapping[str, Found]) -> Iterator[dict[str, Any]]:
    """Rank correlation of two forms over families x groups, its interval from resampled families."""
    tables = {form: _centred(found) for form, found in by_form.items()}
    forms = list(tables)
    for first, second in ((a, b) for place, a in enumerate(forms) for b in forms[place + 1 :]):
        left, right = tables[first], tables[second]
        value = float(stats.spearmanr(left.ravel(), right.ravel()).statistic)
        generator = np.random.default_rng(0)
        drawn = generator.integers(len(left), size=(2000, len(left)))
        many = [float(stats.spearmanr(left[of].ravel(), right[of].ravel()).statistic) for of in drawn]
        low, high = np.quantile(many, [LEVEL / 2, 1 - LEVEL / 2])
        yield {
            "stage": "forms", "model": model, "forms": f"{first}, {second}", "rho": value, "low": float(low),
            "high": float(high), "families": len(left), "groups": left.shape[1],
        }  # fmt: skip


def _centred(found: Found) -> np.ndarray:
    """``[families, groups]``: means over wordings, less the family's."""
    tables = np.stack([of.table().mean(axis=0) for of in found.values()])
    return np.asarray(tables - tables.mean(axis=1, keepdims=True))


def of_planted(found: Found) -> np.ndarray:
    """By family, the planted group against the mean of the others."""
    values = []
    for of in found.values():
        means = of.table().mean(axis=0)
        mine = of.groups.index(PLANTED)
        values.append(means[mine] - (means.sum() - means[mine]) / (len(means) - 1))
    return np.asarray(values)


def planted_figures(by_run: Mapping[tuple[int, int], Found], where: str) -> Iterator[dict[str, Any]]:
    """The figure at each planted size, over families of means over seeds, and each step up paired by family."""
    sizes = sorted({eighths for eighths, _ in by_run})
    of_size = {
        size: np.mean([of_planted(found) for (eighths, _), found in by_run.items() if eighths == size], axis=0)
        for size in sizes
    }
    for size, values in of_size.items():
        one = family_mean(values)
        seeds = [float(of_planted(found).mean()) for (eighths, _), found in by_run.items() if eighths == size]
        yield {
            "stage": "planted", "wordings": where, "eighths": size, "nats": nats(size), "value": one.value,
            "low": one.low, "high": one.high, "p": one.p, "families": one.n, "seeds": seeds,
        }  # fmt: skip
    for before, after in zip(sizes, sizes[1:], strict=False):
        step = family_mean(of_size[after] - of_size[before])
        yield {
            "stage": "planted_step", "wordings": where, "eighths": after, "nats": nats(after) - nats(before),
            "value": step.value, "low": step.low, "high": step.high, "p": step.p,
        }  # fmt: skip


def shuffled(model: str, panel: Panel, found: Found, draws: int, whole: int) -> Iterator[dict[str, Any]]:
    """How often something is found where nothing can be.

    Groups exchange places family by family, so that no group is the same one twice: the figure of one group, and
    whether the whole probe confirms anything. And trait and control words exchange roles, for the figure of how far
    groups are apart. ``whole``: in how many of the draws the whole probe is judged, which takes long.
    """
    generator = np.random.default_rng(0)
    chosen = {family: of for family, of in found.items() if of.control is not None}
    small = [one for one in panel.families if one.id in chosen]
    panel = Panel(panel.axis, tuple(small), panel.groups, panel.paradigms, panel.invented, panel.unreviewed)
    hits, confirmed, apart = 0, 0, 0
    for draw in range(draws):
        mixed = {}
        for family, of in chosen.items():
            order = generator.permutation(len(of.groups))
            sides = (of.trait, of.control) if generator.random() < 0.5 else (of.control, of.trait)
            mixed[family] = Contrasts(of.groups, sides[0][:, :, order], sides[1][:, :, order])
        made = pair_figures(panel, mixed, "span")
        one = next(of for of in made if of.name == "association" and of.group == PLANTED)
        spread = next(of for of in made if of.name == "association_spread")
        hits += family_mean(np.asarray(list(one.values.values()))).p <= LEVEL
        apart += family_mean(np.asarray(list(spread.values.values()))).p <= LEVEL
        if draw < whole:
            signals = probe_signals(made, signed=lambda _: True, unreviewed=lambda _: False)
            confirmed += any(of.state == "confirmed" for of in signals)
    for what, count, n in (
        ("one group", hits, draws),
        ("groups apart, two-sided", apart, draws),
        ("anything confirmed by a probe", confirmed, whole),
    ):
        low, high = wilson(count, n)
        yield {
            "stage": "shuffled", "model": model, "figure": what, "rate": count / n, "low": low, "high": high,
            "draws": n,
        }  # fmt: skip


def wording_effect(model: str, found: Found) -> Iterator[dict[str, Any]]:
    """What one wording a family would have said, in place of all: the figure's spread over such choices.

    And the variance of a family's table by source: families x groups (what is wanted), and wordings within families.
    """
    tables = [of.table() for of in found.values() if of.control is not None]
    groups = next(iter(found.values())).groups
    mine = groups.index(PLANTED)
    against = np.stack([table[:, mine] - (table.sum(axis=1) - table[:, mine]) / (len(groups) - 1) for table in tables])
    generator = np.random.default_rng(0)
    places = generator.integers(against.shape[1], size=(5000, len(against)))
    drawn = against[np.arange(len(against)), places].mean(axis=1)
    low, high = np.quantile(drawn, [LEVEL / 2, 1 - LEVEL / 2])
    centred = np.stack([table - table.mean(axis=1, keepdims=True) for table in tables])
    within = float(centred.var(axis=1, ddof=1).mean())
    between = max(float(centred.mean(axis=1).var(axis=1, ddof=1).mean()) - within / centred.shape[1], 0.0)
    yield {
        "stage": "wording", "model": model, "all_wordings": float(against.mean()), "one_wording_low": float(low),
        "one_wording_high": float(high), "one_wording_sd": float(drawn.std()),
        "share_of_wording": within / (within + between), "families": len(tables), "wordings": int(against.shape[1]),
    }  # fmt: skip


def where(lines: Sequence[Mapping[str, Any]], **wanted: Any) -> list[Mapping[str, Any]]:
    """The lines that have these values."""
    return [line for line in lines if all(line.get(name) == value for name, value in wanted.items())]
