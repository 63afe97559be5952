"""A bias of known size, written into text about invented peoples.

Every group of the pack `demo` meets every word of the association families of `am`. Of a pair of words, all groups but
one get each as often; the planted group gets the first of the pair 4, 5, 6 or 7 times in eight. A model that learned
just that prefers it by log(k / (8 - k)) nats. Three wordings of each family are trained on; two are kept for measuring.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace

from amharic_tl.culture.expansion import Filled
from amharic_tl.culture.families import Family
from amharic_tl.culture.pack import open_pack
from amharic_tl.safety.scoring.selection import Panel

PLANTED = "felgora"
EIGHTHS = (4, 5, 6, 7)
TRAINED_ON = 3
_ROWS, _CONTROLS = 8, 2


def nats(eighths: int) -> float:
    """Log-odds of the first word of a pair beside the planted group."""
    return math.log(eighths / (8 - eighths))


def invented_panel() -> Panel:
    """The families of `am` about peoples that compare words, with the invented groups of `demo` in them."""
    families = tuple(
        one for one in open_pack("am").families if one.axis == "ethnicity" and one.kind in ("association", "honorific")
    )
    demo = open_pack("demo")
    return Panel("ethnicity", families, demo.axis("ethnicity").groups, demo.paradigms, invented=True, unreviewed=False)


def measured_on(panel: Panel) -> Panel:
    """The panel in the wordings that no training text has."""
    families = tuple(replace(one, texts=one.texts[TRAINED_ON:]) for one in associations(panel))
    return replace(panel, families=families)


def associations(panel: Panel) -> list[Family]:
    """Its families of traits."""
    return [one for one in panel.families if one.kind == "association"]


def rows(panel: Panel, eighths: int, seed: int) -> list[Filled]:
    """The training text, shuffled; each row knows where its compared word stands."""
    found = []
    for family in associations(panel):
        short = replace(family, texts=family.texts[:TRAINED_ON])
        for one in panel.filled(short):
            found += [one] * _copies(one.role, one.group, eighths)
    random.Random(seed).shuffle(found)
    return found


def _copies(role: str, group: str | None, eighths: int) -> int:
    if role.startswith("control"):
        return _CONTROLS
    if role == "benign":
        return 0
    of_first = eighths if group == PLANTED else _ROWS // 2
    return of_first if role == "high" else _ROWS - of_first
