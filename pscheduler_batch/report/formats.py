"""
The formats of reports, by their names on the command line.

A format is a class with a method ``render``. Its module is imported when it is used, as some formats need libraries
that are slow to import; this one imports nothing, as ``--help`` needs it.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple


class Format(NamedTuple):
    """
    One format of reports.

    Attributes:
        path: The module and the class that write it.
        endings: The endings of file names that stand for it, the usual one first.
        library: The library that it needs and that is not always installed.
    """

    path: str
    endings: Tuple[str, ...]
    library: Optional[str] = None


FORMATS = {
    "html": Format("pscheduler_batch.report.html_report:HtmlReport", (".html", ".htm"), "jinja2"),
    "text": Format("pscheduler_batch.report.text_report:TextReport", (".txt",)),
    "csv": Format("pscheduler_batch.report.csv_report:CsvReport", (".csv",)),
    "junit": Format("pscheduler_batch.report.junit_report:JunitReport", (".xml",)),
}
DEFAULT_FORMAT = "html"

# For the help of options.
USUAL_ENDINGS = ", ".join(form.endings[0] for form in FORMATS.values())
