"""When a run can be over, from its task and from the runs before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pscheduler_batch.model import Run
from pscheduler_batch.scheduler.first_run import LONGEST, SOONEST, Posted, RunEstimates
from tests.support.clock import NOON

NO_TIME = timedelta(0)
HREF = "https://ps.example.net/pscheduler/tasks/5f1c"


def seconds(number):
    """Write so many seconds."""
    return timedelta(seconds=number)


def posted(kind="idle", *, at=NOON, start=None, href=HREF, **spec):
    """Make a task that was posted at noon."""
    return Posted(href, {"test": {"type": kind, "spec": spec}, "schedule": {}}, at, start)


def ran(begin, end, state="finished", *, merged=True):
    """Make a run from so many to so many seconds after noon."""
    result = {"succeeded": state == "finished"} if merged else None
    return Run(f"{HREF}/runs/0a", state, NOON + seconds(begin), NOON + seconds(end), "", result, {})


def left(foresight, task, *, offset=NO_TIME):
    """Return for how many seconds from noon no result is to be expected."""
    found = foresight.left(task, NOON, offset)
    return None if found is None else found.total_seconds()


@pytest.mark.parametrize(
    ("kind", "spec", "length"),
    [
        ("idle", {"duration": "PT5S"}, 5),
        ("idleex", {"duration": "PT5S"}, 5),
        ("rtt", {}, 4),
        ("rtt", {"count": 1}, 0),
        ("rtt", {"count": 0}, 0),
        ("rtt", {"count": 10, "interval": "PT0.2S"}, 1.8),
        ("rtt", {"count": 10, "deadline": "PT3S"}, 2),
        ("noop", {"data": 1}, 0),
        ("dns", {"timeout": "PT30S"}, 0),
        ("idle", {"duration": "PT1M"}, 60),
    ],
)
def test_a_test_of_one_host_is_over_with_its_length(kind, spec, length):
    """At the earliest: one that waits for an answer may have it at once, and there is no wait after the last packet."""

    assert left(RunEstimates(), posted(kind, **spec)) == length


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("trace", {"dest": "a"}),
        ("idle", {"duration": "PT61S"}),
        ("idle", {"duration": 5}),
        ("rtt", {"count": 62}),
        ("throughput", {"duration": "PT3S"}),
        ("latency", {"packet-count": 10}),
        ("idlebgm", {"duration": "PT20S"}),
        ("latencybg", {"duration": "PT20S"}),
        ("no-such-test", {}),
    ],
)
def test_nothing_is_foreseen_of_other_tests(kind, spec):
    """What is long, has several results, or ends when a tool says so is looked for as soon as it can be there."""

    assert left(RunEstimates(), posted(kind, **spec)) is None


def test_a_synchronized_start_counts_instead_of_the_post():
    """By the clock of the server."""
    task = posted(duration="PT5S", start=NOON + seconds(30))

    assert left(RunEstimates(), task) == 35
    assert left(RunEstimates(), task, offset=seconds(7200)) == 35 - 7200
    assert left(RunEstimates(), task, offset=seconds(-10)) == 45


def test_nothing_is_foreseen_of_a_task_of_which_nobody_knows_when_it_was_posted():
    """It may be long over."""

    assert left(RunEstimates(), posted(duration="PT5S", at=None)) is None


@pytest.mark.parametrize("kind", ["throughput", "trace"])
def test_what_a_run_took_is_foreseen_of_the_next_one(kind):
    """The tool needs the same again; no result was there before."""
    foresight = RunEstimates()
    task = posted(kind, dest="a")
    foresight.learn(task, ran(10, 32), NO_TIME)

    assert left(foresight, replace(task, start=NOON)) == 22


def test_what_a_tool_needs_is_added_to_another_length():
    """A sweep over durations is foreseen from its first run."""
    foresight = RunEstimates()
    foresight.learn(posted("throughput", duration="PT10S"), ran(0, 19), NO_TIME)

    assert left(foresight, posted("throughput", duration="PT20S", start=NOON)) == 29


def test_an_unknown_test_is_foreseen_for_the_same_specification_only():
    """Who knows what another one takes."""
    foresight = RunEstimates()
    foresight.learn(posted("trace", dest="a"), ran(0, 9), NO_TIME)

    assert left(foresight, posted("trace", dest="b", start=NOON)) is None


def test_the_quickest_run_counts():
    """One slow run does not make others wait longer."""
    foresight = RunEstimates()
    for end in (30, 12, 20):
        foresight.learn(posted("throughput"), ran(0, end), NO_TIME)

    assert left(foresight, posted("throughput", start=NOON)) == 12


def test_a_test_that_may_be_done_at_once_is_never_expected_later():
    """The next name may be answered at once though the last one took long."""
    foresight = RunEstimates()
    foresight.learn(posted("dns"), ran(0, 5), NO_TIME)

    assert left(foresight, posted("dns", start=NOON)) == 0


@pytest.mark.parametrize(("begin", "delay"), [(0.3, 0.3), (15, 4), (3600, 4), (-5, 0)])
def test_the_time_until_a_run_begins_is_learned(begin, delay):
    """But no more of it than every server takes, as the next one may begin sooner."""
    foresight = RunEstimates()
    foresight.learn(posted(duration="PT5S"), ran(begin, begin + 5, "pending", merged=False), NO_TIME)

    assert left(foresight, posted(duration="PT5S")) == delay + 5
    assert seconds(delay) <= SOONEST


def test_the_time_until_a_run_begins_is_reckoned_by_one_clock():
    """A server that is an hour ahead does not begin an hour later."""
    foresight = RunEstimates()
    foresight.learn(posted(duration="PT5S"), ran(3602, 3607), seconds(3600))

    assert left(foresight, posted(duration="PT5S")) == 7


def test_a_synchronized_start_says_nothing_about_others():
    """It was the client's wish."""
    foresight = RunEstimates()
    foresight.learn(posted(duration="PT5S", start=NOON + seconds(60)), ran(60, 65), NO_TIME)

    assert left(foresight, posted(duration="PT5S")) == 5


