"""Tests of tables that fit any width."""

from __future__ import annotations

import pytest
from rich.text import Text

from pscheduler_batch.terminal.table import GAP, WIDEST, Cell, Column, fit_columns, render_lines

CELLS = (Cell("x" * 30), Cell("y"))


@pytest.mark.parametrize("width", [*range(1, 130, 3), 1000])
def test_columns_never_need_more_than_there_is(width):
    """Whatever is left out or cut for that; the most important one stays."""
    columns = [Column(f"column {n}", CELLS, least=n + 3, good=2 * n + 8, weight=n) for n in range(5)]
    fitted = fit_columns(columns, width)

    assert sum(size for _, size in fitted) + GAP * (len(fitted) - 1) <= width
    assert fitted[-1][0].title == "column 4"
    assert all(size >= 1 for _, size in fitted)


def test_what_matters_least_is_left_out_first():
    """And what matters most is cut last."""
    columns = [Column("a", CELLS, 10, 20, 2), Column("b", CELLS, 10, 20, 1), Column("c", CELLS, 10, 20, 3)]

    assert [column.title for column, _ in fit_columns(columns, 34)] == ["a", "b", "c"]
    assert [column.title for column, _ in fit_columns(columns, 33)] == ["a", "c"]
    assert [(column.title, size) for column, size in fit_columns(columns, 74)] == [("a", 20), ("b", 20), ("c", 30)]


def test_no_column_is_wider_than_can_be_read():
    """However wide the terminal is."""
    ((_, size),) = fit_columns([Column("a", (Cell("x" * 500),), 5, 5, 1)], 1000)

    assert size == WIDEST


def test_lines_are_wrapped_and_have_no_blanks_at_their_ends():
    """What looks like markup is text."""

    assert render_lines([Text("[b]one[/b] two"), Text("three  ")], 11) == "[b]one[/b]\ntwo\nthree\n"
