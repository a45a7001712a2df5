"""Tests of the rows that a plan is shown in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pscheduler_batch.planning.timeline import make_timeline
from pscheduler_batch.terminal.plan_rows import (
    job_row,
    job_words,
    most_iterations,
    rows_of,
    shown_jobs,
    time_offset,
    varying_words,
)
from tests.support.planning import idle, plan_jobs

SWEEP = {
    "label": "sweep",
    "iterations": 1000,
    "task": {"test": {"type": "rtt", "spec": {"_secret": 5}}},
    "task-transform": {"script": '.test.spec += {"count": ($iteration + 1), "dest": "h\\($iteration % 3)"}'},
}


def times_of(*jobs):
    """The times of the jobs of a batch."""
    return make_timeline(plan_jobs(*jobs)[1]).jobs


def test_a_row_says_all_of_an_iteration():
    """Labels in two parts, so that a long label does not cost the number."""
    (times,) = times_of({"label": "a", "iterations": 2, "task": {"test": {"type": "rtt", "spec": {"dest": "b"}}}})
    first, second = rows_of(times)

    assert (first.label, first.number, first.test, first.destination) == ("a", "/0", "rtt", "b")
    assert (first.posted, first.starts, first.lasts, first.known) == ("0:00", "0:08", "5 s", True)
    assert (second.posted, second.starts) == ("after /0", "0:21")


@pytest.mark.parametrize(
    ("kind", "spec", "lasts"), [("dns", {"timeout": "PT3S"}, "<= 3 s"), ("trace", {"dest": "a"}, "?")]
)
def test_what_is_not_sure_is_marked(kind, spec, lasts):
    """As is what may be done sooner."""
    (times,) = times_of({"task": {"test": {"type": kind, "spec": spec}}})

    assert [row.lasts for row in rows_of(times)] == [lasts]


def test_a_late_iteration_says_so():
    """The last of eight that a server cannot have in 15 seconds."""
    (times,) = times_of({"iterations": 8, "parallel": True})

    assert [row.starts for row in rows_of(times)][-2:] == ["0:15", "0:22 late"]


def test_a_source_is_named_without_secrets():
    """Of many iterations, it is counted how many there are."""
    script = '.test.spec += {"source": "h\\($iteration % 3)"}'
    (times,) = times_of({**SWEEP, "task-transform": {"script": script}})
    task = {"test": {"type": "x", "spec": {"source": "my-secret", "_key": "my-secret"}}}
    (hidden,) = times_of({"task": task})

    assert [row.source for row in rows_of(times)] == ["h0", "h1", "h2", "3 hosts", "h0"]
    assert [row.source for row in rows_of(hidden)] == ["(hidden)"]


SECRETS = {"_secret": "my-secret", "_number": 4711}
SPREAD = """
    .test.type = $global._secret | .test.spec.source = $global._secret | .test.spec.dest = $global._secret
    | .test.spec[$global._secret] = $iteration | .test.spec.count = $global._number + 2 * ($iteration % 2)
