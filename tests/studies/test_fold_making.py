"""Dividing rows: what never straddles folds, how even the strata are, and what is refused."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from amharic_tl.data.folds import Fold
from amharic_tl.data.rows import Row, Source
from amharic_tl.errors import BadInputError, ConfigError
from amharic_tl.studies.cross_validation.clusters import joined, near_duplicates
from amharic_tl.studies.cross_validation.items import Item, make_items
from amharic_tl.studies.cross_validation.making import Plan, by_cluster, by_group

LETTERS = [chr(0x1208 + number) for number in range(40) if chr(0x1208 + number).isalpha()]


def items(count: int, seed: int, largest: int = 5) -> list[Item]:
    """Clusters of 1 to ``largest`` rows, three labels of unequal frequency that clusters may mix."""
    generator = random.Random(seed)
    made: list[Item] = []
    cluster = 0
    while len(made) < count:
        for _ in range(generator.randint(1, largest)):
            label = generator.choices("abc", weights=(5, 3, 1))[0]
            made.append(Item(f"r{len(made):04d}", label, (label,), cluster, cluster))
        cluster += 1
    return made


def plan(folds: int, repeats: int = 1, seed: int = 0) -> Plan:
    return Plan(folds, repeats, seed, "near-duplicates")


@pytest.mark.parametrize(("count", "folds", "seed"), [(120, 2, 0), (150, 4, 1), (200, 7, 2)])
def test_no_cluster_straddles_and_every_row_is_tested_once(count: int, folds: int, seed: int) -> None:
    made = items(count, seed)
    found, _ = by_cluster(made, plan(folds, seed=seed))
    assert Counter(name for fold in found for name in fold.test) == Counter(item.id for item in made)
    for fold in found:
        test, validation = set(fold.test), set(fold.validation)
        train = {item.id for item in made} - test - validation
        parts = [{item.cluster for item in made if item.id in part} for part in (train, validation, test)]
        assert all(parts) and not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_fold_has_its_share_of_each_label_within_a_cluster(seed: int) -> None:
    made, folds = items(300, seed, largest=3), 5
    found, _ = by_cluster(made, plan(folds, seed=seed))
    label = {item.id: item.stratum for item in made}
    whole = Counter(label.values())
    for fold in found:
        here = Counter(label[name] for name in fold.test)
        assert all(abs(here[name] - whole[name] / folds) <= 3 for name in whole)
        inner = Counter(label[name] for name in fold.validation)
        left = {name: whole[name] - here[name] for name in whole}
        assert all(abs(inner[name] - left[name] / 10) <= 3 for name in whole)


def test_the_order_of_rows_does_not_matter_and_the_seed_does() -> None:
    made = items(100, 3)
    turned = random.Random(0).sample(made, len(made))
    once, again = by_cluster(made, plan(3, repeats=2)), by_cluster(turned, plan(3, repeats=2))
    assert once == again
    first, second = once[0][:3], once[0][3:]
    assert [fold.name for fold in once[0]] == [f"repeat-{r}-fold-{f}" for r in (1, 2) for f in (1, 2, 3)]
    assert [fold.test for fold in first] != [fold.test for fold in second]
    assert by_cluster(made, plan(3, seed=1))[0] != by_cluster(made, plan(3))[0]


@pytest.mark.parametrize(
    ("made", "folds", "said"),
    [
        ([Item(f"r{n}", "a", ("a",), n, n // 10) for n in range(30)], 4, "fewer than folds"),
        ([Item(f"r{n}", "ab"[n < 2], ("ab"[n < 2],), n, n) for n in range(30)], 3, r"fewer rows than folds: b \(2\)"),
        ([Item(f"r{n}", "ab"[n < 4], ("ab"[n < 4],), n, max(n, 3)) for n in range(40)], 3, "has the label b"),
        ([Item(f"r{n}", "a", ("a",), n, int(n > 38)) for n in range(40)], 2, "a few of|too few rows"),
    ],
)
def test_what_cannot_be_divided_is_refused(made: list[Item], folds: int, said: str) -> None:
    if said.startswith("a few"):
        made = [Item(item.id, item.stratum, item.labels, item.cluster, item.cluster) for item in made]
    with pytest.raises(BadInputError, match=said):
        by_cluster(made, plan(folds))


def test_one_fold_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs two"):
        by_cluster(items(20, 0), plan(1))


def named(count: int) -> list[Item]:
    """Rows that name ሀ, ለ, both or none, and a few that name መ."""
    groups = [frozenset("x"), frozenset("y"), frozenset("xy"), frozenset(), frozenset(), frozenset()]
    made = [Item(f"r{n:03d}", "ab"[n % 2], ("ab"[n % 2],), n, n, groups[n // 2 % 6]) for n in range(count)]
    return [*made, Item("z0", "a", ("a",), 1000, 1000, frozenset("z"))]


def test_a_group_that_is_left_out_is_not_in_training() -> None:
    made = named(120)
    found, notes = by_group(made, Plan(None, 1, 0, "group:ethnicity"))
    assert [fold.group for fold in found] == ["x", "y"] == [fold.name for fold in found]
    for fold in found:
        part = {name: part for part in ("test", "validation", "left_out") for name in getattr(fold, part)}
        for item in made:
            where = part.get(item.id, "train")
            if item.groups == {fold.group}:
                assert where == "test"
            elif fold.group in item.groups:
                assert where == "left_out"
            else:
                assert where in ("train", "validation")
    assert any("name several groups" in note for note in notes) and any("z (1)" in note for note in notes)


def test_most_named_groups_come_first_and_one_is_too_few() -> None:
    made = [*named(120), *(Item(f"y{n}", "a", ("a",), 2000 + n, 2000 + n, frozenset("y")) for n in range(5))]
    more = [Item(f"w{n}", "ab"[n % 2], ("ab"[n % 2],), 3000 + n, 3000 + n, frozenset("w")) for n in range(12)]
    found, _ = by_group([*made, *more], Plan(2, 1, 0, "group:ethnicity"))
    assert [fold.group for fold in found] == ["y", "x"]
    with pytest.raises(BadInputError, match="needs two"):
        by_group(more, Plan(None, 1, 0, "group:ethnicity"))


def text(seed: int, length: int = 60) -> str:
    generator = random.Random(seed)
    letters = "".join(generator.choices(LETTERS, k=length))
    return " ".join(letters[start : start + 5] for start in range(0, length, 5))


def test_near_duplicates_are_found_whatever_changed_a_little() -> None:
    base, other = text(0), text(1)
    close = base[:-3] + "".join(LETTERS[:3])
    further = close[:3] + "".join(LETTERS[5:8]) + close[6:]
    texts = [base, other, "@user " + base.replace(" ", "፣ "), close, further, "ሀሎ", "ሀሎ ", text(2)]
    found = joined(near_duplicates(texts), len(texts))
    assert found[0] == found[2] == found[3] == found[4]
    assert found[5] == found[6]
    assert len({found[0], found[1], found[5], found[7]}) == 4


def source(rows: list[Row]) -> Source:
    return Source("made.csv", rows, [], "csv")


def test_rows_of_one_article_stay_together_with_their_copies() -> None:
    rows = [Row(str(n), text(n), "a", "f", n, group=f"article {n // 2}") for n in range(6)]
    rows.append(Row("6", text(0), "a", "f", 6, group="article 2"))  # a copy of a row of article 0
    made = {item.id: item for item in make_items(source(rows), "single-label", lambda row: row.group)}
    assert len({made[name].cluster for name in ("0", "1", "4", "5", "6")}) == 1
    assert made["2"].cluster == made["3"].cluster != made["0"].cluster
    assert made["0"].copy == made["6"].copy != made["1"].copy


def test_a_copy_of_a_row_names_what_the_row_names() -> None:
    rows = [Row(str(n), text(0), "a", "f", n) for n in range(2)]
    made = make_items(source(rows), "single-label", lambda row: None, lambda row: ["x"] if row.id == "0" else [])
    assert [item.groups for item in made] == [frozenset("x"), frozenset("x")]


@pytest.mark.parametrize(
    ("problem", "row", "labels", "strata"),
    [
        ("regression", lambda n: {"label": str(n)}, (), 5),
        ("multi-label", lambda n: {"label": "p, q", "labels": ("p", "q")}, ("p", "q"), 1),
        ("tags", lambda n: {"label": "B-PER O", "labels": ("B-PER", "O"), "tokens": ("ሀ", "ለ")}, ("PER",), 1),
    ],
)
def test_other_problems_have_strata_too(problem: str, row: object, labels: tuple[str, ...], strata: int) -> None:
    rows = [Row(f"{n:02d}", text(n), file="f", line=n, **row(n)) for n in range(40)]  # type: ignore[operator]
    made = make_items(source(rows), problem, lambda row: None)
    assert {item.labels for item in made} == {labels}
    assert len({item.stratum for item in made}) == strata
    found, _ = by_cluster(made, plan(4))
    assert [len(fold.test) for fold in found] == [10] * 4 and all(isinstance(fold, Fold) for fold in found)
