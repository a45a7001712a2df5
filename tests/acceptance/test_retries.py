"""Iterations that are submitted again, with the real command and over crashes (ADR 71)."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest

from pscheduler_batch.embedded.faults.cores import Cores
from pscheduler_batch.scheduler.tasks import MARK
from tests.support import crashes
from tests.support.commands import job, run_batch, task
from tests.support.crashes import Try

COUNTED = {"script": ".test.spec.data = $iteration"}
PARALLEL = job("parallel", iterations=3, task=task(data=0), task_transform=COUNTED, parallel=True, sync_start=False)
NOW = ("--retry-delay", "0")


@pytest.fixture
def lose(pscheduler):
    """Let the runs of the first attempts at some iterations fail for want of time, as on an overloaded server."""

    def let(**attempts):
        marks = {}

        def is_lost(document):
            number = str(document["test"]["spec"]["data"])
            seen = marks.setdefault(number, [])
            if document["reference"][MARK] not in seen:
                seen.append(document["reference"][MARK])
            return seen.index(document["reference"][MARK]) < attempts.get(f"n{number}", 0)

        pscheduler.state.faults.share_runs(Cores(0.001), start=9.0, merge=0.0, limit=0.01, task=is_lost)

    return let


@pytest.fixture
def tasks(pscheduler):
    """Return the tasks that were created on the server since the test began."""
    before = set(pscheduler.state.tasks)
    return lambda: [found for name, found in pscheduler.state.tasks.items() if name not in before]


def attempts_of(result):
    """Return all attempts at an iteration."""
    return [*result.get("attempts", ()), result]


def test_what_an_overloaded_server_lost_is_measured_in_the_end(there, tasks, lose):
    """Every attempt is a task of its own, and is in the output; the summary tells how many there were."""
    lose(n0=1, n1=5)
    ended = run_batch(*there, *NOW, "--retries", "2", batch={"jobs": [PARALLEL]}, PSCHEDULER_BATCH_NO_SUMMARY="")

    assert ended.status == 3
    (results,) = ended.results
    assert [len(attempts_of(result)) for result in results] == [2, 3, 1]
    assert ["error" in result for result in results] == [False, True, False]
    marks = [attempt["task"]["reference"][MARK] for result in results for attempt in attempts_of(result)]
    assert sorted(marks) == sorted(found.document["reference"][MARK] for found in tasks())
    assert "note: 2 iterations were submitted again; 1 succeeded in the end" in ended.stderr


def test_selected_iterations_are_submitted_again(there, tasks, lose, tmp_path):
    """By their numbers in the whole job."""
    lose(n2=2)
    output = str(tmp_path / "output.json")
    run_batch(*there, "-o", output, batch={"jobs": [PARALLEL]})
    ended = run_batch(*there, *NOW, "--retries", "1", "--only-failed", output, batch={"jobs": [PARALLEL]})

    ((result,),) = ended.results
    assert ended.status == 0
    assert [attempt["iteration"] for attempt in attempts_of(result)] == [2, 2]
    assert len(tasks()) == 3 + 2


def test_without_the_option_nothing_is_submitted_again(there, tasks, lose):
    """As before."""
    lose(n0=1)
    ended = run_batch(*there, batch={"jobs": [PARALLEL]})

    assert ended.status == 3
    assert len(tasks()) == 3


def test_a_test_that_failed_is_submitted_again_only_on_any_failure(there, tasks):
    """It has measured just that."""
    failing = {"jobs": [job("failing", task=task(fail=1.0))]}
    ended = run_batch(*there, *NOW, "--retries", "1", batch=failing)
    assert (ended.status, len(tasks())) == (3, 1)

    ended = run_batch(*there, *NOW, "--retries", "1", "--retry-on", "any", batch=failing)
    assert (ended.status, len(tasks())) == (3, 3)


def test_a_plan_says_what_is_submitted_again():
    """How often, and when; it cannot know which."""
    ended = run_batch("--plan", "--retries", "2", "--retry-delay", "PT1M", batch={"jobs": [PARALLEL]})

    words = "Iterations that measure nothing are submitted again, up to 2 times, 1 min after the others of their job."
    assert ended.stdout.splitlines()[-1] == words


@pytest.mark.parametrize("kill_at", range(12, 30, 3))
def test_a_batch_that_is_killed_makes_each_attempt_once(pscheduler, tasks, lose, tmp_path, kill_at):
    """At writes of its journal: those of the first attempts, of the start of the next ones, and of these."""
    lose(n0=1, n1=5, n2=1)
    paths = str(tmp_path / "journal"), str(tmp_path / "output")
    attempt = Try({"jobs": [PARALLEL]}, pscheduler.netloc, *paths, retries=2)
    assert crashes.finish(replace(attempt, kill_at=kill_at)) == -signal.SIGKILL
    resumed = attempt.again()
    assert crashes.finish(resumed) == 0

    (results,) = [each["results"] for each in json.loads((tmp_path / "output").read_text())["jobs"]]
    assert [len(attempts_of(result)) for result in results] == [2, 3, 2]
    marks = [each["task"]["reference"][MARK] for result in results for each in attempts_of(result)]
    assert sorted(marks) == sorted(found.document["reference"][MARK] for found in tasks())
    assert all(len(each["runs"]) == 1 for result in results for each in attempts_of(result))


def test_a_journal_belongs_to_its_retries(there, tmp_path):
    """They decide which attempts there are."""
    journal = str(tmp_path / "journal")
    run_batch(*there, *NOW, "--retries", "1", "--journal", journal, batch={"jobs": [PARALLEL]})
    ended = run_batch(*there, *NOW, "--retries", "2", "--resume", journal, batch={"jobs": [PARALLEL]})

    assert ended.status == 1
    assert "of another batch or of other options, which differ in --retries (it was 1); resume it" in ended.stderr
