"""Find what is clearly off: ratios to the floor and counts, never times, which depend on the machine."""

from __future__ import annotations

from typing import Iterator, List, Sequence

from benchmarks.figures import Row


def complaints(rows: Sequence[Row]) -> List[str]:
    """Return one line for each thing that is clearly off."""
    return [f"({row.case}) {row.what}: {text}" for row in rows for text in _complaints(row)]


def _complaints(row: Row) -> Iterator[str]:
    if row.trouble is not None:
        yield row.trouble
        return
    if row.guard is not None:
        if row.ratio is None:
            yield "no ratio to the floor was measured"
        elif row.ratio > row.guard:
            yield f"{row.ratio:.1f} times the floor; the limit is {row.guard:g}"
    for name, most in row.count_guards.items():
        if name not in row.counts:
            yield f"{name} were not counted"
        elif row.counts[name] > most:
            yield f"{name}: {row.counts[name]:g}; the limit is {most:g}"