"""


@pytest.mark.parametrize("count", [2, 50])
def test_a_secret_that_a_transform_copies_is_shown_nowhere(count):
    """Neither in the row of an iteration, nor in one for many, nor in what varies."""
    job = {"iterations": count, "task": {"test": {"type": "x", "spec": {}}}, "task-transform": {"script": SPREAD}}
    (times,) = make_timeline(plan_jobs(job, **{"global": {"data": SECRETS}})[1]).jobs
    rows = rows_of(times)

    assert {(row.test, row.source, row.destination) for row in rows} == {("(hidden)",) * 3}
    assert varying_words(times) == f"varying: /test/spec/(hidden) 0 to {count - 1} and /test/spec/count (hidden)"


def test_forty_iterations_are_all_shown():
    """And not one more."""
    forty, more = times_of({"iterations": 40}, {"iterations": 41})

    assert (len(rows_of(forty)), len(rows_of(more))) == (40, 5)


def test_a_thousand_iterations_are_summarized():
    """The first few, the rest with the range of what varies, and the last."""
    (times,) = times_of(SWEEP)
    rows = rows_of(times)

    assert [f"{row.label}{row.number}" for row in rows] == [
        "sweep/0",
        "sweep/1",
        "sweep/2",
        "... 996 more ...",
        "sweep/999",
    ]
    assert (rows[3].test, rows[3].destination, rows[3].lasts) == ("rtt", "3 hosts", "4 s - 16 min 39 s")
    assert (rows[3].begin, rows[3].end) == (times.iterations[3].posted, times.iterations[998].ends)


def test_what_varies_is_listed_with_its_range():
    """Numbers with the smallest and the largest, and anything else with how many there are."""
    (times,) = times_of(SWEEP)

    assert varying_words(times) == "varying: /test/spec/count 1 to 1,000 and /test/spec/dest (3 different values)"


def test_secrets_that_vary_are_hidden():
    """ADR 18."""
    job = {"iterations": 50, "task-transform": {"script": ".test.spec._key = 7000 + $iteration"}}
    (times,) = times_of(job)

    assert varying_words(times) == "varying: /test/spec/_key (hidden)"


def test_secrets_in_other_places_are_hidden_too():
    """A script may have put one there."""
    script = ".test.spec._key = 7000 + $iteration | .test.spec.open = 7000 + $iteration"
    (times,) = times_of({"iterations": 50, "task-transform": {"script": script}})

    assert varying_words(times) == "varying: /test/spec/_key (hidden) and /test/spec/open (hidden)"


def test_many_places_that_vary_are_counted():
    """Four are named."""
    script = 'reduce range(9) as $n (.; .test.spec["x\\($n)"] = $iteration)'
    (times,) = times_of({"iterations": 50, "task-transform": {"script": script}})

    assert varying_words(times).endswith("/test/spec/x3 0 to 49 and 5 other places")


def test_tasks_that_do_not_vary_are_reported_as_the_same():
    """One task many times."""
    (times,) = times_of({"iterations": 50})

    assert varying_words(times) == "all tasks are the same"


def test_what_only_some_tasks_have_varies():
    """An empty place is a difference; true is not 1."""
    specs = [{"a": 1, "b": 1, "c": [1]}, {"b": True, "c": [1]}]
    (times,) = times_of({"task": [{"test": {"type": "rtt", "spec": {**spec, "dest": "x"}}} for spec in specs]})

    assert varying_words(times) == "varying: /test/spec/a (1 different value) and /test/spec/b (2 different values)"


def test_a_range_marks_unknown_durations():
    """Among known ones."""
    tests = [{"test": {"type": "trace" if n % 2 else "dns", "spec": {"dest": "a"}}} for n in range(60)]
    (times,) = times_of({"task": tests})
    row = rows_of(times)[3]

    assert (row.test, row.lasts, row.known) == ("2 types", "<= 5 s, ?", False)


def test_a_large_batch_is_shown_with_fewer_iterations_of_each_job():
    """Ten jobs of 30 iterations are 300 lines otherwise."""
    small, large = (make_timeline(plan_jobs(*[{"iterations": 30}] * count)[1]) for count in (6, 10))

    assert [len(rows_of(t.jobs[0], most_iterations(t))) for t in (small, large)] == [30, 5]


def test_a_thousand_jobs_are_summarized():
    """The first twenty and the last."""
    timeline = make_timeline(plan_jobs(*[{"label": f"j{n}"} for n in range(1000)])[1])
    shown, left_out = shown_jobs(timeline)

    assert ([times.job.number for times in shown], left_out) == ([*range(20), 999], 979)


def test_sixty_jobs_are_all_shown():
    """And none left out."""
    shown, left_out = shown_jobs(make_timeline(plan_jobs(*[{}] * 60)[1]))

    assert (len(shown), left_out) == (60, 0)


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({}, "1 iteration, at least 18 s"),
        ({"iterations": 2, "backoff": "PT5S"}, "2 iterations one after another, at least 36 s"),
        (
            {"iterations": 2, "parallel": True, "backoff": "PT20S"},
            "2 iterations in parallel, posted 20 s apart, start together at 0:55, at least 1 min 5 s",
        ),
        ({"iterations": 2, "parallel": True, "sync-start": False}, "2 iterations in parallel, at least 20 s"),
        ({"parallel": True}, "1 iteration, start at 0:15, at least 25 s"),
        ({"enabled": False}, "not enabled"),
        (
            {"task": {**idle("PT1S"), "schedule": {"slip": "PT1M"}}},
            "1 iteration, at least 9 s; may start up to 1 min later (slip)",
        ),
        ({"continue-if": {"script": "true"}}, "1 iteration, at least 18 s; then continue-if is evaluated"),
    ],
)
def test_a_job_is_described_in_one_line(job, words):
    """How many iterations in which way, and for how long."""
    (times,) = times_of(job)

    assert job_words(times) == words


def test_a_job_has_a_row_of_its_own():
    """From its begin to its end."""
    row = job_row(times_of({"label": "a", "iterations": 2})[0])

    assert (row.label, row.begin, row.start, row.end) == (
        "a",
        timedelta(0),
        timedelta(seconds=8),
        timedelta(seconds=36),
    )


@pytest.mark.parametrize(
    ("pairs", "destination"),
    [
        ({"dest": "a\x1b[31mb\u202e"}, "a\\u001b[31mb\\u202e"),
        ({"dest": "word.example.net", "_key": "word"}, "(hidden).example.net"),
    ],
)
def test_the_destination_is_fit_for_a_terminal(pairs, destination):
    """Whatever it is, and without secrets."""
    (times,) = times_of({"task": {"test": {"type": "rtt", "spec": pairs}}})
    (row,) = rows_of(times)

    assert row.destination == destination


def test_labels_and_tests_are_fit_for_a_terminal():
    """Escape codes and right-to-left marks are shown, not obeyed."""
    (times,) = times_of({"label": "a\x1b[2J", "task": {"test": {"type": "b\u202e", "spec": {}}}})
    (row,) = rows_of(times)

    assert (row.label, row.test) == ("a\\u001b[2J", "b\\u202e")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00"),
        (9.96, "0:10"),
        (59.94, "0:59.9"),
        (3599.99, "1:00:00"),
        (3600, "1:00:00"),
        (86399, "23:59:59"),
        (90061, "1d 01:01"),
    ],
)
def test_moments_are_counted_from_the_begin(seconds, shown):
    """In tenths where there are some."""

    assert time_offset(timedelta(seconds=seconds)) == shown
