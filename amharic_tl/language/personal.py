"""Patterns of personal data in text: telephone and account numbers, e-mail addresses, user names, links.

Patterns find what is written in a usual form and know nothing of persons; names are not looked for.
"""

from __future__ import annotations

import re

KINDS = ("e-mail", "telephone", "account", "user name", "link")
_LINK = re.compile(r"(?:https?://|www\.)\S+|\b(?:t\.me|bit\.ly|fb\.com|youtu\.be)/\S+", re.IGNORECASE)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_HANDLE = re.compile(r"(?<![\w.])@[A-Za-z0-9_]{2,}")
# What data sets write in the place of a user name.
_PLACEHOLDERS = re.compile(r"@(?:user|username|mention|name)s?\d*", re.IGNORECASE)
_SEPARATOR = r"[ .\-/]?"
# Ethiopian numbers: +251 or 00251 or 0, then 9 digits: mobiles begin with 9 or 7, lines of regions with 1 to 5.
_TELEPHONE = re.compile(
    rf"(?<![\d.,/])(?:(?:\+|00)251{_SEPARATOR}(?:\(0\))?|251{_SEPARATOR}(?=[79])|0)"
    rf"[1-57-9](?:{_SEPARATOR}\d){{8}}(?![\d.,]?\d)"
)
# Other countries, in international form alone.
_INTERNATIONAL = re.compile(r"(?<!\w)\+(?!251)[1-9]\d{0,2}(?:[ .\-()]{0,2}\d){8,11}(?!\d)")
# Bank accounts in Ethiopia have 13 to 16 digits; nothing else in running text has so many.
_ACCOUNT = re.compile(r"(?<![\d.,\-/])\d(?:[ \-]?\d){12,15}(?![\d.,\-/]?\d)")


def personal_data(text: str) -> dict[str, int]:
    """How many of each of :data:`KINDS` a text holds. What is part of one is not counted as another."""
    counts = {}
    text, counts["e-mail"] = _EMAIL.subn(" ", text)
    text, counts["link"] = _LINK.subn(" ", text)
    text, local = _TELEPHONE.subn(" ", text)
    text, foreign = _INTERNATIONAL.subn(" ", text)
    text, counts["account"] = _ACCOUNT.subn(" ", text)
    counts["telephone"] = local + foreign
    counts["user name"] = sum(1 for found in _HANDLE.findall(text) if not _PLACEHOLDERS.fullmatch(found))
    return counts
