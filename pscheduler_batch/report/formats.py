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
        description: What it is, for the help.
        endings: The endings of file names that stand for it, the usual one first.
        library: The library that it needs and that is not always installed.
    """

    path: str
    description: str
    endings: Tuple[str, ...]
    library: Optional[str] = None


FORMATS = {
    "html": Format(
        "pscheduler_batch.report.html_report:HtmlReport",
        "a web page with tables and plots",
        (".html", ".htm"),
        "jinja2",
    ),
    "text": Format("pscheduler_batch.report.text_report:TextReport", "a table in plain text", (".txt",)),
    "csv": Format(
        "pscheduler_batch.report.csv_report:CsvReport", "a table with a row for each run for spreadsheets", (".csv",)
    ),
    "junit": Format("pscheduler_batch.report.junit_report:JunitReport", "a test suite for CI systems", (".xml",)),
}
DEFAULT_FORMAT = "html"

# For the help of options.
USUAL_ENDINGS = ", ".join(form.endings[0] for form in FORMATS.values())
DESCRIPTIONS = ", ".join(f"{name} is {form.description}" for name, form in FORMATS.items())
