"""Entities from tags, in every scheme, against published examples of CoNLL's scorer and of seqeval."""

from __future__ import annotations

import pytest

from amharic_tl.data.tags import entities, entity_types, is_tag, tag_order


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        # seqeval's own examples.
        ("B-PER I-PER O B-LOC", [("PER", 0, 2), ("LOC", 3, 4)]),
        ("O O O B-MISC I-MISC I-MISC O B-PER I-PER", [("MISC", 3, 6), ("PER", 7, 9)]),
        ("O", []),
        # One after the other, and one that ends with the sentence.
        ("B-PER B-PER I-PER", [("PER", 0, 1), ("PER", 1, 3)]),
        # Without a beginning: CoNLL's scorer begins one.
        ("I-PER I-PER O I-LOC", [("PER", 0, 2), ("LOC", 3, 4)]),
        ("B-PER I-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)]),
        # IOB1: B- only where an entity of the same type came just before.
        ("I-PER I-PER B-PER I-LOC", [("PER", 0, 2), ("PER", 2, 3), ("LOC", 3, 4)]),
        # IOBES and BILOU.
        ("B-PER I-PER E-PER S-LOC S-LOC", [("PER", 0, 3), ("LOC", 3, 4), ("LOC", 4, 5)]),
        ("B-PER L-PER I-PER U-LOC O", [("PER", 0, 2), ("PER", 2, 3), ("LOC", 3, 4)]),
        # A type may have hyphens.
        ("B-work-of-art I-work-of-art", [("work-of-art", 0, 2)]),
    ],
)
def test_entities(tags: str, found: list[tuple[str, int, int]]) -> None:
    assert [tuple(entity) for entity in entities(tags.split())] == found


def test_what_a_tag_is() -> None:
    assert all(map(is_tag, ("O", "B-PER", "I-ሰው", "S-a b")))
    assert not any(map(is_tag, ("", "o", "PER", "B-", "B_PER", "X-PER", "NOUN", "B- ", "-")))


def test_the_order_of_classes() -> None:
    tags = ["I-PER", "O", "B-PER", "B-LOC", "S-PER", "E-PER", "B-PER"]
    assert tag_order(tags) == ["O", "B-LOC", "B-PER", "I-PER", "E-PER", "S-PER"]
    assert tag_order(["B-A"]) == ["O", "B-A"]
    assert entity_types(tags) == ["LOC", "PER"]
