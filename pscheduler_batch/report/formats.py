"""
The formats of reports, by their names on the command line.

A format is a class with a method ``render``; :class:`~pscheduler_batch.report.rendering.ReportWriter` describes it. Its
module is imported when it is used, as some formats need libraries that are slow to import; this one imports nothing, as
``--help`` needs it. Other packages add formats as entry points, which are not looked for before a name or an ending is
asked for that is not one of these (ADR 54).
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

# The group of the entry points. Each has the name of a format, and refers to a Format.
ENTRY_POINT_GROUP = "pscheduler_batch.report_formats"


class Format(NamedTuple):
    """
    One format of reports.

    Attributes:
        path: The module and the class that write it.
        description: What it is, for the help.
        endings: The endings of file names that stand for it, in small letters, the usual one first.
        library: The library that it needs and that is not always installed.
        results: Whether it needs the results themselves: the text, HTML and JSON of rows. Otherwise these may be
            missing, which saves time and space on the disk.
    """

    path: str
    description: str
    endings: Tuple[str, ...]
    library: Optional[str] = None
    results: bool = True


HTML = Format(
    "pscheduler_batch.report.html_report:HtmlReport", "a web page with tables and plots", (".html", ".htm"), "jinja2"
)
TEXT = Format("pscheduler_batch.report.text_report:TextReport", "a table in plain text", (".txt",), results=False)
MARKDOWN = Format(
    "pscheduler_batch.report.markdown_report:MarkdownReport",
    "a summary for merge requests and wikis",
    (".md", ".markdown"),
    results=False,
)
CSV = Format(
    "pscheduler_batch.report.csv_report:CsvReport",
    "a table with a row for each run for spreadsheets",
    (".csv",),
    results=False,
)
JSONL = Format(
    "pscheduler_batch.report.jsonl_report:JsonlReport",
    "a JSON object for each run for databases",
    (".jsonl", ".ndjson"),
    results=False,
)
JUNIT = Format("pscheduler_batch.report.junit_report:JunitReport", "a test suite for CI systems", (".xml",))
PROMETHEUS = Format(
    "pscheduler_batch.report.prometheus_report:PrometheusReport",
    "metrics for the textfile collector of node_exporter",
    (".prom",),
    results=False,
)

# Those that come with the program. setup.cfg lists them as entry points as well.
FORMATS = {
    "html": HTML,
    "text": TEXT,
    "markdown": MARKDOWN,
    "csv": CSV,
    "jsonl": JSONL,
    "junit": JUNIT,
    "prometheus": PROMETHEUS,
}
DEFAULT_FORMAT = "html"

# For the help of options.
USUAL_ENDINGS = ", ".join(form.endings[0] for form in FORMATS.values())
DESCRIPTIONS = ", ".join(f"{name} is {form.description}" for name, form in FORMATS.items())
