"""A fault that stays costs a batch its patience once for each host and kind of request (ADR 51), in virtual time."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from pscheduler_batch.events import RequestHeldUp
from pscheduler_batch.http.response import Reply
from pscheduler_batch.output.document import render_result
from pscheduler_batch.scheduler.waiting import WaitLimits
from tests.support.retrying import lost
from tests.support.virtual_runs import HOST, idle_task, run, unknown_task

PATIENCE = 300
HTML = "format=text%2Fhtml$"
FIRST_RUN = "/runs/first[?]"
WAITING = "wait-merged=true&wait="
RESET = lost("Connection reset by peer")
RETRIED = " (tried for 5 min)"
NOT_RETRIED = " (not retried, as such requests failed for 5 min before)"


def always(where, ending):
    """Return a fault that stays."""
    return lambda request, _at: ending if re.search(where, request.url) else None


def during(where, ending, *spans):
    """Return a fault that stays for some spans of time, in seconds from the beginning."""
    fault = always(where, ending)
    return lambda request, at: fault(request, at) if any(begin <= at < end for begin, end in spans) else None


def run_all(*, task=None, **options):
    """Run ten iterations one after another; return their results as in the output, and how long they took."""
    runs = run([task or idle_task()] * 10, serially=True, **options)
    return [render_result(result) for result in runs.results], round(runs.seconds, 3)


def html_errors(results):
    """Return why the HTML of each result is missing."""
    return [result["runs"][0].get("errors", {}).get("text/html") for result in results]


def test_a_format_that_is_always_reset_costs_one_patience():
    """The results are there, and the missing format has its reason every time."""
    _, usual = run_all()
    results, took = run_all(fault=always(HTML, RESET))
    said = html_errors(results)

    assert PATIENCE <= took - usual < PATIENCE + 10
    assert said[0].endswith(f"Connection reset by peer{RETRIED}")
    assert all(words.endswith(f"Connection reset by peer{NOT_RETRIED}") for words in said[1:])
    assert all(result["runs"][0]["text/plain"] and "succeeded" not in result for result in results)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_format_that_a_server_never_gives_costs_one_patience(status):
    """What the server says is quoted."""
    _, usual = run_all()
    results, took = run_all(fault=always(HTML, Reply(status, {}, b"Down for maintenance")))
    said = html_errors(results)

    assert PATIENCE <= took - usual < PATIENCE + 10
    assert said[0].endswith(f" answered {status}: Down for maintenance{RETRIED}")
    assert all(words.endswith(f"Down for maintenance{NOT_RETRIED}") for words in said[1:])


@pytest.mark.parametrize("ending", [RESET, *(Reply(status, {}, b"Down") for status in (500, 502, 503, 504))])
@pytest.mark.parametrize(
    ("where", "task"),
    [(FIRST_RUN, idle_task()), (FIRST_RUN, unknown_task("PT30S")), (WAITING, unknown_task("PT30S"))],
    ids=["first run with its result", "first run", "waiting"],
)
def test_a_run_that_can_never_be_read_costs_one_patience(where, task, ending):
    """Each iteration fails for itself."""
    results, took = run_all(fault=always(where, ending), task=task)

    assert PATIENCE <= took < PATIENCE + 10 * 35
    assert results[0]["error"].endswith(RETRIED)
    assert all(result["error"].endswith(NOT_RETRIED) for result in results[1:])


def test_two_kinds_of_requests_cost_a_patience_each():
    """They may have different causes."""
    _, usual = run_all()
    results, took = run_all(fault=always("format=", RESET))

    # They are fetched at the same time.
    assert PATIENCE <= took - usual < PATIENCE + 10
    errors = [result["runs"][0]["errors"] for result in results]
    assert all(words.endswith(RETRIED) for words in errors[0].values())
    assert [list(each) for each in errors] == [["text/plain", "text/html"]] * 10


def test_the_patience_can_be_set():
    """It may be shorter than the time between two iterations."""
    _, usual = run_all()
    results, took = run_all(fault=always(HTML, RESET), patience=WaitLimits(outage=timedelta(seconds=7)))

    assert 7 <= took - usual < 11
    assert html_errors(results)[0].endswith("(tried for 10 s)")


def test_a_server_that_has_answered_is_waited_for_again():
    """After an outage that took too long, another one of less than five minutes costs no format."""
    results, took = run_all(fault=during(HTML, RESET, (0, 310), (314, 600)))
    missing = [words is not None for words in html_errors(results)]

    assert missing[:3] == [True] * 3
    assert missing[4:] == [False] * 6
    assert took > 600


def test_each_retry_is_reported_with_what_is_left_of_the_patience():
    """With the reason; and once when the request is over."""
    events = []
    run([idle_task()], watch=events.append, fault=always(HTML, RESET))
    held_up = [event for event in events if isinstance(event, RequestHeldUp)]

    assert {(event.host, event.doing) for event in held_up} == {(HOST, "fetching the result as text/html")}
    assert {event.reason for event in held_up[:-1]} == {"Connection reset by peer"}
    assert held_up[-1].reason is None
    assert len(held_up) == PATIENCE / 5 + 1
    assert held_up[0].when == "in 5.0 s, for at most 5 min"
    assert held_up[1].when == "in 5.0 s, for at most 4 min 55 s"
    assert held_up[-2].when == "in 5.0 s, for at most 5 s"
