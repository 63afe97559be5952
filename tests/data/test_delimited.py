"""Quoting is found out by reading both ways; malformed records are named by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from amharic_tl.data.delimited import choose_delimiter, read_delimited
from amharic_tl.data.rows import Columns
from amharic_tl.errors import BadInputError

TWO = Columns("text", "label")
PATH = Path("some.csv")


def fields(text: str, columns: Columns = TWO, kind: str = "csv", quoting: str = "auto") -> list[list[str]]:
    return [record.fields for record in read_delimited(PATH, text, kind, columns, quoting)[0][1:]]


def choice(text: str, columns: Columns = TWO, kind: str = "csv") -> dict[str, str]:
    return read_delimited(PATH, text, kind, columns, "auto")[1]


@pytest.mark.parametrize(
    ("kind", "line", "columns", "expected"),
    [
        ("tsv", "text,label", TWO, "\t"),
        ("csv", "text,label", TWO, ","),
        ("csv", "text;label", TWO, ";"),
        ("csv", "text\tlabel,with,commas", TWO, ","),
        ("csv", "a,b,text\tlabel", Columns("a,b,text", "label"), "\t"),
        ("txt", '"text","label"', TWO, ","),
        ("csv", "ሀ, ለ, መ\tx", Columns("text", "label", ("text", "label")), "\t"),
    ],
)
def test_delimiter(kind: str, line: str, columns: Columns, expected: str) -> None:
    assert choose_delimiter(kind, line, columns) == expected


def test_quoted_file_with_commas_line_breaks_and_doubled_quotes() -> None:
    text = 'id,text,label\n1,"ባለ, ታመ",a\n2,"ካነ\nዳረ ""ጋሰ""",b\n3,ፋቀ,a\n'
    assert fields(text) == [["1", "ባለ, ታመ", "a"], ["2", 'ካነ\nዳረ "ጋሰ"', "b"], ["3", "ፋቀ", "a"]]
    assert choice(text)["choice"] == "standard"
    records, _ = read_delimited(PATH, text, "csv", TWO, "auto")
    assert [record.line for record in records] == [1, 2, 3, 5], "a record is where its first line is"


def test_unquoted_file_keeps_a_stray_quotation_mark() -> None:
    text = 'text\tlabel\n"ባለ ታመ\ta\nካነ "ዳረ" ጋሰ\tb\n'
    assert fields(text, kind="tsv") == [['"ባለ ታመ', "a"], ['ካነ "ዳረ" ጋሰ', "b"]]
    found = choice(text, kind="tsv")
    assert found["choice"] == "none" and "without quotes" in found["reason"]


def test_two_stray_marks_do_not_swallow_the_lines_between_them() -> None:
    # Read with quotes, lines 2 to 4 would be one record of the right width.
    text = 'text\tlabel\n"ባለ\ta\nካነ\tb\nዳረ"\ta\nፋቀ\tb\n'
    assert fields(text, kind="tsv") == [['"ባለ', "a"], ["ካነ", "b"], ['ዳረ"', "a"], ["ፋቀ", "b"]]
    assert "2 lines" in choice(text, kind="tsv")["reason"]


def test_a_quoted_line_break_after_a_comma_is_not_taken_for_a_record() -> None:
    text = 'text,label\n"ባለ, ታመ\nካነ",a\nዳረ,b\nፋቀ,a\n'
    assert fields(text) == [["ባለ, ታመ\nካነ", "a"], ["ዳረ", "b"], ["ፋቀ", "a"]]


def test_wholly_quoted_fields_decide_where_both_ways_fit() -> None:
    assert choice('text\tlabel\n"ባለ ታመ"\ta\nካነ\tb\n', kind="tsv")["choice"] == "standard"
    assert choice('text\tlabel\nባለ "ታመ"\ta\n"ካነ"\tb\nዳረ "ፋቀ"\ta\n', kind="tsv")["choice"] == "none"
    assert choice('text\tlabel\nባለ "ታመ"\ta\nካነ\tb\n', kind="tsv")["reason"] == "both ways give the same fields"
    assert choice("text,label\nባለ,a\n")["reason"] == "the file has no quotation marks"


def test_a_quoted_text_column_alone() -> None:
    only = Columns("text", None)
    assert fields('text\n"ባለ\nታመ"\n"ካነ"\n', only) == [["ባለ\nታመ"], ["ካነ"]]
    assert fields('text\n"ባለ\nታመ" ካነ "ዳረ\n', only) == [['"ባለ'], ['ታመ" ካነ "ዳረ']]


def test_surplus_commas_belong_to_the_text_when_the_label_is_last() -> None:
    text = "text,label\nባለ, ታመ, ካነ,a\nዳረ,b\n"
    assert fields(text) == [["ባለ, ታመ, ካነ", "a"], ["ዳረ", "b"]]
    assert "1 records the surplus commas" in choice(text)["reason"]
    with pytest.raises(BadInputError, match="line 2: expected 3 fields, found 4"):
        fields("id,text,label\n1,ባለ, ታመ,a\n")
    with pytest.raises(BadInputError, match="line 2: expected 2 fields, found 3"):
        fields("label,text\na,ባለ, ታመ\n")


def test_up_to_ten_malformed_lines_are_named_and_no_text_is_shown() -> None:
    text = "id,text,label\n" + "".join(f"{n},ሚስጥር\n" for n in range(12))
    with pytest.raises(BadInputError) as caught:
        fields(text)
    message = str(caught.value)
    assert message.startswith("some.csv: 12 malformed records")
    assert "line 11: expected 3 fields, found 2 and 2 more" in message and "line 12" not in message
    assert "ሚስጥር" not in message


def test_neither_way_fits() -> None:
    text = 'id,text,label\n1,"ባለ, ታመ",a\n2,ካነ" ዳረ\n'
    with pytest.raises(BadInputError, match="neither with quotes .*line 3.* nor without .*line 2"):
        fields(text)


def test_asked_for_quoting_is_obeyed_and_its_problems_hint_at_the_other() -> None:
    text = 'text\tlabel\n"ባለ"\ta\n'
    assert fields(text, kind="tsv", quoting="none") == [['"ባለ"', "a"]]
    assert fields(text, kind="tsv", quoting="standard") == [["ባለ", "a"]]
    with pytest.raises(BadInputError, match=r"or try config\.data\.quoting=none"):
        fields('text\tlabel\n"ባለ" ታመ\ta\n', kind="tsv", quoting="standard")
    with pytest.raises(BadInputError, match=r"line 2: unexpected end of data"):
        fields('text\tlabel\n"ባለ\ta\n', kind="tsv", quoting="standard")


def test_line_ends_and_blank_lines() -> None:
    assert fields("text,label\r\nባለ,a\r\n\r\nካነ\u2028ዳረ,b\r\n") == [["ባለ", "a"], ["ካነ\u2028ዳረ", "b"]]
    assert fields('text,label\r\n"ባለ",a\r\n\r\n"ካነ",b') == [["ባለ", "a"], ["ካነ", "b"]]
    records, _ = read_delimited(PATH, "text\tlabel\n\n\t\nባለ\ta\n", "tsv", TWO, "auto")
    assert [record.line for record in records] == [1, 3, 4], (
        "a line of empty fields is a row, and will be complained about"
    )
