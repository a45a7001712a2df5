"""Choose the format of a report, and write a report in it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath
from typing import Protocol

from pscheduler_batch.errors import BatchError
from pscheduler_batch.report.formats import DEFAULT_FORMAT, FORMATS
from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.text import printable

_BY_ENDING = {ending: name for name, form in FORMATS.items() for ending in form.endings}


class FormatError(BatchError):
    """A format whose library is missing, or a file name whose ending does not stand for a format."""


class ReportWriter(Protocol):
    """What writes reports in one format."""

    def render(self, report: BatchReport) -> str:
        """Write a whole report."""
        ...


def format_of_file(name: str) -> str:
    """
    Return the format that the ending of a file name stands for; HTML where there is no ending.

    >>> [format_of_file(name) for name in ("a.html", "runs.CSV", "junit.xml", "a.txt", "a")]
    ['html', 'csv', 'junit', 'text', 'html']

    Raises:
        FormatError: The ending stands for something else.
    """
    ending = PurePath(name).suffix.lower()
    if ending and ending not in _BY_ENDING:
        *most, last = _BY_ENDING
        raise FormatError(
            f"cannot tell the format of the report from the name {printable(name)}: "
            f"use the ending {', '.join(most)} or {last}, or choose a format with --format"
        )
    return _BY_ENDING.get(ending, DEFAULT_FORMAT)


def require_format(name: str) -> None:
    """
    Check that the library of a format is installed, without importing it, before a batch is run for the report.

    Args:
        name: One of :data:`FORMATS`.

    Raises:
        FormatError: The library is not installed.
    """
    library = FORMATS[name].library
    if library is not None and find_spec(library) is None:
        raise FormatError(
            f"a report in {name} needs a package that is not installed ({library}); "
            "install it with: pip install 'pscheduler-batch[report]'"
        )


def render_report(name: str, report: BatchReport) -> bytes:
    """
    Write a report as it stands in a file.

    Args:
        name: One of :data:`FORMATS`.
        report: The results of the batch.

    Returns:
        UTF-8, with a question mark for each unpaired surrogate.

    Raises:
        FormatError: The library of the format is not installed.
    """
    require_format(name)
    module, class_name = FORMATS[name].path.split(":")
    writer: ReportWriter = getattr(import_module(module), class_name)()
    return writer.render(report).encode("utf-8", "replace")
