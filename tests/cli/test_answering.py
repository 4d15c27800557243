import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from kiq_trio._printing import printable
from kiq_trio.cli.answering import (
    Column,
    Sheet,
    make_sheet,
    print_json,
    print_sheet,
    tell_span,
)

COLUMNS = (Column("id", "id"), Column("n", "number"), Column("a"), Column("b"))
texts = st.text(max_size=30)


@given(st.lists(st.tuples(texts, texts, texts, texts), max_size=4), st.integers(1, 99))
def test_only_texts_are_cut_and_no_more_than_needed(
    rows: list[tuple[str, ...]], width: int
) -> None:
    sheet = make_sheet(COLUMNS, rows)
    whole, fitted = sheet.width(10_000), sheet.width(width)

    assert fitted == whole or fitted >= width
    one, two, *_ = sheet.fit(width).columns
    assert all(cell_len(row[0]) <= (one.width or 0) for row in sheet.rows)
    assert all(cell_len(row[1]) <= (two.width or 0) for row in sheet.rows)


def test_json_has_no_number_that_json_does_not_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json({"items": [{"at": float("-inf")}, {"at": 1.5}], "n": float("nan")})

    assert capsys.readouterr().out == (
        '{"items": [{"at": null}, {"at": 1.5}], "n": null}\n'
    )


def test_a_sheet_is_printed_without_blanks_at_the_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_sheet(
        Sheet(COLUMNS, [["one", "1", "x" * 300, ""], ["three", "1,000", "", ""]])
    )

    assert capsys.readouterr().out.splitlines() == [
        "id         n  a" + " " * 301 + "b",
        "one        1  " + "x" * 300,
        "three  1,000",
    ]


@given(texts)
def test_what_is_printable_is_one_line_that_no_terminal_obeys(text: str) -> None:
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (5, "5"), ("a\tb", "a\\tb"), ("\ud800", "\\ud800"), ("é", "é")],
)
def test_values_are_shown_as_text(value: object, text: str) -> None:
    assert printable(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (60, "1 m"),
        (200, "3 m 20 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (90_000, "1 d 1 h"),
        (1e9, "11574 d 1 h"),
    ],
)
def test_a_span_is_told_in_the_units_that_matter(seconds: float, text: str) -> None:
    assert tell_span(seconds) == text
