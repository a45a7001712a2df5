"""Tests of making the rows of a report of an output document."""

from __future__ import annotations

import copy
import json
import weakref
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from pscheduler_batch.metrics.samples import Packet, Samples
from pscheduler_batch.report.document_rows import report_of, report_of_texts
from tests.support.output_documents import (
    END,
    HOSTILE,
    RTT,
    START,
    failed_run,
    job,
    output,
    result,
    run,
    several,
    shuffled,
)

START_TIME = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def only_row(document):
    """Return the one row of a document."""
    (row,) = report_of(document).rows
    return row


def older(document):
    """Take out what outputs of older versions, and of perfSONAR's own processor, do not have."""
    document = copy.deepcopy(document)
    del document["batch"]
    for each in document["jobs"]:
        for found in each["results"]:
            for one in found["runs"]:
                del one["run"]
    return document


def test_a_run_that_succeeded():
    """Everything that is known of it is in its row."""
    row = only_row(output(job(result(run()), label="first")))

    assert (row.job, row.job_label, row.iteration, row.run, row.label) == (0, "first", 0, 0, "first/0")
    assert (row.test, row.lead, row.destination, row.state) == ("rtt", "ps.example.net", "192.0.2.1", "finished")
    assert (row.succeeded, row.reason, row.headline) == (True, None, "0.3/0.4/0.5 ms, loss 25 %")
    assert (row.start, row.duration, row.planned, row.late) == (START_TIME, timedelta(seconds=185), None, None)
    assert (row.text, row.html, row.result["mean"]) == ("plain", "<p>html</p>", "PT0.0004S")
    assert row.task["test"]["type"] == "rtt"


def test_samples_are_in_the_row_and_in_no_column():
    """In order and with their times; a run without a result that succeeded has none."""
    trips = [{"seq": 2, "rtt": "PT0.002S"}, {"seq": 1, "rtt": "PT0.001S"}]
    measured, failed = report_of(output(job(result(run({**RTT, "roundtrips": trips}), failed_run())))).rows

    assert measured.samples.packets == (Packet(0.0, 0.001), Packet(1.0, 0.002))
    assert failed.samples == Samples()
    assert "samples" not in measured.as_dict()


def test_the_order_of_rows():
    """Jobs, iterations, runs."""
    document = output(job(result(run(), run()), result(run())), job(result(run()), label="b"))

    assert [(row.label, row.run) for row in report_of(document).rows] == [
        ("rtt/0", 0),
        ("rtt/0", 1),
        ("rtt/1", 0),
        ("b/0", 0),
    ]


def test_the_document_stays_as_it_is():
    """It is printed after the summary, or before."""
    document = output(job(result(run({"succeeded": True, "_key": "abc"}), _key="abc")))
    before = copy.deepcopy(document)
    report_of(document)

    assert document == before


def test_when_a_batch_was():
    """As it says itself."""
    account = report_of(output())

    assert (account.start.isoformat(), account.end.isoformat(), account.error) == (START, END, None)
    assert account.succeeded


def test_a_batch_that_broke_off():
    """It did not succeed, whatever its runs did."""
    document = output(job(result(run())))
    document["batch"]["error"] = "continue-if failed"

    assert report_of(document).error == "continue-if failed"
    assert not report_of(document).succeeded


def test_jobs_that_were_not_run():
    """Disabled ones and those never reached."""
    document = output(job(label="a"), job(result(run()), label="b"), {"task": {}})

    assert report_of(document).unrun == ("a", "job-2")


def test_a_very_long_label_is_cut_after_its_secrets_were_hidden():
    """It stands in every row of some reports, and one half of a secret would not be found."""
    secret = {"task": {"_key": "s3cret"}}
    long = job(result(run()), label="x" * 197 + "s3cret" + "x" * 10_000, **secret)
    account = report_of(output(long, job(label="y" * 201)))

    (row,) = account.rows

    assert (row.job_label, account.unrun) == ("x" * 197 + "(h…", ("y" * 199 + "…",))


