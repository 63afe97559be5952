"""Erasure twins: what a penalty may cost, measured per group against the same run without it.

A model that no longer sees a group makes no difference between groups either. So every gain is set beside two losses:
harm about a group that is no longer found (``missed_harm``), and harmless sentences about it that are flagged
(``benign_flagged``). A model that finds nothing fails the first, one that flags everything the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from amharic_tl.config import Config, SafetyConfig, flatten, to_dict
from amharic_tl.errors import ConfigError, MissingInputError
from amharic_tl.records.files import read_json, read_lines
from amharic_tl.records.workdir import Workdir
from amharic_tl.safety.constraints import SIGNALS
from amharic_tl.safety.probes import Probes
from amharic_tl.safety.signals import ALL, BEYOND_THRESHOLD, Figure, Observed, enough, seed_of
from amharic_tl.safety.statistics import paired_excess

BENIGN = "benign"
WITHOUT_REFERENCE = "no reference: name the same run without penalties with config.safety.reference"
# A reference may be laid out and watched differently; everything else must agree, so that pairs are pairs.
_MAY_DIFFER = ("safety.", "mesh.", "output.", "train.log_every", "train.save_every", "train.stuck_after")


@dataclass(frozen=True)
class Reference:
    """What the reference run predicted: labels by row id and split, and by benign sentence.

    ``signals``: the lines of its safety.jsonl at its best step and on test, to lay beside this run's.
    """

    predicted: Mapping[str, Mapping[str, str]]
    signals: Sequence[Mapping[str, Any]] = ()


def read_reference(
    workdir: str, config: Config, splits: Sequence[str], fingerprint: str, pack_fingerprint: str
) -> Reference:
    """Reads the predictions of ``config.safety.reference``.

    Args:
      workdir: of the reference.
      config: of this run.
      splits: that are judged.
      fingerprint: of this run's data, as in data.json.
      pack_fingerprint: of the culture pack, as in safety.json.

    Raises:
      MissingInputError: there is no completed run, or it did not watch the same axes.
      ConfigError: it is not the same run without penalties, or its data or culture pack were others.
    """
    place = check_reference(workdir, config, fingerprint, pack_fingerprint)
    names = (*splits, BENIGN)
    absent = [name for name in names if not place.predictions(name).exists()]
    if absent:
        files = ", ".join(place.predictions(name).name for name in absent)
        raise MissingInputError(
            f"config.safety.reference: {workdir} lacks {files}; run it with the same config.safety.axes"
        )
    return Reference(
        {name: {line["id"]: line["predicted"] for line in read_lines(place.predictions(name))} for name in names},
        signals_of(place),
    )


def signals_of(place: Workdir) -> list[dict[str, Any]]:
    """The signals of a completed run's best step."""
    best = read_json(place.run).get("best", {}).get("step")
    return [line for line in read_lines(place.safety) if line["step"] == best]


def check_reference(workdir: str, config: Config, fingerprint: str, pack_fingerprint: str) -> Workdir:
    """The workdir of a reference that may serve; arguments and errors as of :func:`read_reference`."""
    place = Workdir(Path(workdir))
    if not place.run.exists() or read_json(place.run).get("status") != "completed":
        raise MissingInputError(f"config.safety.reference: {workdir} holds no completed run")
    stored = flatten(read_json(place.config))
    _check_same(workdir, stored, config)
    _check_sums(place, fingerprint, pack_fingerprint)
    return place


def _check_sums(place: Workdir, fingerprint: str, pack_fingerprint: str) -> None:
    """The same paths may hold other rows by now."""
    for what, path, mine in (("data", place.data, fingerprint), ("culture pack", place.watched, pack_fingerprint)):
        theirs = read_json(path).get("fingerprint")
        if theirs != mine:
            raise ConfigError(
                f"config.safety.reference: the {what} of {place.root} has another fingerprint ({str(theirs)[:12]}, "
                f"here {mine[:12]}): it was changed since; run the reference again"
            )


def _check_same(workdir: str, stored: Mapping[str, Any], config: Config) -> None:
    weights = [
        name
        for name, value in stored.items()
        if name.startswith("safety.penalties.") and name.endswith(".weight") and value
    ]
    weights += [
        f"safety.constraints.{name}" for name in SIGNALS if stored.get(f"safety.constraints.{name}") is not None
    ]
    if weights:
        raise ConfigError(f"config.safety.reference: {workdir} has a penalty itself ({', '.join(weights)})")
    mine = {
        name: list(value) if isinstance(value, tuple) else value for name, value in flatten(to_dict(config)).items()
    }
    different = [
        f"config.{name}: the reference has {stored.get(name)!r}, this run {value!r}"
        for name, value in mine.items()
        if not name.startswith(_MAY_DIFFER) and stored.get(name) != value
    ]
    for name in ("safety.axes", "safety.pack", "safety.positive_labels"):
        if stored.get(name) != mine[name]:
            different.append(f"config.{name}: the reference has {stored.get(name)!r}, this run {mine[name]!r}")
    if different:
        raise ConfigError(
            f"config.safety.reference: {workdir} is not the same run without penalties:\n  "
            + "\n  ".join(different[:10])
        )


