"""Tags of tokens that mark entities: ``O`` outside, ``B-TYPE`` where one begins, ``I-TYPE`` inside.

The other schemes are read too: IOB1 (``B-`` only where an entity follows one of its type), and ``E-``/``L-`` for the
last token and ``S-``/``U-`` for the only one (IOBES, BILOU).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

OUTSIDE = "O"
_TAG = re.compile(r"[BIESLU]-\S.*")
_ENDS = "ESLU"
_ALONE = "BSU"


class Entity(NamedTuple):
    """An entity of the tokens ``start`` to ``stop`` (not included)."""

    kind: str
    start: int
    stop: int


def is_tag(tag: str) -> bool:
    """Whether ``tag`` is ``O`` or a letter of a scheme, a hyphen and a type."""
    return tag == OUTSIDE or _TAG.fullmatch(tag) is not None


def type_of(tag: str) -> str | None:
    """The entity type of a tag; None outside."""
    return None if tag == OUTSIDE else tag[2:]


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities that tags mark, as CoNLL's scorer finds them (Tjong Kim Sang & De Meulder 2003).

    A tag inside an entity of another type, or of none, begins an entity: what a model leaves without a beginning is
    judged as if it had one.
    """
    found: list[Entity] = []
    start: int | None = None
    before = OUTSIDE
    for place, tag in enumerate([*tags, OUTSIDE]):
        changes = tag == OUTSIDE or tag[0] in _ALONE or before[0] in _ENDS or type_of(tag) != type_of(before)
        if start is not None and changes:
            found.append(Entity(before[2:], start, place))
            start = None
        if start is None and tag != OUTSIDE:
            start = place
        before = tag
    return found


def tag_order(tags: Iterable[str]) -> list[str]:
    """The classes of a tagger: ``O`` first, then type by type, the beginning before the inside."""
    marks = sorted({tag for tag in tags if tag != OUTSIDE}, key=lambda tag: (tag[2:], "BIELSU".index(tag[0])))
    return [OUTSIDE, *marks]


def entity_types(tags: Iterable[str]) -> list[str]:
    """The types of entities among tags, sorted."""
    return sorted({tag[2:] for tag in tags if tag != OUTSIDE})
