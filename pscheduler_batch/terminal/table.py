"""One table that fits any width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, List, Sequence, Tuple

if TYPE_CHECKING:
    from rich.table import Table

GAP = 2

# Fewer characters of a host say nothing.
LEAST_OF_HOST = 5

# No cell is wider, however wide the terminal.
WIDEST = 100


@dataclass(frozen=True)
class Cell:
    """
    One cell.

    Attributes:
        text: What may be cut.
        end: What comes behind it and is not cut.
        style: The colors, in rich's words.
        brief: What stands for the text where not all of it has room, before it is cut.
        alone: What stands for all of it where hardly anything of the text has room.
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
        cells: A cell for each row.
        least: How few characters still make sense.
        good: How few are still good.
        weight: What matters least has the lowest.
        right: Whether the cells are ranged right.
    """

    title: str
    cells: Tuple[Cell, ...]
    least: int
    good: int
    weight: int
    right: bool = False


def make_table(columns: Sequence[Column], width: int) -> Table:
    """
    Make a table of columns.

    Args:
        columns: The most important one is never left out.
        width: How many characters a line has.
    """
    from rich.table import Table  # noqa: PLC0415 - it takes time to import
    from rich.text import Text  # noqa: PLC0415 - as above

    shown = fit_columns(columns, width)
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for column, size in shown:
        side = "right" if column.right else "left"
        table.add_column(Text(_cut(Cell(column.title), size)), width=size, no_wrap=True, justify=side)  # type: ignore[arg-type]
    for number in range(len(columns[0].cells)):
        cells = [(column.cells[number], size) for column, size in shown]
        table.add_row(*(Text(_cut(cell, size), style=cell.style) for cell, size in cells))
    return table


def fit_columns(columns: Sequence[Column], width: int) -> List[Tuple[Column, int]]:
    """
    Choose the columns that fit side by side, and how wide each is.

    >>> cells = (Cell("x" * 30),)
    >>> columns = [Column("a", cells, 5, 25, 2), Column("b", cells, 9, 12, 1)]
    >>> [[(column.title, size) for column, size in fit_columns(columns, width)] for width in (45, 30, 12)]
    [[('a', 30), ('b', 13)], [('a', 19), ('b', 9)], [('a', 12)]]
    """
    wanted = {column.title: min(WIDEST, _widest(column)) for column in columns}
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


def _cut(cell: Cell, size: int) -> str:
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415 - it takes time to import

    text = cell.text if cell_len(cell.text + cell.end) <= size else cell.brief or cell.text
    whole = text + cell.end
    room = size - cell_len(cell.end) - 1
    if cell_len(whole) > size and cell.alone and room < LEAST_OF_HOST:
        whole = cell.alone
    if cell_len(whole) <= size:
        return whole
    if cell.end and room > 0 and text and whole is not cell.alone:
        return f"{set_cell_size(text, room).rstrip()}…{cell.end}"
    return f"{set_cell_size(whole, size - 1).rstrip()}…"


def _widest(column: Column) -> int:
    from rich.cells import cell_len  # noqa: PLC0415 - it takes time to import

    return max(cell_len(column.title), *(cell_len(cell.text + cell.end) for cell in column.cells), 1)


def _total(sizes: Sequence[int]) -> int:
    return sum(sizes) + GAP * (len(sizes) - 1)
