"""
The report for CI systems: JUnit XML.

A job is a test suite, and a run a test case in it. A failed run is a failure, an iteration without a run an error, and
a job that was not run a skipped case. Expectations are the cases of one more suite. There is no standard: elements,
attributes and their order are those that the schemas of Jenkins, Ant and Maven have in common, plus the properties of
cases, which only newer schemas have.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone
from itertools import groupby
from typing import Dict, Iterable, List, Optional, Sequence, Tuple
from xml.etree import ElementTree as ET

from pscheduler_batch.metrics.expectations import Judgment
from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.metrics.units import column_name
from pscheduler_batch.report.formatting import block, one_line
from pscheduler_batch.report.rows import BatchReport, Row

# CI systems show a message in one line, and hold the output of all cases in memory.
_LONGEST_MESSAGE = 1000
_LONGEST_OUTPUT = 100_000
_LEFT_OUT = "(left out: the results of this batch are too large for a report)"
_NAME = "pscheduler-batch"
_EXPECTATIONS = "expectations"


class JunitReport:
    """One suite for every job, run or not, one for expectations, and one for the batch if it ended early."""

    def render(self, report: BatchReport) -> str:
        """Write the document."""
        root = ET.Element("testsuites", name=_NAME)
        for _, rows in groupby(report.rows, key=lambda row: row.job):
            root.append(_suite_of_job(list(rows)))
        for label in report.unrun:
            case = _case(label, label)
            _add(case, "skipped", message="the job was not run")
            root.append(_suite(label, [case], None))
        if report.judgments:
            root.append(_suite(_EXPECTATIONS, [_case_of_judgment(each) for each in report.judgments], None))
        if report.error is not None:
            case = _case(_NAME, "completed")
            _add(case, "error", report.error, message=report.error, type="ended")
            root.append(_suite(_NAME, [case], report.start))
        for name in ("tests", "failures", "errors", "skipped"):
            root.set(name, str(sum(int(suite.get(name, 0)) for suite in root)))
        root.set("time", _seconds(float(suite.get("time", 0)) for suite in root))
        ET.indent(root)
        return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite_of_job(rows: Sequence[Row]) -> ET.Element:
    starts = [row.start for row in rows if row.start is not None]
    runs: Dict[int, int] = {}
    for row in rows:
        runs[row.iteration] = runs.get(row.iteration, 0) + 1
    cases = [_case_of_row(row, several=runs[row.iteration] > 1) for row in rows]
    return _suite(rows[0].job_label, cases, min(starts, default=None))


def _suite(name: str, cases: List[ET.Element], start: Optional[datetime]) -> ET.Element:
    suite = ET.Element("testsuite", name=one_line(name))
    suite.set("tests", str(len(cases)))
    for attribute, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(element) is not None for case in cases)))
    suite.set("time", _seconds(float(case.get("time", 0)) for case in cases))
    if start is not None:
        suite.set("timestamp", _timestamp(start))
    suite.extend(cases)
    return suite


def _case_of_row(row: Row, *, several: bool) -> ET.Element:
    case = _case(row.job_label, f"{row.label}, run {row.run}" if several else row.label)
    # Several results share one lead run, and the times of all cases are added up.
    duration = None if row.lead_state is not None and row.run else row.duration
    case.set("time", _seconds([0.0 if duration is None else duration.total_seconds()]))
    properties = ET.SubElement(case, "properties")
    for name, value in _properties(row):
        ET.SubElement(properties, "property", name=one_line(name), value=one_line(value))
    if not row.succeeded:
        reason = row.reason or row.state
        _add(case, "error" if row.run is None else "failure", reason, message=reason, type=row.state)
    if row.text or not row.whole:
        _add(case, "system-out", row.text or _LEFT_OUT)
    return case


def _case_of_judgment(judgment: Judgment) -> ET.Element:
    """Make the case of an expectation; its job is the class, as an expectation can be about several."""
    case = _case(judgment.job, judgment.expectation)
    if judgment.met:
        _add(case, "system-out", judgment.found)
    else:
        _add(case, "failure", judgment.words, message=judgment.found, type="not met")
    return case


def _properties(row: Row) -> Iterable[Tuple[str, str]]:
    about = {"test": row.test, "lead": row.lead, "destination": row.destination, "state": row.state}
    yield from ((name, value) for name, value in about.items() if value)
    yield "headline", row.headline
    for name, value in row.metrics.items():
        yield column_name(name, METRICS[name].unit), repr(value)
    for where, given in row.varied.items():
        yield where, str(given)


def _case(suite: str, name: str) -> ET.Element:
    return ET.Element("testcase", name=one_line(name), classname=one_line(suite), time=_seconds([0.0]))


def _add(case: ET.Element, tag: str, text: str = "", **attributes: str) -> None:
    element = ET.SubElement(case, tag)
    for name, value in attributes.items():
        element.set(name, one_line(value, _LONGEST_MESSAGE))
    cut = len(text) - _LONGEST_OUTPUT
    element.text = block(text if cut <= 0 else f"{text[:_LONGEST_OUTPUT]}\n… {cut:,} more characters") or None


def _seconds(spans: Iterable[float]) -> str:
    return f"{sum(spans):.3f}"


def _timestamp(moment: datetime) -> str:
    """Write a time in UTC without offset and fraction, which some schemas forbid."""
    # At the edge of the calendar the conversion fails, and the offset does not matter.
    with suppress(OverflowError):
        moment = moment.astimezone(timezone.utc)
    return moment.replace(tzinfo=None, microsecond=0).isoformat()