def test_an_iteration_without_a_run():
    """It has a row all the same, and its reason."""
    row = only_row(output(job(result(error="posting the task: no"))))

    assert (row.run, row.state, row.succeeded, row.headline) == (None, "failed", False, "failed")
    assert (row.reason, row.result, row.text) == ("posting the task: no", None, None)


def test_an_iteration_without_a_run_and_without_a_reason():
    """Other programs may say nothing."""

    assert only_row(output(job(result()))).reason == "there was no run"


def test_the_reason_of_a_run_is_the_error_of_its_iteration():
    """That has everything that went wrong in it."""
    row = only_row(output(job(result(failed_run("Timeout"), error="Timeout; the result came too late"))))

    assert (row.succeeded, row.state, row.reason) == (False, "failed", "Timeout; the result came too late")
    assert row.metrics == {}


def test_of_several_runs_each_has_its_own_reason():
    """Those that succeeded did so; one without a reason of its own has that of the iteration."""
    silent = run({"succeeded": False}, state="overdue")
    document = output(job(result(run(), failed_run("Timeout"), silent, error="Timeout; lost")))

    assert [(row.succeeded, row.reason) for row in report_of(document).rows] == [
        (True, None),
        (False, "Timeout"),
        (False, "Timeout; lost"),
    ]


def test_an_iteration_that_failed_though_its_runs_did_not():
    """There is no other row to say so; what was measured stays."""
    row = only_row(output(job(result(run(), error="reading the list of runs: no answer"))))

    assert (row.succeeded, row.reason) == (False, "reading the list of runs: no answer")
    assert row.headline == "0.3/0.4/0.5 ms, loss 25 %"


@pytest.mark.parametrize("given", [None, [], "x", {}, {"succeeded": "true"}, {"succeeded": None}])
def test_a_result_that_does_not_say_that_it_succeeded_has_failed(given):
    """Whatever it is."""
    row = only_row(older(output(job(result(run(given))))))

    assert (row.succeeded, row.state, row.headline) == (False, "failed", "failed")
    assert row.reason == "no reason given in the result"


def test_outputs_without_the_run_pair():
    """Older versions, and perfSONAR's own processor."""
    document = older(output(job(result(run()), result(failed_run("Timeout")))))
    first, second = report_of(document).rows

    assert (first.state, first.lead, first.start, first.duration) == ("finished", "", None, None)
    assert (first.headline, first.destination) == ("0.3/0.4/0.5 ms, loss 25 %", "192.0.2.1")
    assert (second.state, second.reason) == ("failed", "Timeout")


def test_the_state_of_a_run_without_a_result():
    """It is in the result that we made ourselves."""
    given = run({"succeeded": False, "state": "nonstart", "error": "forbidden"})
    del given["run"]

    assert only_row(output(job(result(given)))).state == "nonstart"


@pytest.mark.parametrize(
    ("spec", "destination"),
    [
        ({"dest": "a", "host": "b"}, "a"),
        ({"dest": None, "url": "https://x/", "host": "b"}, "x"),
        ({"dest": 5, "query": "name", "nameserver": "192.0.2.53"}, "192.0.2.53"),
        ({"dest": "", "query": "name", "host": "b"}, "name"),
        ({"dest": [], "host": "b"}, "b"),
        ({"dest": {}}, ""),
    ],
)
def test_the_destination(spec, destination):
    """What is measured comes before where it is measured from."""

    assert only_row(output(job(result(run(), **spec)))).destination == destination


@pytest.mark.parametrize(
    ("about", "lead"),
    [
        ({"href": "https://PS.example.net:8443/x"}, "ps.example.net:8443"),
        ({"href": "https://[2001:db8::1]/x"}, "[2001:db8::1]"),
        ({"href": "https://[oops/x", "participants": ["a", "b"]}, "a"),
        ({"href": None, "participants": [None]}, ""),
        ({"href": 5, "participants": "abc"}, ""),
    ],
)
def test_the_lead(about, lead):
    """The host that was asked, else the first participant."""

    assert only_row(output(job(result(run(**about))))).lead == lead


