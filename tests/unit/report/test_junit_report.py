"""Tests of the report for CI systems, by the rules that the schemas of JUnit XML have in common."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.junit_report import JunitReport
from tests.support.output_documents import (
    HOSTILE,
    broken,
    failed_run,
    job,
    judged,
    kept,
    output,
    result,
    run,
    several,
    shuffled,
    skipped,
)

MIXED = output(
    job(result(run()), result(failed_run("Timeout")), result(error="forbidden"), label="first"),
    job(result(run(), run(), kind="latencybg"), label="second"),
    job(label="off"),
)
STOPPED = shuffled(output(job(result(error="forbidden"), skipped(), skipped()), job(skipped(), label="later")))
BROKEN = {**MIXED, "batch": {"error": "continue-if failed"}}
HOSTILE_ONE = output(
    job(result(run(state=HOSTILE), dest=HOSTILE), label=HOSTILE), job(result(error=HOSTILE)), job(label=HOSTILE)
)
COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def tree_of(document):
    """Read the report on a document back."""
    return ET.fromstring("".join(JunitReport().render(report_of(document))).encode("utf-8", "replace"))  # noqa: S314 - our own


@pytest.mark.parametrize(
    "document",
    [
        output(),
        MIXED,
        BROKEN,
        STOPPED,
        HOSTILE_ONE,
        judged(kept(), broken(HOSTILE, job=HOSTILE, found=HOSTILE)),
    ],
    ids=["empty", "mixed", "broken", "stopped", "hostile", "judged"],
)
def test_the_rules_of_the_schemas(document):
    """Which elements and attributes there are, in which order, and that what is counted is there."""
    root = tree_of(document)
    cases = list(root.iter("testcase"))

    assert root.tag == "testsuites"
    assert {suite.tag for suite in root} <= {"testsuite"}
    assert all(set(suite.attrib) - {"timestamp"} == {"name", "tests", "time", *COUNTED} for suite in root)
    assert all(re.fullmatch(r"(properties )?(testcase )+", "".join(f"{part.tag} " for part in suite)) for suite in root)
    assert all(set(case.attrib) == {"name", "classname", "time"} for case in cases)
    assert all(re.fullmatch(r"\d+\.\d{3}", element.get("time")) for element in root.iter() if "time" in element.attrib)
    for case in cases:
        assert re.fullmatch(
            r"(properties )?((failure|error|skipped) )?(system-out )?", "".join(f"{part.tag} " for part in case)
        )
    for element in (root, *root):
        found = list(element.iter("testcase"))
        assert int(element.get("tests")) == len(found)
        for name, tag in COUNTED.items():
            assert int(element.get(name)) == sum(case.find(tag) is not None for case in found)


def test_what_became_of_runs():
    """A failed run is a failure, an iteration without a run an error, a job that was not run is skipped."""
    found = {
        case.get("name"): [part.tag for part in case if part.tag in COUNTED.values()]
        for case in tree_of(MIXED).iter("testcase")
    }

    assert found == {
        "first/0": [],
        "first/1": ["failure"],
        "first/2": ["error"],
        "second/0, run 0": [],
        "second/0, run 1": [],
        "off": ["skipped"],
    }


def test_what_was_skipped_is_counted_as_that():
    """It is neither a failure nor an error; the reason is in the message."""
    root = tree_of(STOPPED)
    first, later = root

    assert {name: root.get(name) for name in COUNTED} == {"failures": "0", "errors": "1", "skipped": "3"}
    assert [(suite.get("errors"), suite.get("skipped")) for suite in root] == [("1", "2"), ("0", "1")]
    assert [case.find("skipped") is None for case in first.iter("testcase")] == [True, False, False]
    assert later.find("testcase/skipped").attrib == {"message": "not submitted, because rtt/0 failed"}


def test_a_random_order_is_a_property_of_suites():
    """Its seed repeats it."""
    suites = {suite.get("name"): suite for suite in tree_of(STOPPED)}

    found = suites["rtt"].find("properties/property")
    assert found.attrib == {"name": "shuffle-seed", "value": "7"}
    assert suites["later"].find("properties/property").attrib == found.attrib
    assert tree_of(MIXED).find("testsuite/properties") is None


def test_a_suite_for_every_job():
    """With its start, in UTC and without an offset, and the time that its runs took."""
    first, second, off = tree_of(MIXED)

    assert [suite.get("name") for suite in (first, second, off)] == ["first", "second", "off"]
    assert (first.get("timestamp"), first.get("time")) == ("2026-03-01T12:00:00", "370.000")
    assert off.get("timestamp") is None


def test_a_batch_that_broke_off_is_an_error():
    """A CI system must not show it as a success."""
    suite = tree_of(BROKEN)[-1]

    assert (suite.get("name"), suite.get("errors")) == ("pscheduler-batch", "1")
    assert suite.find("testcase/error").get("message") == "continue-if failed"


def test_a_failure_has_its_reason():
    """In short for lists, in full below."""
    reason = "x" * 5000
    failure = tree_of(output(job(result(failed_run(f"first\n{reason}"))))).find(".//failure")

    assert (failure.get("message"), failure.get("type")) == (f"first {reason}"[:999] + "…", "failed")
    assert failure.text == f"first\n{reason}"


def test_a_case_has_the_metrics_and_what_the_server_wrote():
    """Metrics are properties, in base units."""
    case = tree_of(MIXED).find(".//testcase")
    properties = {part.get("name"): part.get("value") for part in case.iter("property")}

    assert properties["rtt-mean (s)"] == "0.0004"
    assert (properties["test"], properties["lead"], properties["destination"]) == ("rtt", "ps.example.net", "192.0.2.1")
    assert properties["headline"] == "0.3/0.4/0.5 ms, loss 25 %"
    assert case.findtext("system-out") == "plain"


def test_what_xml_cannot_hold_is_written_as_an_escape():
    """Not even as a reference may it be there; line ends stay."""
    given = run()
    given["text/plain"] = "a\x00b\x1b[2J\ud800\ufffe\n]]><c>&"
    tree = tree_of(output(job(result(given))))

    assert tree.findtext(".//system-out") == r"a\u0000b\u001b[2J\ud800\ufffe" + "\n]]><c>&"


def test_output_without_an_end_is_cut():
    """CI systems keep all of it in memory."""
    given = run()
    given["text/plain"] = "x" * 1_000_000
    text = tree_of(output(job(result(given)))).findtext(".//system-out")

    assert text == "x" * 100_000 + "\n… 900,000 more characters"


def test_the_time_of_several_results_is_counted_once():
    """Times are added up, and all results share the one run that took it."""
    root = tree_of(output(job(several(10, 20), several(10, 20, 30))))

    assert [case.get("time") for case in root.iter("testcase")] == ["40.000", "0.000", "40.000", "0.000", "0.000"]
    assert root.get("time") == "80.000"


def test_expectations_are_cases():
    """In a suite of their own; one that is not met is a failure."""
    root = tree_of(judged(kept("loss < 30 %"), broken()))
    met, failed = root.findall("testsuite[@name='expectations']/testcase")

    assert (met.get("classname"), met.get("name"), met.find("failure")) == ("rtt", "loss < 30 %", None)
    assert met.findtext("system-out") == "25 % in 1 run"
    assert (failed.get("name"), failed.find("failure").attrib) == (
        "rtt: loss = 0",
        {"message": "25 % in 1 run", "type": "not met"},
    )
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
