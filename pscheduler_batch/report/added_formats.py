"""
The formats of reports that other packages add, as entry points (ADR 54).

They are looked up only for a format that does not come with the program, because the look-up reads the metadata of all
installed packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Tuple

from pscheduler_batch.entry_points import entry_points_of
from pscheduler_batch.errors import BatchError
from pscheduler_batch.report.formats import ENTRY_POINT_GROUP, FORMATS, Format

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class FormatError(BatchError):
    """A format that is not installed or fails, or a file name whose ending belongs to no format."""


def added_names() -> List[str]:
    """Return the names of the formats that other packages add."""
    return list(_added())


def load_format(name: str) -> Format:
    """
    Return a format by its name.

    Raises:
        FormatError: No installed package has it, or what the package has cannot be imported or is something else.
    """
    added = _added()
    if name not in added:
        names = ", ".join([*FORMATS, *added])
        raise FormatError(f"unknown report format {name}; choose one of {names}")
    try:
        form = added[name].load()
    except Exception as error:  # another package's code may raise anything
        raise FormatError(f"{_cannot_load(name)}: {type(error).__name__}: {error}") from error
    if not isinstance(form, Format):
        raise FormatError(f"{_cannot_load(name)}: {added[name].value} is not a Format")
    return form


def added_endings() -> Tuple[Dict[str, str], List[str]]:
    """
    Return the endings of the formats that other packages add.

    Returns:
        The name of the format by ending, and why formats could not be loaded.
    """
    endings: Dict[str, str] = {}
    failures: List[str] = []
    for name in _added():
        try:
            form = load_format(name)
        except FormatError as error:
            failures.append(str(error))
        else:
            endings = {**{ending.lower(): name for ending in form.endings}, **endings}
    return endings, failures


def _added() -> Dict[str, EntryPoint]:
    """Find the formats; if several have the same name, that of the program or the first on Python's path is used."""
    found: Dict[str, EntryPoint] = {}
    for point in entry_points_of(ENTRY_POINT_GROUP):
        if point.name not in FORMATS:
            found.setdefault(point.name, point)
    return found


def _cannot_load(name: str) -> str:
    return f"cannot load the report format {name}, which another package adds"
