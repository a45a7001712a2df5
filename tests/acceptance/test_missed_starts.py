"""Synchronized jobs that miss their start because the server is slow to accept tasks (ADR 10)."""

from __future__ import annotations

import re

import pytest

from pscheduler_batch import BatchProcessor
from tests.support.commands import job, run_batch

COUNT = 40
# Even eight at a time take 1.5 seconds, and the start is in 1.1 at the latest: it is in whole seconds.
POST_SECONDS = 0.3
SLOW = {"jobs": [job("slow", parallel=True, iterations=COUNT, setup_time="PT0.1S")]}

FORESEEN = re.compile(
    r'job "slow": not all tasks will be accepted before the synchronized start at \S+: [0-9]+ of 40 are still to '
    r"be submitted to 127\.0\.0\.1:[0-9]+, which takes [0-9.]+ s per task, [248] at a time(?: so far)?; "
    r"the last one will be about [0-9]+ s late"
)
STATED = re.compile(
    r'At /jobs/0/setup-time: ([0-9]+) of 40 tasks of "slow" were accepted after their start at \S+, '
    r'[0-9.]+ to ([0-9.]+) s late, slow/[0-9]+ last; "PT[0-9MS]+" would have been enough'
)


@pytest.fixture
def slow(pscheduler, there):
    """Options that send everything to a server that takes its time."""
    pscheduler.state.faults.delay("tasks", POST_SECONDS, method="POST")
    return there


def test_a_missed_start_is_foreseen_and_stated(slow):
    """With what the output says of each task, and all of them are run all the same."""
    ended = run_batch(*slow, batch=SLOW)
    foreseen, stated = ended.stderr.splitlines()
    late = [result["late"] for result in ended.results[0] if "late" in result]
    prefix = "pscheduler batch: warning: "

    assert ended.status == 0
    assert FORESEEN.fullmatch(foreseen[len(prefix) :])
    assert int(STATED.fullmatch(stated[len(prefix) :])[1]) == len(late) > 0
    assert [line[: len(prefix)] for line in (foreseen, stated)] == [prefix, prefix]


def test_nothing_is_said_of_it_where_only_errors_are_wanted(slow):
    """The output says it."""
    ended = run_batch(*slow, "--quiet", batch=SLOW)

    assert (ended.status, ended.stderr) == (0, "")
    assert any("late" in result for result in ended.results[0])


def test_a_program_is_told_by_its_debug_callback(slow):
    """It has no standard error to look at."""
    told = []

    BatchProcessor(SLOW, slow[1], None, slow[3])(debug=told.append)

    assert len([line for line in told if FORESEEN.fullmatch(line)]) == 1
    assert len([line for line in told if STATED.fullmatch(line)]) == 1
