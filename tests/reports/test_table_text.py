"""Rows of tables as text."""

from __future__ import annotations

import csv
import io

from amharic_tl.reports.table_text import comma_separated, markdown_row


def test_a_cell_cannot_end_its_row_or_begin_markup() -> None:
    assert markdown_row(["a|b", "one\ntwo", "<b>", "ሰላም"]) == r"| a\|b | one two | \<b\> | ሰላም |"


def test_a_single_underscore_stays_as_it_is() -> None:
    assert markdown_row(["macro_f1"]) == "| macro_f1 |"


def test_no_text_is_a_formula_and_numbers_stay_numbers() -> None:
    written = comma_separated([["=1+1", "-0.5", -0.5, "@x", "ሰላም, ዓለም"]])
    assert next(csv.reader(io.StringIO(written))) == ["'=1+1", "-0.5", "-0.5", "'@x", "ሰላም, ዓለም"]
