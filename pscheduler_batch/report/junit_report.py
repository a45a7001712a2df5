"""
The report for CI systems: JUnit XML.

A job is a test suite, and a run a test case in it. A failed run is a failure, an iteration without a run an error, and
a job that was not run, or an iteration that was not submitted because another one had failed, a skipped case.
Expectations are the cases of one more suite. There is no standard: elements, attributes and their order are those that
the schemas of Jenkins, Ant and Maven have in common, plus the properties of cases, which only newer schemas have.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import datetime, timezone
from itertools import chain, groupby
from typing import Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple
from xml.etree import ElementTree as ET

from pscheduler_batch.metrics.expectations import Judgment
from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.metrics.units import column_name
from pscheduler_batch.report.formatting import block, one_line
from pscheduler_batch.report.rows import BatchReport, Row

# CI systems show a message in one line, and hold the output of all cases in memory.
_LONGEST_MESSAGE = 1000
_LONGEST_OUTPUT = 100_000
_NAME = "pscheduler-batch"
_EXPECTATIONS = "expectations"
_COUNTED = ("tests", "failures", "errors", "skipped")


class JunitReport:
    """One suite for every job, run or not, one for expectations, and one for the batch if it ended early."""

    def render(self, report: BatchReport) -> Iterator[str]:
        """Write the document; the totals stand first, so the rows are read twice."""
        jobs = [_suite_of_job(rows, report.seed) for _, rows in groupby(report.rows, key=_job_of)]
        others = [(_suite_of_cases(name, cases, start), cases) for name, cases, start in _other_cases(report)]
        suites = [*jobs, *(suite for suite, _ in others)]
        root = ET.Element("testsuites", name=_NAME)
        for name in _COUNTED:
            root.set(name, str(sum(int(suite.get(name, 0)) for suite in suites)))
        root.set("time", _seconds(float(suite.get("time", 0)) for suite in suites))
        yield f'<?xml version="1.0" encoding="utf-8"?>\n{_opening(root, empty=not suites)}'
        for suite, (_, rows) in zip(jobs, groupby(report.rows, key=_job_of)):
            yield from _suite_pieces(suite, map(_case_of_row, rows))
        for suite, cases in others:
            yield from _suite_pieces(suite, cases)
        if suites:
            yield "</testsuites>\n"


def _other_cases(report: BatchReport) -> Iterator[Tuple[str, List[ET.Element], Optional[datetime]]]:
    """Make the cases of suites that are not those of runs, with the name and the start of each suite."""
    for label in report.unrun:
        case = _case(label, label)
        _add(case, "skipped", message="the job was not run")
        yield label, [case], None
    if report.judgments:
        yield _EXPECTATIONS, [_case_of_judgment(each) for each in report.judgments], None
    if report.error is not None:
        case = _case(_NAME, "completed")
        _add(case, "error", report.error, message=report.error, type="ended")
        yield _NAME, [case], report.start


def _suite_of_job(rows: Iterable[Row], seed: Optional[int]) -> ET.Element:
    counts: Counter[str] = Counter()
    seconds = 0.0
    name = ""
    start: Optional[datetime] = None
    for row in rows:
        name = row.job_label
        counts["tests"] += 1
        if row.skipped:
            counts["skipped"] += 1
        elif row.failed:
            counts["errors" if row.run is None else "failures"] += 1
        seconds += float(_case_seconds(row))
        if row.start is not None:
            start = row.start if start is None else min(start, row.start)
    suite = _suite(name, counts, seconds, start)
    if seed is not None:
        _add_properties(suite, [("shuffle-seed", str(seed))])
    return suite


def _suite_of_cases(name: str, cases: Sequence[ET.Element], start: Optional[datetime]) -> ET.Element:
    counts = Counter({"tests": len(cases)})
    for attribute, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        counts[attribute] = sum(case.find(element) is not None for case in cases)
    return _suite(name, counts, 0.0, start)


def _suite(name: str, counts: Mapping[str, int], seconds: float, start: Optional[datetime]) -> ET.Element:
    suite = ET.Element("testsuite", name=one_line(name))
    for counted in _COUNTED:
        suite.set(counted, str(counts[counted]))
    suite.set("time", _seconds([seconds]))
    if start is not None:
        suite.set("timestamp", _timestamp(start))
    return suite


def _suite_pieces(suite: ET.Element, cases: Iterable[ET.Element]) -> Iterator[str]:
    yield f"  {_opening(suite)}"
    for part in chain(suite, cases):
        ET.indent(part, level=2)
        yield f"    {ET.tostring(part, encoding='unicode')}\n"
    yield f"  </{suite.tag}>\n"


def _opening(element: ET.Element, *, empty: bool = False) -> str:
    """Write the opening tag of an element, or all of an empty one."""
    text = ET.tostring(ET.Element(element.tag, element.attrib), encoding="unicode")
    return f"{text}\n" if empty else f"{text[: -len(' />')]}>\n"


def _job_of(row: Row) -> int:
    return row.job


def _case_of_row(row: Row) -> ET.Element:
    case = _case(row.job_label, f"{row.label}, run {row.run}" if row.runs > 1 else row.label)
    case.set("time", _case_seconds(row))
    _add_properties(case, _properties(row))
    if row.skipped:
        _add(case, "skipped", message=row.reason or row.state)
    elif row.failed:
        reason = row.reason or row.state
        _add(case, "error" if row.run is None else "failure", reason, message=reason, type=row.state)
    if row.text:
        _add(case, "system-out", row.text)
    return case


def _add_properties(element: ET.Element, pairs: Iterable[Tuple[str, str]]) -> None:
    properties = ET.SubElement(element, "properties")
    for name, value in pairs:
        ET.SubElement(properties, "property", name=one_line(name), value=one_line(value))


def _case_seconds(row: Row) -> str:
    # Several results share one lead run, and the times of all cases are added up.
    duration = None if row.lead_state is not None and row.run else row.duration
    return _seconds([0.0 if duration is None else duration.total_seconds()])


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