@pytest.mark.parametrize(
    ("pairs", "planned"),
    [
        ({"parallel": True}, START_TIME),
        ({"parallel": True, "sync-start": True}, START_TIME),
        ({"parallel": True, "sync-start": False}, None),
        ({}, None),
    ],
)
def test_the_planned_start_is_that_of_a_synchronized_job(pairs, planned):
    """It is in the task's schedule; by how much a task missed it is in the result."""
    given = result(run())
    given["task"]["schedule"] = {"start": START}
    given["late"] = "PT2.5S"
    row = only_row(output(job(given, **pairs)))

    assert row.planned == planned
    assert row.late == timedelta(seconds=2.5)


@pytest.mark.parametrize(
    "time", [None, 5, "", "yesterday", "2026-03-01T12:00:00", "x" * 10_000, "9999-99-99T00:00:00Z"]
)
def test_times_that_are_none(time):
    """They are left out."""
    row = only_row(output(job(result(run(start_time=time, end_time=time)))))

    assert (row.start, row.end, row.duration) == (None, None, None)


def test_a_run_that_ended_before_it_started():
    """No time that could be shown."""

    assert only_row(output(job(result(run(start_time=END, end_time=START))))).duration is None


def test_what_varies_between_iterations():
    """Only there where there are several."""
    document = output(job(*(result(run(), count=count, length=64) for count in (5, 10))), job(result(run(), count=1)))

    assert [dict(row.varied) for row in report_of(document).rows] == [
        {"/test/spec/count": 5},
        {"/test/spec/count": 10},
        {},
    ]


def test_secrets_are_not_among_what_varies():
    """Even where only some tasks have one."""
    rows = report_of(output(job(result(run(), x={"_y": None}), result(run(), x={"_y": "abc"})))).rows

    assert [dict(row.varied) for row in rows] == [{}, {}]


def secretive():
    """Make a document with a secret wherever one can be."""
    quoted = 'the key is s3cr&t"1'
    given = run({"succeeded": False, "error": quoted, "log": [quoted], "_own": "other"}, state=f"failed {quoted}")
    given["text/plain"] = quoted
    given["text/html"] = "<p>s3cr&amp;t&quot;1</p>"
    found = result(given, error=quoted, _key='s3cr&t"1', dest=quoted)
    document = output(job(found, result(run(), _key='s3cr&t"1'), label=f"job {quoted}"), job(label=quoted))
    document["jobs"][1]["task"] = {"reference": {"_key": 's3cr&t"1'}}
    document["global"] = {"data": {"_global": "gl0bal"}}
    document["batch"]["error"] = "gl0bal went wrong"
    document["jobs"][0]["task"] = {"reference": {"_key": 's3cr&t"1'}}
    return document


@pytest.mark.parametrize("secret", ["s3cr", "&amp;t", "other", "gl0bal"])
def test_secrets_are_nowhere_in_an_account(secret):
    """Not in tasks, results, reasons, labels or what varies, even if a server quotes them."""
    report = report_of(secretive())

    assert secret not in repr([report, *report.rows])


def test_secrets_are_not_among_the_samples():
    """The names of hops are the only text there."""
    paths = {"succeeded": True, "paths": [[{"hostname": "a"}, {"hostname": "s3cret.example.net"}]]}
    row = only_row(output(job(result(run(paths), kind="trace"), _key="s3cret")))

    assert row.samples.paths[0][0] == "a"
    assert "s3cret" not in repr(row.samples)


def test_states_of_pscheduler_are_no_secrets():
    """Programs select rows by them."""
    found = [result(run(state=state), _key="finished") for state in ("finished", "finished early")]

    assert [row.state for row in report_of(output(job(*found))).rows] == ["finished", "(hidden) early"]


def test_what_is_no_secret_stays():
    """The rest of a text that has one in it is there."""
    first, _ = report_of(secretive()).rows

    assert first.reason == "the key is (hidden)"
    assert first.task["test"]["spec"]["_key"] == "(hidden)"
    assert first.html == "<p>(hidden)</p>"


def in_texts(document):
    """Take a document apart: what it is without its results, and these as texts."""
    jobs = [{name: value for name, value in each.items() if name != "results"} for each in document["jobs"]]
    texts = {number: map(json.dumps, each["results"]) for number, each in enumerate(document["jobs"])}
    return {**document, "jobs": jobs}, texts


