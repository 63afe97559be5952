"""Ethiopic numerals: ፩ to ፱, ፲ to ፺, ፻ (100) and ፼ (10,000), without a zero; the last two multiply what is before them.

A number is (what is left of its last ፼, or 1) times 10,000 and what is right of it; below 10,000, (what is left of ፻,
or 1) times 100 and the rest. ``፲፱፻፺፯`` is 19 times 100 and 97. What the signs are worth is Unicode's.
"""

from __future__ import annotations

import unicodedata

_SIGNS = {chr(code): int(unicodedata.numeric(chr(code))) for code in range(0x1369, 0x137D)}
_BY_VALUE = {value: sign for sign, value in _SIGNS.items()}
_HUNDRED, _MYRIAD = _BY_VALUE[100], _BY_VALUE[10_000]
SIGNS = "".join(_SIGNS)


def write_numeral(number: int) -> str:
    """A number in Ethiopic numerals; a multiplier of 1 is not written (100 is ``፻``).

    Raises:
      ValueError: the number is below 1; there is no zero.
    """
    if number < 1:
        raise ValueError(f"Ethiopic numerals begin with 1; found {number}")
    myriads, rest = divmod(number, 10_000)
    return _multiplied(myriads, _MYRIAD) + _multiplied(rest // 100, _HUNDRED) + _below_hundred(rest % 100)


def read_numeral(text: str) -> int | None:
    """The number that Ethiopic numerals mean, None for what is no number (such as two ones in a row).

    A written multiplier of 1 (``፩፻``) is read too.
    """
    left, myriad, right = text.rpartition(_MYRIAD)
    before = (read_numeral(left) if left else 1) if myriad else 0
    after = _read_below_myriad(right) if right else 0
    if before is None or after is None or not text:
        return None
    return before * 10_000 + after


def _multiplied(count: int, sign: str) -> str:
    if not count:
        return ""
    return sign if count == 1 else write_numeral(count) + sign


def _below_hundred(number: int) -> str:
    tens, ones = number // 10 * 10, number % 10
    return _BY_VALUE.get(tens, "") + _BY_VALUE.get(ones, "")


def _read_below_myriad(text: str) -> int | None:
    left, hundred, right = text.partition(_HUNDRED)
    if not hundred:
        return _read_below_hundred(text)
    before = _read_below_hundred(left) if left else 1
    after = _read_below_hundred(right) if right else 0
    return None if before is None or after is None else before * 100 + after


def _read_below_hundred(text: str) -> int | None:
    values = [_SIGNS.get(sign, 0) for sign in text]
    if len(values) == 1 and 1 <= values[0] < 100:
        return values[0]
    if len(values) == 2 and 10 <= values[0] < 100 and 1 <= values[1] < 10:
        return sum(values)
    return None
