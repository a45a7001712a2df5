"""
Reports on a batch, from its output document: for people, for spreadsheets, for CI systems.

A format is a class with a method ``render``; which ones there are is in :data:`FORMATS`, and one is loaded when it is
asked for, as some of them need libraries that take time to import.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath
from typing import Dict, Protocol

from pscheduler_batch.errors import BatchError
from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.text import printable

# By its name on the command line, where the class of each format is.
FORMATS: Dict[str, str] = {
    "html": "pscheduler_batch.report.html:HtmlReport",
    "text": "pscheduler_batch.report.text:TextReport",
    "csv": "pscheduler_batch.report.csv_rows:CsvReport",
    "junit": "pscheduler_batch.report.junit:JunitReport",
}
DEFAULT_FORMAT = "html"

# Of the libraries that a format needs, those that are not installed with everything else.
_NEEDED = {"html": "jinja2"}
_SUFFIXES = {".html": "html", ".htm": "html", ".csv": "csv", ".xml": "junit", ".txt": "text"}


class FormatError(BatchError):
    """A format that reports cannot be written in, or a name of a file that does not say which one is meant."""


class Report(Protocol):
    """One format of reports."""

    def render(self, account: BatchReport) -> str:
        """Write a whole report."""
        ...


def format_of_file(name: str) -> str:
    """
    Say which format a file is meant to have, by the ending of its name.

    >>> [format_of_file(name) for name in ("a.html", "runs.CSV", "junit.xml", "a.txt", "a")]
    ['html', 'csv', 'junit', 'text', 'html']

    Raises:
        FormatError: Reports are not made in what the ending stands for.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix and suffix not in _SUFFIXES:
        *most, last = _SUFFIXES
        raise FormatError(
            f"cannot tell from the name {printable(name)} which form the report is to have: "
            f"end it in {', '.join(most)} or {last}, or choose one with --format"
        )
    return _SUFFIXES.get(suffix, DEFAULT_FORMAT)


def require_format(name: str) -> None:
    """
    See that reports can be written in a format, before a batch is run that is to be reported on; nothing is loaded.

    Args:
        name: One of :data:`FORMATS`.

    Raises:
        FormatError: A library that it needs is not installed.
    """
    library = _NEEDED.get(name)
    if library is not None and find_spec(library) is None:
        raise FormatError(
            f"a report in {name} needs a package that is not installed ({library}); "
            "install it with: pip install 'pscheduler-batch[report]'"
        )


def render_report(name: str, account: BatchReport) -> bytes:
    """
    Write a report as it stands in a file.

    Args:
        name: One of :data:`FORMATS`.
        account: What became of the batch.

    Returns:
        UTF-8; what is no character, such as one half of a pair, is a question mark.

    Raises:
        FormatError: A library that the format needs is not installed.
    """
    require_format(name)
    module, class_name = FORMATS[name].split(":")
    report: Report = getattr(import_module(module), class_name)()
    return report.render(account).encode("utf-8", "replace")
