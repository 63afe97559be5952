"""Ethiopic numerals, both ways."""

from __future__ import annotations

import random

import pytest

from amharic_tl.language.numerals import SIGNS, read_numeral, write_numeral


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "፩"), (10, "፲"), (11, "፲፩"), (99, "፺፱"), (100, "፻"), (101, "፻፩"), (200, "፪፻"), (1000, "፲፻"),
        (1997, "፲፱፻፺፯"), (2018, "፳፻፲፰"), (9999, "፺፱፻፺፱"),
        (10_000, "፼"), (10_100, "፼፻"), (20_000, "፪፼"), (1_000_000, "፻፼"), (100_000_000, "፼፼"), (100_010_000, "፼፩፼"),
    ],
)  # fmt: skip
def test_numbers_as_they_are_written(number: int, text: str) -> None:
    assert write_numeral(number) == text
    assert read_numeral(text) == number


def test_every_number_comes_back_and_no_two_are_written_alike() -> None:
    dice = random.Random(0)
    numbers = [*range(1, 20_001), *(dice.randint(1, 10**13) for _ in range(3000))]
    written = {number: write_numeral(number) for number in numbers}
    assert all(read_numeral(text) == number for number, text in written.items())
    assert len(set(written.values())) == len(set(numbers))


def test_what_is_read_is_worth_what_is_written_again() -> None:
    dice = random.Random(1)
    for _ in range(5000):
        text = "".join(dice.choice(SIGNS) for _ in range(dice.randint(1, 6)))
        number = read_numeral(text)
        if number is not None:
            # A multiplier of one may be written or not.
            assert write_numeral(number).replace("፩፻", "፻").replace("፩፼", "፼") == text.replace("፩፻", "፻").replace(
                "፩፼", "፼"
            )


def without_one(text: str) -> str:
    """A multiplier of one may be written or not."""
    return text.replace("፩፻", "፻").replace("፩፼", "፼")


@pytest.mark.parametrize("text", ["", "፩፪", "፩፲", "፲፲", "፻፻", "፲፩፩", "1", "፩ ፪", "ሀ", "፪፻፫፻"])
def test_what_is_no_number(text: str) -> None:
    assert read_numeral(text) is None


def test_there_is_no_zero() -> None:
    with pytest.raises(ValueError, match="begin with 1; found 0"):
        write_numeral(0)
