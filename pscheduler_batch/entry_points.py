"""The entry points with which other packages add to the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points_of(group: str) -> Iterable[EntryPoint]:
    """Return the entry points of a group; before Python 3.10 they cannot be selected by group."""
    from importlib import metadata  # noqa: PLC0415 - 20 ms, and few runs of the program look for entry points

    every = metadata.entry_points()
    if hasattr(every, "select"):
        found: Iterable[EntryPoint] = every.select(group=group)
        return found
    return dict(every).get(group, ())
