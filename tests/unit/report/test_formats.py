"""Tests of the formats of reports, and of choosing one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.formats import FORMATS
from pscheduler_batch.report.rendering import FormatError, find_format, format_of_file, render_report
from tests.support.output_documents import HOSTILE, failed_run, job, output, result, run

ACCOUNTS = {
    "nothing": report_of(output()),
    "one run": report_of(output(job(result(run())))),
    "hostile": report_of(
        output(
            job(result(run({"succeeded": True, "x": HOSTILE}, state=HOSTILE), dest=HOSTILE), label=HOSTILE),
            job(result(failed_run(HOSTILE), error=HOSTILE, kind=HOSTILE), label=HOSTILE),
            job(label=HOSTILE),
            batch={"error": HOSTILE},
        )
    ),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ACCOUNTS)
def test_every_format_takes_every_account(form, name):
    """It is UTF-8, and has no control character in it but line ends and, in CSV, what ends its lines."""
    text = b"".join(render_report(form, ACCOUNTS[name])).decode()

    assert text.strip() or (form, name) == ("jsonl", "nothing")
    assert not set(text) & {chr(code) for code in range(32)} - {"\n", "\r", "\t"}
    assert "\u202e" not in text or form == "html"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("report.html", "html"),
        ("/a.b/REPORT.HTM", "html"),
        ("runs.csv", "csv"),
        ("junit.xml", "junit"),
        ("summary.txt", "text"),
        ("summary.md", "markdown"),
        ("runs.jsonl", "jsonl"),
        ("runs.ndjson", "jsonl"),
        ("hourly.prom", "prometheus"),
        ("report", "html"),
        ("", "html"),
        (".csv", "html"),
        ("/a.b/report", "html"),
    ],
)
def test_the_ending_of_a_name_says_the_format(name, form):
    """In any case of letters; HTML is for names without one."""

    assert format_of_file(name) == form


@pytest.mark.parametrize("name", ["report.pdf", "report.json", "/a.html/report.out", "report.html.gz", "report-27.11"])
def test_an_ending_of_something_else_is_refused(name):
    """A page of HTML in a file that is named for another form would open nowhere."""
    said = (
        f"cannot tell the format of the report from the name {name}: "
        "use the ending .html, .htm, .txt, .md, .markdown, .csv, .jsonl, .ndjson, .xml or .prom, "
        "or choose a format with --format"
    )
    with pytest.raises(FormatError) as refused:
        format_of_file(name)

    assert str(refused.value) == said


def test_a_format_without_its_library_is_refused_with_what_to_do(monkeypatch):
    """Before anything is sent, and also where the report is written."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    said = (
        r"^a report in html needs a package .* \(jinja2\); install it with: pip install 'pscheduler-batch\[report\]'$"
    )

    with pytest.raises(FormatError, match=said):
        find_format("html")
    with pytest.raises(FormatError, match=said):
        list(render_report("html", ACCOUNTS["nothing"]))


def test_a_report_knows_the_name_of_its_file():
    """The label of a batch in Prometheus comes from it."""
    text = b"".join(render_report("prometheus", ACCOUNTS["one run"], file="/a.b/hourly.prom")).decode()

    assert 'pscheduler_batch_runs{batch="hourly"} 1\n' in text


def test_a_bug_of_ours_is_not_disguised():
    """It has a traceback, as everywhere."""
    with pytest.raises(TypeError):
        list(render_report("csv", replace(ACCOUNTS["one run"], rows=None)))


def test_the_other_formats_need_no_more_libraries(monkeypatch):
    """The library is only needed for HTML."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    forms = [form for form in FORMATS if form != "html"]
    for form in forms:
        find_format(form)

    assert [form for form in forms if not b"".join(render_report(form, ACCOUNTS["one run"]))] == []


@pytest.mark.parametrize(
    "module",
    ["report.formats", "report.document_rows", "report.output_reader", "cli.batch_report", "cli.batch_compare"],
)
def test_importing_loads_no_library_for_show(module):
    """Commands that make no report shall not wait for what reports need."""
    code = f"import sys, pscheduler_batch.{module}; print([m for m in ('rich', 'jinja2', 'httpx') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
