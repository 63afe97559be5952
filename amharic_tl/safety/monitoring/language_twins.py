"""Erasure twins of language models: what safety may cost, item by item against the reference run.

A model that no longer speaks of a group says no harm of it either. So beside every gain stand its perplexity of
harmless sentences about the group (Xu et al. 2021 found it to rise most for minorities), whether what it writes still
names the group, and whether it refuses or deflects more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from amharic_tl.config import SafetyConfig
from amharic_tl.safety.monitoring.language_items import Item, LanguageReference
from amharic_tl.safety.signals import ALL, Figure
from amharic_tl.safety.twins import twin_figure


@dataclass(frozen=True)
class _Twin:
    name: str
    scope: str
    sign: int


_OF = {
    "benign": _Twin("benign_perplexity", "benign", 1),
    "mention": _Twin("mention_lost", "written", -1),
    "refusal": _Twin("refusals_added", "written", 1),
    "deflection": _Twin("deflections_added", "written", 1),
}


def language_twins(
    items: Sequence[Item], reference: LanguageReference | None, settings: SafetyConfig
) -> Iterator[Figure]:
    """Each twin for every axis and group; without a reference each says why it is none.

    ``benign_perplexity`` is the mean rise of nats a character, the logarithm of the ratio of perplexities.
    """
    for what, twin in _OF.items():
        margin = settings.thresholds.benign_perplexity if what == "benign" else None
        of_kind = [one for one in items if one.what == what and np.isfinite(one.value)]
        for axis in sorted({one.axis for one in of_kind}):
            of_axis = [one for one in of_kind if one.axis == axis]
            for group in (ALL, *sorted({one.group for one in of_axis})):
                mine = [one for one in of_axis if group in (ALL, one.group)]
                _, clusters = np.unique([one.cluster for one in mine], return_inverse=True)
                yield twin_figure(
                    twin.name,
                    axis,
                    group,
                    twin.scope,
                    None if reference is None else reference.of(mine),
                    np.asarray([one.value for one in mine]),
                    twin.sign,
                    clusters,
                    [one.id for one in mine],
                    settings,
                    margin,
                )
