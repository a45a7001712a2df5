"""What is clearly off: a ratio to the floor, or a count, never a time, which says more of the machine than of us."""

from __future__ import annotations

from typing import Iterator, List, Sequence

from benchmarks.figures import Row


def complaints(rows: Sequence[Row]) -> List[str]:
    """Say in a line each what is off; nothing where all is well."""
    return [f"({row.case}) {row.what}: {text}" for row in rows for text in _complaints(row)]


def _complaints(row: Row) -> Iterator[str]:
    if row.trouble is not None:
        yield row.trouble
        return
    if row.guard is not None:
        if row.ratio is None:
            yield "there is no ratio to the floor, and there should be one"
        elif row.ratio > row.guard:
            yield f"{row.ratio:.1f} times the floor, and more than {row.guard:g} times is clearly off"
    for name, most in row.count_guards.items():
        if name not in row.counts:
            yield f"{name} were not counted"
        elif row.counts[name] > most:
            yield f"{name}: {row.counts[name]:g}, and more than {most:g} is clearly off"
