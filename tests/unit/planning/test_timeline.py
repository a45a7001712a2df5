"""Tests of when what happens in a batch (ADR 9 and 10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.planning.timeline import IDLE_SERVER, ServerDelays, make_timeline, setup_problems
from pscheduler_batch.scheduler.tasks import lead_named
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.planning import from_host, idle, plan_jobs

# Of an idle server: 2 seconds for the post, 6 until the run starts.
READY = 8


def laid_out(*jobs):
    """The time line of a batch of some jobs."""
    return make_timeline(plan_jobs(*jobs)[1])


def starts(times):
    """When the iterations of a job start, in seconds."""
    return [iteration.starts.total_seconds() for iteration in times.iterations]


def posts(times):
    """When the tasks of a job are posted, in seconds."""
    return [iteration.posted.total_seconds() for iteration in times.iterations]


def test_serial_iterations_follow_each_other():
    """Each is posted when the one before has ended, and starts when the server is ready."""
    (job,) = laid_out({"iterations": 3}).jobs

    assert (posts(job), starts(job)) == ([0, 18, 36], [READY, READY + 18, READY + 36])


def test_serial_iterations_ignore_backoff_and_setup_time():
    """ADR 9."""
    (job,) = laid_out({"iterations": 2, "backoff": "PT1H", "setup-time": "PT1H"}).jobs

    assert (starts(job), job.start) == ([READY, READY + 18], None)


def test_parallel_iterations_start_when_the_batch_synchronizes_them():
    """Iterations x backoff + setup-time after the job begins (ADR 10), though posted one after another (22)."""
    (job,) = laid_out({"iterations": 3, "parallel": True, "backoff": "PT20S"}).jobs

    assert (posts(job), starts(job), job.start) == ([0, 20, 40], [75, 75, 75], timedelta(seconds=75))


def test_without_a_synchronized_start_the_backoff_spaces_the_starts():
    """As "sync-start": false promises (ADR 10)."""
    (job,) = laid_out({"iterations": 3, "parallel": True, "backoff": "PT20S", "sync-start": False}).jobs

    assert starts(job) == [READY, READY + 20, READY + 40]


def test_a_server_takes_one_task_after_the_other():
    """Tasks that are posted at once are accepted 2 seconds apart."""
    (job,) = laid_out({"iterations": 3, "parallel": True, "sync-start": False}).jobs

    assert starts(job) == [READY, READY + 2, READY + 4]


def test_tasks_for_different_hosts_do_not_wait_for_each_other():
    """Each host is a server of its own."""
    tasks = [from_host(host) for host in ("a.example.net", "b.example.net", "a.example.net")]
    (job,) = laid_out({"task": tasks, "parallel": True, "sync-start": False}).jobs

    assert starts(job) == [READY, READY, READY + 2]


def test_a_task_that_comes_too_late_starts_as_soon_as_it_can():
    """Eight tasks at once take a server 16 seconds, and 15 are given by default."""
    (job,) = laid_out({"iterations": 8, "parallel": True}).jobs

    assert [(i.starts.total_seconds(), i.late) for i in job.iterations][-2:] == [(15, False), (22, True)]


def test_jobs_follow_each_other():
    """The second begins when the last run of the first has ended; disabled ones take no time."""
    jobs = laid_out({"iterations": 2}, {"enabled": False}, {"iterations": 1, "parallel": True}).jobs

    assert [(job.begins.total_seconds(), job.ends.total_seconds()) for job in jobs] == [(0, 36), (36, 36), (36, 61)]


def test_the_synchronized_start_counts_from_the_begin_of_the_job():
    """Not from the begin of the batch."""
    jobs = laid_out({}, {"parallel": True}).jobs

    assert jobs[1].start == timedelta(seconds=18 + 15)


def test_the_total_counts_what_is_known():
    """A test of unknown length counts with what goes before it, and is counted."""
    trace = {"test": {"type": "trace", "spec": {"dest": "a"}}}
    timeline = laid_out({"task": trace}, {"iterations": 2})

    assert (timeline.total, timeline.count, timeline.unknown) == (timedelta(seconds=READY + 36), 3, 1)


def test_a_test_that_may_be_done_sooner_counts_nothing():
    """A name server that answers at once is the earliest that can be expected."""
    dns = {"test": {"type": "dns", "spec": {"query": "a", "record": "a"}}}
    timeline = laid_out({"task": dns})

    assert (timeline.total, timeline.unknown) == (timedelta(seconds=READY), 0)


def test_a_longer_job_decides_when_iterations_differ():
    """The job ends with its last run, not with its last iteration."""
    timeline = laid_out({"task": [idle("PT1H"), idle("PT1S")], "parallel": True})

    assert timeline.total == timedelta(seconds=15, hours=1)


def test_the_slip_is_told():
    """It says how much later an iteration may start, and moves nothing."""
    (job,) = laid_out({"task": {**idle("PT1S"), "schedule": {"slip": "PT5M"}}}).jobs

    assert [(i.slip, i.starts) for i in job.iterations] == [(timedelta(minutes=5), timedelta(seconds=READY))]


def test_other_delays_can_be_given():
    """Such as none at all."""
    nothing = ServerDelays(timedelta(0), timedelta(0), timedelta(0))

    assert make_timeline(plan_jobs({"iterations": 2})[1], nothing).total == timedelta(seconds=20)


@pytest.mark.parametrize("parallel", [True, False])
def test_a_time_line_longer_than_can_be_reckoned_with_ends_there(parallel):
    """A million tests of ten years each must not cost a traceback."""
    slow = ServerDelays(timedelta(days=900_000_000), timedelta(0), timedelta(0))
    timeline = make_timeline(plan_jobs({"iterations": 3, "parallel": parallel})[1], slow)

    assert timeline.total == timedelta.max


def test_nothing_to_do_takes_no_time():
    """A batch without jobs."""
    timeline = make_timeline(plan_jobs()[1])

    assert (timeline.total, timeline.count, timeline.jobs) == (timedelta(0), 0, ())


@pytest.mark.parametrize(
    ("spec", "lead"),
    [
        ({"source": "a", "dest": "b"}, "a"),
        ({"source": "a", "source-node": "n", "dest": "b"}, "n"),
        ({"host": "h"}, "h"),
        ({"host": "h", "host-node": "n"}, "n"),
        ({"dest": "b"}, None),
        ({"host": 5}, None),
        (None, None),
    ],
)
def test_a_task_names_who_runs_it(spec, lead):
    """The source, or the host (recordings b10 to b24)."""

    assert lead_named({"test": {"type": "x", "spec": spec}}) == lead


def messages(*jobs):
    """The warnings about setup times, as texts."""
    return [str(problem) for problem in setup_problems(*plan_jobs(*jobs))]


@pytest.mark.parametrize(
    "job",
    [
        {"iterations": 7, "parallel": True},
        {"iterations": 8, "parallel": True, "setup-time": "PT16S"},
        {"iterations": 1000, "parallel": True, "backoff": "PT2S"},
        {"iterations": 1000, "parallel": True, "sync-start": False},
        {"iterations": 1000},
        {"iterations": 1000, "parallel": True, "enabled": False},
        {"task": [from_host(f"h{n % 2}.example.net") for n in range(14)], "parallel": True},
    ],
)
def test_a_setup_time_that_is_long_enough_is_not_warned_of(job):
    """Nor is one that does nothing."""

    assert not messages(job)


def test_a_setup_time_that_is_too_short_is_warned_of():
    """The message says how many tasks will be late, and what to write."""
    (message,) = messages({}, {"iterations": 8, "parallel": True})

    assert message == (
        "At /jobs/1/setup-time: not all tasks will be accepted before the synchronized start: a server needs "
        "2 s or more to accept a task, so the last of these 8 is accepted after 16 s "
        "at the earliest, and they start after 15 s; expect 1 of them to start late, or set a longer "
        'setup-time, such as "PT35S"'
    )


@pytest.mark.parametrize("iterations", [8, 40, 1000])
@pytest.mark.parametrize("backoff", ["PT0.3S", "PT1S"])
def test_the_setup_time_that_is_proposed_is_enough(iterations, backoff):
    """Who does what the warning says is not warned again."""
    job = {"iterations": iterations, "parallel": True, "backoff": backoff, "setup-time": "PT1S"}
    (message,) = messages(job)
    proposed = message.rsplit('"', 2)[1]

    assert not messages({**job, "setup-time": proposed})


def test_the_place_in_the_file_is_told():
    """At the setup-time, or at the job where it has none."""
    text = '{"jobs": [\n {"iterations": 30, "parallel": true,\n  "setup-time": "PT9S", "task":\n   '
    batch = load_batch(text + '{"test": {"type": "noop", "spec": {}}}}]}')
    (problem,) = setup_problems(batch, plan_batch(batch, Transforms(batch)))

    assert (problem.where, problem.line, problem.column) == ("/jobs/0/setup-time", 3, 17)


def test_the_delays_are_what_servers_were_seen_to_need():
    """Two seconds for a post, one until there is a run, five until it starts (recordings c, d, e)."""

    assert IDLE_SERVER.ready == timedelta(seconds=READY)
