"""Render rows as a table for a terminal, as Markdown, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Callable, Dict, List, Mapping, Optional, Sequence

from benchmarks.figures import Limit, Row

HEADINGS = ("", "what", "figure", "floor", "ratio", "target", "", "counts")


def render_text(rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    """Render a table with aligned columns, followed by the machine."""
    table = [list(HEADINGS), *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table]
    lines.append("")
    lines += [f"{name}: {value}" for name, value in machine.items()]
    return "\n".join(lines) + "\n"


def render_markdown(rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    """Render the same as a Markdown table."""
    table = [list(HEADINGS), ["--"] * len(HEADINGS), *(_cells(row) for row in rows)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in table]
    lines += ["", *(f"- {name}: {value}" for name, value in machine.items())]
    return "\n".join(lines) + "\n"


def render_json(rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    """Render all values of the rows."""
    values = [
        {**asdict(row), "figure": row.figure, "floor": row.floor, "ratio": row.ratio, "is_met": row.is_met}
        for row in rows
    ]
    return json.dumps({"machine": dict(machine), "rows": values}, indent=2) + "\n"


RENDERERS: Dict[str, Callable[[Sequence[Row], Mapping[str, str]], str]] = {
    "text": render_text,
    "markdown": render_markdown,
    "json": render_json,
}


def _cells(row: Row) -> List[str]:
    if row.trouble is not None:
        return [row.case, row.what, "", "", "", "", "failed", row.trouble.replace("\n", " ")]
    ratio = "" if row.ratio is None else f"{row.ratio:.{1 if row.ratio >= 1 else 2}f} x"
    met = {None: "", True: "met", False: "missed"}[row.is_met]
    counts = ", ".join(f"{name} {_number(value)}" for name, value in row.counts.items())
    figure, floor = _amount(row.figure, row.unit), _amount(row.floor, row.unit)
    return [row.case, row.what, figure, floor, ratio, _limit(row.target, row.unit), met, counts]


def _amount(value: Optional[float], unit: str) -> str:
    if value is None:
        return ""
    # Three significant digits are enough.
    digits = 0 if value >= 100 else 1 if value >= 10 else 2  # noqa: PLR2004 - the bounds of numbers of three digits
    if unit == "s" and value < 1:
        return f"{value * 1000:.{0 if value >= 0.1 else 1}f} ms"  # noqa: PLR2004 - as above
    return f"{value:.{digits}f} {unit}"


def _limit(limit: Optional[Limit], unit: str) -> str:
    if limit is None:
        return ""
    return f"{limit.most:g} x" if limit.of == "ratio" else f"{limit.most:g} {unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
