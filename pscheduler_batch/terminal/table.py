"""
Text for a terminal: tables that fit any width, and lines that are wrapped.

Where the columns of a table do not fit side by side, the least important ones are left out, and the rest is cut. The
end of a cell, such as the number of an iteration, is never cut. Texts must have been made printable before.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Callable, Iterable, Iterator, List, Sequence, Tuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

GAP = 2

# Fewer characters of a host say nothing.
LEAST_OF_HOST = 5

# Usually no cell is wider, however wide the terminal.
WIDEST = 100

ELLIPSIS = "…"


@dataclass(frozen=True)
class Cell:
    """
    One cell.

    Attributes:
        text: What may be cut.
        end: What follows it and is not cut.
        style: The colors, as rich names them.
        brief: What replaces the text where it does not fit.
        alone: What replaces text and end where hardly anything of the text fits.
    """

    text: str
    end: str = ""
    style: str = ""
    brief: str = ""
    alone: str = ""


@dataclass(frozen=True)
class Column:
    """
    One column.

    Attributes:
        title: Its heading.
        cells: One for each row.
        least: The fewest characters that still make sense.
        good: The fewest characters that are still good.
        weight: How important it is; the lowest is cut and left out first.
        right: Whether the cells are aligned right.
        most: The most characters.
    """

    title: str
    cells: Tuple[Cell, ...]
    least: int
    good: int
    weight: int
    right: bool = False
    most: int = WIDEST

    def rewritten(self, write: Callable[[str], str]) -> Column:
        """Apply a function to all texts, such as one that replaces characters that cannot be shown."""
        cells = tuple(
            replace(cell, text=write(cell.text), end=write(cell.end), brief=write(cell.brief), alone=write(cell.alone))
            for cell in self.cells
        )
        return replace(self, title=write(self.title), cells=cells)


def table_lines(columns: Sequence[Column], width: int, *, more: str = ELLIPSIS, indent: str = "") -> List[Text]:
    """
    Make the lines of a table, the headings first.

    Args:
        columns: The most important one is never left out.
        width: The number of characters in a line.
        more: What stands where something was cut.
        indent: What every line starts with.
    """
    return list(long_table_lines(lambda: (columns,), width, more=more, indent=indent))


def long_table_lines(
    parts: Callable[[], Iterable[Sequence[Column]]], width: int, *, more: str = ELLIPSIS, indent: str = ""
) -> Iterator[Text]:
    """
    Make the lines of a table that need not fit into memory.

    Args:
        parts: Makes the parts of the table one after another, each with the same columns and some of the rows. It is
            called twice: the widths are those that all parts need.
        width: As for :func:`table_lines`, like the others.
        more: The same.
        indent: The same.
    """
    fitted = fit_columns(_widest_cells(parts()), width - len(indent))
    sizes = {column.title: size for column, size in fitted}
    headings = [(cut_cell(Cell(column.title), size, more), size, column.right, "") for column, size in fitted]
    yield _line(headings, indent, "bold")
    for columns in parts():
        shown = [(column, sizes[column.title]) for column in columns if column.title in sizes]
        for number in range(len(columns[0].cells)):
            row = [(column.cells[number], size, column.right) for column, size in shown]
            yield _line([(cut_cell(cell, size, more), size, right, cell.style) for cell, size, right in row], indent)


def _widest_cells(parts: Iterable[Sequence[Column]]) -> List[Column]:
    """Return the columns of a table with the widest cell of each."""
    found: List[Column] = []
    for columns in parts:
        both = zip(found, columns) if found else ((column, column) for column in columns)
        found = [
            replace(
                known,
                cells=tuple(sorted((*known.cells, *column.cells), key=_cell_width)[-1:]),
                least=max(known.least, column.least),
            )
            for known, column in both
        ]
    return found


def fit_columns(columns: Sequence[Column], width: int) -> List[Tuple[Column, int]]:
    """
    Choose the columns that fit side by side, and the width of each.

    >>> cells = (Cell("x" * 30),)
    >>> columns = [Column("a", cells, 5, 25, 2), Column("b", cells, 9, 12, 1)]
    >>> [[(column.title, size) for column, size in fit_columns(columns, width)] for width in (45, 30, 12)]
    [[('a', 30), ('b', 13)], [('a', 19), ('b', 9)], [('a', 12)]]
    """
    wanted = {column.title: _widest(column) for column in columns}
    chosen = list(columns)
    while len(chosen) > 1 and _total([min(column.least, wanted[column.title]) for column in chosen]) > width:
        chosen.remove(min(chosen, key=lambda column: column.weight))
    sizes = {column.title: wanted[column.title] for column in chosen}
    by_weight = sorted(chosen, key=lambda column: column.weight)
    # First what can be spared without harm, then what can be spared at all; a single column may have to shrink more.
    limits = [(c, c.good) for c in by_weight] + [(c, c.least) for c in by_weight] + [(c, 1) for c in by_weight]
    for column, limit in limits:
        excess = max(0, _total(list(sizes.values())) - width)
        sizes[column.title] -= min(excess, max(0, sizes[column.title] - limit))
    return [(column, sizes[column.title]) for column in chosen]


def whole_width(columns: Sequence[Column]) -> int:
    """Return the width at which nothing has to be cut."""
    return _total([_widest(column) for column in columns])


def cut_cell(cell: Cell, size: int, more: str = ELLIPSIS) -> str:
    """
    Cut a cell to a size.

    >>> cut_cell(Cell("a-long-label", "/12"), 10), cut_cell(Cell("1 min 30 s", brief="…"), 8)
    ('a-long…/12', '…')
    """
    text, end = cell.text, cell.end
    if not _fits(text + end, size):
        text = cell.brief or text
        room = size - cell_len(end) - len(more)
        if cell.alone and not _fits(text + end, size) and room < LEAST_OF_HOST:
            text, end = cell.alone, ""
    if _fits(text + end, size):
        return text + end
    room = size - cell_len(end) - len(more)
    if not (text and room > 0):
        text, end, room = text + end, "", max(size - len(more), 0)
    # Characters without a width of their own, such as accents, may be there a thousand times.
    cut = set_cell_size(text[: 2 * room], room).rstrip()
    return set_cell_size(f"{cut}{more}{end}", size).rstrip()


def pad(text: str, size: int, *, right: bool = False) -> str:
    """Fill a text up to a size with blanks."""
    blanks = " " * (size - cell_len(text))
    return blanks + text if right else text + blanks


def render_lines(parts: Iterable[Text], width: int, *, color: bool = False) -> str:
    """
    Write texts below each other; the arguments are those of :func:`line_pieces`.

    Returns:
        Lines without trailing blanks, each with a newline.
    """
    return "".join(line_pieces(parts, width, color=color))


def line_pieces(parts: Iterable[Text], width: int, *, color: bool = False) -> Iterator[str]:
    """
    Write texts one after another, wrapped between words.

    Nothing is left to what rich finds out about its surroundings, so the result is the same everywhere.

    Args:
        parts: The texts.
        width: The most characters in a line.
        color: Whether to write colors, as terminals understand them.

    Yields:
        The lines of each text, without trailing blanks, each with a newline.
    """
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        height=25,
        force_terminal=color,
        force_interactive=False,
        force_jupyter=False,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
        _environ={},
    )
    for part in parts:
        console.print(part)
        yield "\n".join(line.rstrip() for line in stream.getvalue().split("\n"))
        stream.seek(0)
        stream.truncate()


def _line(cells: Sequence[Tuple[str, int, bool, str]], indent: str, style: str = "") -> Text:
    line = Text(indent, style, no_wrap=True, overflow="crop")
    for place, (text, size, right, color) in enumerate(cells):
        line.append(" " * GAP if place else "").append(pad(text, size, right=right), color or None)
    return line


def _fits(text: str, size: int) -> bool:
    return cell_len(text) <= size and len(text) <= 2 * size


def _widest(column: Column) -> int:
    widest = max(cell_len(column.title), *map(_cell_width, column.cells), 1)
    return min(widest, column.most)


def _cell_width(cell: Cell) -> int:
    return cell_len(cell.text + cell.end)


def _total(sizes: Sequence[int]) -> int:
    return sum(sizes) + GAP * (len(sizes) - 1)