def test_each_host_is_learned_by_itself():
    """One may be much slower than the other."""
    foresight = RunEstimates()
    foresight.learn(posted("throughput"), ran(3, 22), NO_TIME)

    assert left(foresight, posted("throughput", href="https://other.example.net/pscheduler/tasks/1")) is None


@pytest.mark.parametrize("state", ["nonstart", "missed", "canceled", "finished"])
def test_after_a_run_without_a_result_runs_are_looked_for_early(state):
    """The end of runs that limits forbid is not waited for; the next one with a result changes that."""
    foresight = RunEstimates()
    task = posted(duration="PT5S")
    foresight.learn(task, ran(0, 5, state, merged=False), NO_TIME)
    before = left(foresight, task)
    foresight.learn(task, ran(0, 5), NO_TIME)

    assert (before, left(foresight, task)) == (None, 5)


def test_a_failed_run_says_nothing_about_how_long_one_takes():
    """It may have ended at once."""
    foresight = RunEstimates()
    foresight.learn(posted("throughput"), ran(0, 1, "failed"), NO_TIME)

    assert left(foresight, posted("throughput", start=NOON)) is None


def test_a_run_that_took_long_is_not_foreseen():
    """The limit is for what was learned too."""
    foresight = RunEstimates()
    foresight.learn(posted("trace"), ran(0, LONGEST.total_seconds() + 1), NO_TIME)

    assert left(foresight, posted("trace", start=NOON)) is None


@pytest.mark.parametrize("year", [1, 9999])
def test_a_clock_at_the_end_of_the_calendar_does_no_harm(year):
    """Whatever a server says that the time is."""
    time = NOON.replace(year=year)
    offset = time - NOON
    foresight = RunEstimates()
    for run in (replace(ran(0, 5), start_time=time), replace(ran(0, 5), end_time=time), ran(0, 5)):
        foresight.learn(posted(duration="PT5S"), run, offset)
        foresight.learn(posted(duration="PT5S"), run, -offset)

    assert left(foresight, posted(duration="PT5S", start=NOON), offset=offset) == -offset.total_seconds()


def test_a_run_without_times_teaches_nothing():
    """Servers may leave them out."""
    foresight = RunEstimates()
    foresight.learn(posted(duration="PT5S"), replace(ran(0, 5), start_time=None), NO_TIME)
    foresight.learn(posted("trace"), replace(ran(0, 5), end_time=None), NO_TIME)

    assert left(foresight, posted(duration="PT5S")) == 5
    assert left(foresight, posted("trace", start=NOON)) is None
