"""Choose the format of a report, and write a report in it."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath
from typing import Iterable, Iterator, Protocol, Union

from pscheduler_batch.report.added_formats import FormatError, added_endings, load_format
from pscheduler_batch.report.formats import DEFAULT_FORMAT, FORMATS, Format
from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.text import printable

_BY_ENDING = {ending: name for name, form in FORMATS.items() for ending in form.endings}


class ReportWriter(Protocol):
    """A class that writes reports in one format; it is created without arguments."""

    def render(self, report: BatchReport) -> Union[str, bytes, Iterable[Union[str, bytes]]]:
        """
        Write a whole report.

        Args:
            report: The results of a batch, without secrets; its texts are still those of servers and can be hostile.
                Its rows may be more than fit into memory: they can be iterated over as often as needed, and counted,
                but not indexed, and should not be collected.

        Returns:
            The content of the file, or pieces of it, made one after the other where the whole would take much memory.
            Text is written as UTF-8.
        """
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
    if not ending:
        return DEFAULT_FORMAT
    return _BY_ENDING[ending] if ending in _BY_ENDING else _added_format(ending, name)


def _added_format(ending: str, name: str) -> str:
    endings, failures = added_endings()
    if ending in endings:
        return endings[ending]
    *most, last = {**_BY_ENDING, **endings}
    reason = (
        f"cannot tell the format of the report from the name {printable(name)}: "
        f"use the ending {', '.join(most)} or {last}, or choose a format with --format"
    )
    raise FormatError("\n".join([reason, *failures]))


def find_format(name: str) -> Format:
    """
    Find a format, and check that it and its library are installed, without importing them.

    Args:
        name: One of :data:`FORMATS`, or of the formats that other packages add.

    Raises:
        FormatError: The format or its library is not installed.
    """
    form = FORMATS[name] if name in FORMATS else load_format(name)
    if form.library is not None and find_spec(form.library) is None:
        hint = "; install it with: pip install 'pscheduler-batch[report]'" if name in FORMATS else ""
        raise FormatError(f"a report in {name} needs a package that is not installed ({form.library}){hint}")
    return form


def render_report(name: str, report: BatchReport, *, file: str = "") -> Iterator[bytes]:
    """
    Write a report as it stands in a file.

    Args:
        name: One of :data:`FORMATS`, or of the formats that other packages add.
        report: The results of the batch.
        file: The name of the file, if there is one.

    Yields:
        The pieces of the file; text is UTF-8, with a question mark for each unpaired surrogate.

    Raises:
        FormatError: The format or its library is not installed, or the format of another package failed.
    """
    form = find_format(name)
    try:
        module, class_name = form.path.split(":")
        writer: ReportWriter = getattr(import_module(module), class_name)()
        made = writer.render(replace(report, file=file))
        for piece in (made,) if isinstance(made, (str, bytes)) else made:
            yield piece if isinstance(piece, bytes) else piece.encode("utf-8", "replace")
    except Exception as error:
        if name in FORMATS:
            raise
        raise FormatError(
            f"cannot write a report in {name}, a format that another package adds: {type(error).__name__}: {error}"
        ) from error