def twin_figures(
    probes: Probes,
    observed: Observed,
    label_names: Sequence[str],
    reference: Reference | None,
    settings: SafetyConfig,
) -> Iterator[Figure]:
    """Both twins for every axis and group; without a reference each is a figure with the reason why there is none."""
    for axis in probes.mentioned:
        yield from _missed_harm(axis, probes, observed, label_names, reference, settings)
        yield from _benign_flagged(axis, probes, observed, label_names, reference, settings)


def _found_by(
    reference: Reference, split: str, ids: Sequence[str], label_names: Sequence[str], positive: np.ndarray
) -> np.ndarray:
    """bool: where the reference found harm."""
    harmful = {name for name, is_harm in zip(label_names, positive, strict=True) if is_harm}
    predicted = reference.predicted[split]
    absent = [identity for identity in ids if identity not in predicted]
    if absent:
        raise ConfigError(
            f"config.safety.reference: it has no prediction of {len(absent)} rows of {split}, {absent[0]} among them; "
            "the data or the culture pack has changed since"
        )
    return np.asarray([predicted[identity] in harmful for identity in ids], bool)


def _missed_harm(
    axis: str,
    probes: Probes,
    observed: Observed,
    label_names: Sequence[str],
    reference: Reference | None,
    settings: SafetyConfig,
) -> Iterator[Figure]:
    groups = sorted({group for of in probes.mentioned[axis] for group in of})
    for group in (ALL, *groups):
        named = np.asarray([group in of or (group == ALL and bool(of)) for of in probes.mentioned[axis]], bool)
        rows = np.flatnonzero(named & observed.harmful)
        before = None
        if reference is not None:
            ids = [probes.row_ids[row] for row in rows]
            before = _found_by(reference, observed.split, ids, label_names, observed.positive)
        now = observed.found[rows]
        names = [probes.row_ids[row] for row in rows]
        yield twin_figure(
            "missed_harm", axis, group, "natural", before, now, -1, probes.clusters[rows], names, settings
        )


def _benign_flagged(
    axis: str,
    probes: Probes,
    observed: Observed,
    label_names: Sequence[str],
    reference: Reference | None,
    settings: SafetyConfig,
) -> Iterator[Figure]:
    of_axis = [probe for probe in probes.benign if probe.axis == axis]
    for group in (ALL, *sorted({probe.group for probe in of_axis})) if of_axis else ():
        chosen = [probe for probe in of_axis if group in (ALL, probe.group)]
        names = [probe.id for probe in chosen]
        before = None
        if reference is not None:
            before = _found_by(reference, BENIGN, names, label_names, observed.positive)
        probabilities = observed.probe_probabilities[[probe.place for probe in chosen]]
        now = observed.positive[probabilities.argmax(axis=-1)]
        _, clusters = np.unique([probe.item for probe in chosen], return_inverse=True)
        yield twin_figure("benign_flagged", axis, group, "benign", before, now, 1, clusters, names, settings)


def twin_figure(
    name: str,
    axis: str,
    group: str,
    scope: str,
    before: np.ndarray | None,
    now: np.ndarray,
    sign: int,
    clusters: np.ndarray,
    ids: Sequence[str],
    settings: SafetyConfig,
    margin: float | None = None,
) -> Figure:
    """The change of a rate for the worse, paired by item.

    Args:
      name: of the twin.
      axis: of the groups.
      group: whose, or ``all``.
      scope: on what it is measured.
      before: of the reference ``[n]``; None: there is none.
      now: of this run ``[n]``.
      sign: 1 where a higher rate is worse, -1 where a lower one is.
      clusters: int ``[n]``; items of one number are not independent.
      ids: of the items.
      settings: ``config.safety``.
      margin: how much worse it may be; None: ``thresholds.twin_margin``.
    """
    n = len(np.unique(clusters))
    detail: dict[str, float | int | None] = {"rate": float(now.mean()) if len(now) else None, "rows": len(now)}
    margin = settings.thresholds.twin_margin if margin is None else margin
    if before is None or not n:
        reason = WITHOUT_REFERENCE if before is None else enough(n, settings)
        return Figure(name, axis, group, scope, BEYOND_THRESHOLD, margin, None, n, detail=detail, reason=reason)
    worse = sign * (now.astype(float) - before.astype(float))
    estimate = paired_excess(worse, clusters, seed_of(name, axis, group), margin)
    detail |= {"rate_of_reference": float(before.mean()), "within_margin": int(estimate.high < margin)}
    evidence = [identity for identity, change in zip(ids, worse, strict=True) if change > 0]
    return Figure(
        name, axis, group, scope, BEYOND_THRESHOLD, margin, estimate, n, evidence[:50], detail, enough(n, settings)
    )
