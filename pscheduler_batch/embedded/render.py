"""The text and HTML forms of results: the layouts of the recordings g12, g13, g-rttok and g-m-stream."""

from __future__ import annotations

from html import escape
from typing import Any, Iterable, Sequence, Tuple

Row = Tuple[str, Any]


def dotted(rows: Sequence[Row]) -> str:
    """
    Lay rows out with dots between name and value, the values in one column.

    >>> print(dotted([("Dawdled", "P0D"), ("Text Received", "hello")]), end="")
    Dawdled ......... P0D
    Text Received ... hello
    """
    width = max((len(name) for name, _ in rows), default=0) + 4
    return "".join(f"{(name + ' ').ljust(width, '.')} {value}\n" for name, value in rows)


def cells(values: Iterable[Any], *, tag: str = "td") -> str:
    r"""
    Make one row of a table; a value of None is an empty cell.

    >>> cells(["<b>", 1, None])
    '<tr><td>&lt;b&gt;</td><td>1</td><td></td></tr>\n'
    """
    inner = "".join(f"<{tag}>{'' if value is None else escape(str(value))}</{tag}>" for value in values)
    return f"<tr>{inner}</tr>\n"


def table(rows: Iterable[Row]) -> str:
    r"""
    Make a table of two columns, as recording g13 has it.

    >>> table([("Duration", "PT5S")])
    '<table>\n<tr><td>Duration</td><td>PT5S</td></tr>\n</table>\n'
    """
    return "<table>\n" + "".join(cells(row) for row in rows) + "</table>\n"


def grid(header: Sequence[str], rows: Iterable[Sequence[Any]], *, footer: Sequence[str] = ()) -> str:
    """Make a table with a header row, and below it lines that span the whole width."""
    last = "".join(f'<tr><td colspan="{len(header)}">{escape(line)}</td></tr>\n' for line in footer)
    return "<table>\n" + cells(header, tag="th") + "".join(cells(row) for row in rows) + last + "</table>\n"
