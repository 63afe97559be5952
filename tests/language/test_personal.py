"""Personal data in the forms in which it is written, and numbers that only look like it. All of it is invented."""

from __future__ import annotations

import pytest

from amharic_tl.language.personal import KINDS, personal_data


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ደውሉ 0911234567", "telephone"),
        ("ደውሉ 0911 23 45 67 አሁን", "telephone"),
        ("+251 911 234 567", "telephone"),
        ("+251-11-551-2345", "telephone"),
        ("251911234567", "telephone"),
        ("call +44 20 7946 0958", "telephone"),
        ("ሒሳብ ቁጥር 1000123456789", "account"),
        ("1000 1234 5678 9012", "account"),
        ("abebe.k@example.com.et ይጻፉ", "e-mail"),
        ("@abebe_k ሰላም", "user name"),
        ("https://example.org/x?y=0911234567", "link"),
        ("t.me/example", "link"),
    ],
)
def test_each_kind_is_found_once_and_as_nothing_else(text: str, kind: str) -> None:
    assert {name: count for name, count in personal_data(text).items() if count} == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "በ1997 ዓ.ም",
        "ከ2010 ጀምሮ 229 ቢሊየን ብር",
        "1,000,000,000,000 ብር",
        "3:30",
        "12/09/2012",
        "0.911234567890123",
        "@USER @user12",
    ]
    + ["ቁጥር 12345678", "ISBN 978-0-306", "100 1000 10000"],
)
def test_years_sums_times_dates_and_placeholders_are_none_of_it(text: str) -> None:
    assert not any(personal_data(text).values())
    assert set(personal_data(text)) == set(KINDS)