@pytest.mark.parametrize(
    "document",
    [
        secretive(),
        output(job(*(result(run(), run(), count=count) for count in range(3))), job(result(error="no"))),
        output(job(), job(result(failed_run())), error="gone"),
    ],
)
def test_results_that_are_texts_give_the_same_account(document):
    """The report at the end of a batch equals the one made from the saved output."""
    found, expected = (
        replace(report, rows=tuple(report.rows))
        for report in (report_of_texts(*in_texts(document)), report_of(document))
    )

    assert found == expected


def test_what_a_summary_does_not_need_is_left_out():
    """The rest of the rows is there."""
    document = output(job(*(result(run(), count=count) for count in range(2))))
    rows = list(report_of_texts(*in_texts(document), results=False).rows)
    nothing = {"text": None, "html": None, "result": None, "participants": None}

    assert rows == [replace(row, **nothing) for row in report_of(document).rows]


def test_texts_are_read_one_by_one():
    """All of them together may be too large to be in memory."""
    alive = []

    class Text(str):
        """A text that says how many of its kind there are when it is read."""

        __slots__ = ("__weakref__",)

    def texts():
        living = weakref.WeakSet()
        for _ in range(5):
            text = Text(json.dumps(result(run())))
            living.add(text)
            alive.append(len(living))
            yield text
            del text

    report_of_texts({"jobs": [{"label": "a"}]}, {0: texts()})

    assert max(alive) <= 2


def test_nothing_that_a_server_says_breaks_it():
    """Values of any type in any place, and depth."""
    deep = []
    for _ in range(500):
        deep = [deep]
    for strange in (None, True, 5, float("nan"), HOSTILE, [], {}, [HOSTILE], {"": deep}, deep):
        given = {
            "application/json": strange,
            "text/plain": strange,
            "text/html": strange,
            "run": strange,
            "errors": strange,
        }
        about = run(
            {"succeeded": True, "x": strange}, state=strange, href=strange, start_time=strange, participants=strange
        )
        task = {"test": strange, "schedule": strange, "reference": strange}
        document = output(
            {
                "label": strange,
                "parallel": strange,
                "results": [
                    {"task": task, "runs": [given, about], "late": strange, "lead-run": strange},
                    {"task": task, "runs": [about], "lead-run": {"state": strange, "start-time": START}},
                ],
            },
            {"results": [{"task": None, "runs": [about]}, {"runs": [], "error": strange}]},
            batch={"start": strange, "end": strange, "error": strange},
        )

        assert len(report_of(document).rows) == 5


def test_several_results_have_the_times_of_their_lead_run():
    """It took as long as the test; they start and end at the moment when they are made."""
    rows = report_of(output(job(several(10, 20, 30, start=4, end=44)))).rows
    second = timedelta(seconds=1)

    assert {(row.start - START_TIME, row.end - START_TIME) for row in rows} == {(4 * second, 44 * second)}
    assert {row.duration for row in rows} == {40 * second}
    assert [(row.result_time - START_TIME) / second for row in rows] == [10, 20, 30]
    assert {row.lead_state for row in rows} == {"finished"}


@pytest.mark.parametrize("lead_run", [None, "x", {}, {"start-time": "yesterday", "end-time": END}])
def test_several_results_without_the_time_of_a_lead_run_have_their_own(lead_run):
    """As in the outputs of older versions."""
    row = only_row(output(job({**several(10), "lead-run": lead_run})))

    assert (row.start, row.duration) == (START_TIME + timedelta(seconds=10), timedelta(0))
    assert (row.result_time, row.lead_state) == (None, None)


@pytest.mark.parametrize(
    ("seed", "known"),
    [(7, 7), (0, 0), (10**15 - 1, 10**15 - 1), (10**15, None), (-1, None), (True, None), ("7", None), (None, None)],
)
def test_a_report_has_the_seed_of_a_random_order(seed, known):
    """Anything else is left out."""
    assert report_of(shuffled(output(job(result(run()))), seed)).seed == known
    assert report_of(output(batch={"shuffle": "no object"})).seed is None
