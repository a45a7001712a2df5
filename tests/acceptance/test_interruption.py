"""Batches that are ended before their time: what was obtained comes out, and no task is left behind."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import signal
from collections import Counter

import pytest

from pscheduler_batch import AsyncBatchProcessor
from pscheduler_batch.embedded.faults.actions import delaying, hanging
from pscheduler_batch.embedded.faults.rules import Rule
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.embedded.tests.idlebgm import IdlebgmTest
from pscheduler_batch.embedded.tests.noop import NoopTest
from pscheduler_batch.running.signals import TOGETHER
from tests.support.commands import TIME_LIMIT, job, run_batch, task, wait_for
from tests.support.interruption_points import CANCELED, HANG, HOUR, INTERRUPTION_POINTS, gate, is_done, left
from tests.support.running_command import Held, RunningCommand

AT_ONCE = 3.0  # seconds, of which a busy machine may need most
HASTE = ("--cancel-wait", "PT0S")


@pytest.fixture
def server():
    """A server of the test's own."""
    tests = {test.name: test for test in (IdleTest(), IdlebgmTest(), NoopTest())}
    with EmbeddedServer(tests=tests, pace=Pace(scheduling=0.02, setup=0.03, cleanup=0.01)) as server:
        yield server


@pytest.fixture
def there(server):
    """The options that send everything to that server."""
    return ("--assist", server.netloc, "--lead", server.netloc)


@pytest.mark.parametrize("name", INTERRUPTION_POINTS)
def test_a_task_that_is_not_done_is_canceled(server, there, name):
    """Whatever the batch was at, and the document says so."""
    point = INTERRUPTION_POINTS[name]
    wait = point.prepare(server)
    with RunningCommand(*there, batch={"jobs": [point.jobs, job()]}) as running:
        wait(running)
        running.signal(signal.SIGINT)
        ended = running.end()
    (result,) = ended.results[0]

    assert (ended.status, ended.stderr.splitlines()[-1]) == (130, "pscheduler batch: error: interrupted by SIGINT")
    assert result["error"] == f"interrupted by SIGINT {point.error}"
    assert (ended.results[1], ended.document["batch"]["error"]) == ([], "interrupted by SIGINT")
    assert (left(server), len(server.state.tasks)) == (0, point.tasks)
    assert running.seconds < AT_ONCE


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_each_signal_that_ends_programs_ends_a_batch_in_good_order(server, there, number, status):
    """What was obtained before is in the document."""
    with RunningCommand(*there, batch={"jobs": [job(), job("long", task=HOUR, iterations=3)]}) as running:
        running.until_said("long/0: scheduled as")
        running.signal(number)
        ended = running.end()
    errors = [result["error"] for result in ended.results[1]]

    assert ended.status == status
    assert ended.results[0][0]["runs"][0]["application/json"]["succeeded"] is True
    assert (
        errors
        == [f"interrupted by {number.name} {CANCELED}"] + [f"interrupted by {number.name} before it was submitted"] * 2
    )
    assert (left(server), len(server.state.tasks)) == (0, 2)
    assert running.seconds < AT_ONCE


def test_expectations_of_an_interrupted_batch_are_judged_by_what_was_obtained(server, there):
    """What was not obtained is no data; the exit status is that of the signal."""
    expect = ("--expect", "nap: idle-time > 0", "--expect", "long: max(idle-time) > 0")
    batch = {"jobs": [job("nap", task=task("idle", duration="PT0.1S")), job("long", task=HOUR)]}
    with RunningCommand(*there, *expect, batch=batch) as running:
        running.until_said("long/0: scheduled as")
        running.signal(signal.SIGINT)
        ended = running.end()
    judged = ended.document["batch"]["expectations"]

    assert ended.status == 130
    assert [each["met"] for each in judged] == [True, False]
    assert judged[1]["found"] == "no data in 1 run"


def test_an_interruption_while_results_are_fetched_keeps_those_that_are_there(server, there):
    """A task that is done is not canceled, as there is nothing to be canceled."""
    html = gate(server, re.compile("format=text%2Fhtml"), HANG)
    with RunningCommand(*there, batch={"jobs": [job()]}) as running:
        html.wait()
        running.until_said("finished")
        running.signal(signal.SIGINT)
        ended = running.end()
    (result,) = ended.results[0]

    assert ended.status == 130
    assert result["runs"][0]["application/json"]["succeeded"] is True
    assert result["error"] == "interrupted by SIGINT before it was done"
    assert "DELETE" not in [method for method, _ in server.state.requests]


def test_an_interruption_keeps_the_results_that_a_test_has_had(server, there):
    """One with several results gives each as soon as it is measured."""
    several = task("idlebgm", duration="PT1H", interval="PT0.1S")
    with RunningCommand(*there, batch={"jobs": [job("several", task=several)]}) as running:
        wait_for(lambda: [len(item.runs) > 3 for item in server.state.tasks.values()] == [True])
        running.signal(signal.SIGINT)
        ended = running.end()
    (result,) = ended.results[0]

    assert result["error"] == f"interrupted by SIGINT {CANCELED}"
    assert len(result["runs"]) >= 3
    assert all(run["application/json"]["succeeded"] for run in result["runs"])
    assert result["lead-run"]["state"] == "canceled"
    assert left(server) == 0


def test_an_interruption_while_the_next_task_is_submitted_loses_neither(server, there):
    """The results of a serial iteration are fetched then; of the next one, no task is left behind."""
    gate(server, re.compile("format=text%2Fhtml"), HANG)
    posting = gate(server, "tasks", delaying(0.5, done=True), method="POST", after=1)
    with RunningCommand(*there, batch={"jobs": [job(iterations=3), job()]}) as running:
        posting.wait()
        running.signal(signal.SIGINT)
        ended = running.end()
    first = ended.results[0][0]

    assert ended.status == 130
    assert first["runs"][0]["application/json"]["succeeded"] is True
    assert [result["error"] for result in ended.results[0]] == [
        "interrupted by SIGINT before it was done",
        f"interrupted by SIGINT {CANCELED}",
        "interrupted by SIGINT before it was submitted",
    ]
    assert (ended.results[1], left(server), len(server.state.tasks)) == ([], 0, 2)
    assert running.seconds < AT_ONCE


def test_a_script_without_an_end_is_ended(server, there):
    """With the results of the job that it was asked about."""
    endless = {"script": "last(repeat(1))"}
    jobs = [job(continue_if=endless), job()]
    with RunningCommand(*there, batch={"schema": 2, "jobs": jobs}) as running:
        running.until_said("noop/0: done")
        running.until_child()
        running.signal(signal.SIGTERM)
        ended = running.end()

    assert ended.status == 143
    assert ended.results[0][0]["runs"][0]["application/json"]["succeeded"] is True
    assert ended.results[1] == []
    assert running.seconds < AT_ONCE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_while_planning_a_signal_ends_the_process(tmp_path, number):
    """There is nothing to save, and jq does not let go of the interpreter."""
    output = tmp_path / "results.json"
    jobs = [job(task_transform={"script": "last(repeat(.))"})]
    with RunningCommand("-o", str(output), batch={"jobs": jobs}) as running:
        running.until_jq_is_loaded()
        running.signal(number)
        ended = running.end()

    assert (ended.status, ended.stdout, ended.stderr) == (-number, "", "")
    assert list(tmp_path.iterdir()) == []
    assert running.seconds < AT_ONCE


def test_iterations_that_wait_for_their_backoff_are_never_submitted(server, there):
    """The one that is done is in the document."""
    waiting = job(iterations=3, parallel=True, backoff="PT1H", sync_start=False)
    with RunningCommand(*there, batch={"jobs": [waiting]}) as running:
        running.until_said("noop/0: done")
        running.signal(signal.SIGINT)
        ended = running.end()
    first, *others = ended.results[0]

    assert first["runs"][0]["application/json"]["succeeded"] is True
    assert {other["error"] for other in others} == {"interrupted by SIGINT before it was submitted"}
    assert (left(server), len(server.state.tasks)) == (0, 1)
    assert running.seconds < AT_ONCE


def test_what_waits_for_another_attempt_is_not_posted_any_more(server, there):
    """And the command does not wait."""
    server.state.faults.refuse("tests/*/participants", 200, json.dumps({"participants": ["127.0.0.1:1"]}))
    with RunningCommand(*there, batch={"jobs": [job()]}) as running:
        running.until_said("posting the task", "retrying")
        running.signal(signal.SIGINT)
        ended = running.end()

    assert ended.results[0][0]["error"] == "interrupted by SIGINT before it was done; its task was never posted"
    assert running.seconds < AT_ONCE


@pytest.mark.parametrize("said", ["posting the task to", "scheduled as"])
def test_twenty_at_once_leave_nothing_behind(server, there, said):
    """Those whose turn to be posted has not come are not posted any more."""
    server.state.pace = Pace(scheduling=0.02, setup=0.03, posting=0.4 if "posting" in said else 0.0)
    parallel = job(task=HOUR, iterations=20, parallel=True, sync_start=False)
    with RunningCommand(*there, batch={"jobs": [parallel]}) as running:
        running.until_said(said, times=20)
        running.signal(signal.SIGINT)
        ended = running.end()
    fates = {result["error"].rpartition("; ")[2] for result in ended.results[0]}

    assert ended.status == 130
    assert fates <= {"its task was canceled", "its task was never posted"}
    assert left(server) == 0
    assert len(server.state.tasks) <= (8 if "posting" in said else 20)
    assert running.seconds < AT_ONCE


def test_what_waits_for_a_connection_is_not_posted_any_more(server, there):
    """Where few files may be open, those whose turn it is with their host may still have to wait for one."""
    server.state.pace = Pace(scheduling=0.02, setup=0.03, posting=0.4)
    few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))  # noqa: E731
    parallel = job(task=HOUR, iterations=8, parallel=True, sync_start=False)
    with RunningCommand(*there, batch={"jobs": [parallel]}, preexec_fn=few) as running:
        running.until_said("posting the task to", times=8)
        running.signal(signal.SIGINT)
        ended = running.end()
    fates = Counter(result["error"].rpartition("; ")[2] for result in ended.results[0])

    assert fates == {"its task was canceled": 1, "its task was never posted": 7}
    assert (left(server), len(server.state.tasks)) == (0, 1)
    assert running.seconds < AT_ONCE


def test_tasks_are_canceled_though_the_server_takes_its_time_for_those_being_posted(server, there):
    """It may have a POST for longer than people wait; what has not had its turn is not posted any more."""
    posting = gate(server, "tasks", HANG, method="POST", after=3)
    parallel = job(task=HOUR, iterations=20, parallel=True, sync_start=False)
    with RunningCommand(*there, *HASTE, batch={"jobs": [parallel]}) as running:
        running.until_said("posted as", times=3)
        posting.wait()
        running.signal(signal.SIGINT)
        ended = running.end()
    fates = Counter(result["error"].rpartition("; ")[2] for result in ended.results[0])

    # How many are posted at once depends on how fast the first ones were.
    looked_for = fates["search for it by its mark"]
    assert 2 <= looked_for <= 8
    assert fates == {
        "its task was canceled": 3,
        "search for it by its mark": looked_for,
        "its task was never posted": 17 - looked_for,
    }
    assert (left(server), len(server.state.tasks)) == (0, 3)


def test_at_the_end_the_document_is_written(there):
    """All of it, although nothing reads it when the signal comes."""
    big = job(task={**task(), "reference": {"mine": "x" * 300_000}})
    with RunningCommand(*there, batch={"jobs": [big]}) as running:
        running.until_said("noop/0: done")
        running.signal(signal.SIGTERM)
        ended = running.end()

    assert ended.status == 143
    assert ended.results[0][0]["runs"][0]["application/json"]["succeeded"] is True
    assert ended.results[0][0]["task"]["reference"]["mine"] == "x" * 300_000


# As many as are submitted to a host at once before it has answered.
TWO = job("slow", task=HOUR, iterations=2, parallel=True, sync_start=False)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_submissions_under_way_are_waited_for(server, there, number, status):
    """Only their answers say what to cancel; what is waited for is shown meanwhile, and how to leave at once."""
    held = Held()
    posting = gate(server, "tasks", held, method="POST", after=1)
    server.state.faults.add(Rule("tasks", held, method="POST"))
    with RunningCommand(*there, batch={"jobs": [TWO]}) as running:
        posting.wait()
        running.signal(number)
        running.until_said(f"interrupted by {number.name}; press Control-C again, or send SIGTERM, to stop at once")
        running.until_said("waiting up to", "for answers to 2 submissions, to cancel their tasks: slow/0, slow/1 on")
        # A terminal that is closed often sends two.
        running.signal(signal.SIGHUP)
        held.release()
        ended = running.end()

    assert (ended.status, left(server), len(server.state.tasks)) == (status, 0, 2)
    assert {result["error"] for result in ended.results[0]} == {f"interrupted by {number.name} {CANCELED}"}
    assert ended.stderr.endswith(
        f"pscheduler batch: canceled 2 tasks\npscheduler batch: error: interrupted by {number.name}\n"
    )


def test_who_does_not_want_to_wait_learns_which_tasks_may_go_on(server, there):
    """With --cancel-wait PT0S there are only some seconds to look for them."""
    posting = gate(server, "tasks", HANG, method="POST", after=1)
    server.state.faults.add(Rule("tasks", HANG, method="POST"))
    with RunningCommand(*there, *HASTE, batch={"jobs": [TWO]}) as running:
        posting.wait()
        running.signal(signal.SIGINT)
        ended = running.end()
    errors = [line for line in ended.stderr.splitlines() if ": error: slow/" in line]

    assert ended.status == 130
    assert sorted(line.split(": ")[2] for line in errors) == [f"slow/{number}" for number in range(2)]
    assert all(f"may still run on {server.netloc}: its submission was not answered" in line for line in errors)
    assert all(f"curl -k 'https://{server.netloc}/pscheduler/tasks?json=" in line for line in errors)
    assert running.seconds < TIME_LIMIT / 2


def test_a_submission_that_is_not_answered_is_looked_for(server, there):
    """The server has made a task of it, which its mark finds."""
    posting = gate(server, "tasks", hanging(done=True, sent="nothing"), method="POST")
    with RunningCommand(*there, *HASTE, batch={"jobs": [job(task=HOUR)]}) as running:
        posting.wait()
        running.signal(signal.SIGINT)
        ended = running.end()

    assert ended.results[0][0]["error"] == f"interrupted by SIGINT {CANCELED}"
    assert (left(server), len(server.state.tasks)) == (0, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_waiting_and_loses_nothing(server, there, tmp_path, number):
    """What may go on is listed, everything obtained is in the output, and the status is that of the first signal."""
    posting = gate(server, "tasks", HANG, method="POST", after=2)
    gate(server, "tasks/*", HANG, method="DELETE")
    output = tmp_path / "output.json"
    batch = {"jobs": [job(), job("slow", task=HOUR, iterations=2, parallel=True, sync_start=False)]}
    with RunningCommand(*there, "-o", str(output), batch=batch) as running:
        running.until_said("slow", "scheduled as")
        posting.wait()
        running.signal(signal.SIGINT)
        running.until_said("waiting up to")
        running.signal(number)
        ended = running.end()
    done, slow = [job["results"] for job in json.loads(output.read_text())["jobs"]]
    (number,) = [number for number, item in server.state.tasks.items() if not is_done(item)]
    errors = "\n".join(line for line in ended.stderr.splitlines() if ": error: slow/" in line)

    assert ended.status == 130
    assert done[0]["runs"][0]["application/json"]["succeeded"] is True
    assert all("; its task may still run on " in result["error"] for result in slow)
    assert errors.count("may still run") == 2
    assert f"cancel it with: pscheduler cancel https://{server.netloc}/pscheduler/tasks/{number}" in errors
    assert running.seconds < TIME_LIMIT / 4


def test_a_third_signal_ends_the_process(server, there):
    """Whatever it is doing: here it writes what is not read."""
    big = job(task={**task(), "reference": {"mine": "x" * 300_000}})
    canceling = gate(server, "tasks/*", HANG, method="DELETE")
    with RunningCommand(*there, batch={"jobs": [big, job(task=HOUR)]}) as running:
        running.until_said("scheduled as", times=2)
        for _ in range(2):
            running.signal(signal.SIGINT)
            canceling.wait()
            running.pause(TOGETHER)
        running.until_said("may still run")
        running.signal(signal.SIGTERM)
        ended = running.end()

    assert ended.status == -signal.SIGTERM


def test_a_server_that_hangs_holds_nobody_up(server, there):
    """The document says that the task may go on."""
    gate(server, "tasks/*", HANG, method="DELETE")
    with RunningCommand(*there, *HASTE, batch={"jobs": [job(), job(task=HOUR)]}) as running:
        running.until_said("scheduled as", times=2)
        running.signal(signal.SIGINT)
        ended = running.end()

    assert ended.status == 130
    assert ended.results[1][0]["error"].startswith(
        f"interrupted by SIGINT before it was done; its task may still run on {server.netloc}: "
        "its cancellation was not answered; cancel it with: pscheduler cancel https://"
    )


def test_the_output_has_the_state_after_the_cancellation(server, there):
    """Not the last one before it."""
    with RunningCommand(*there, batch={"jobs": [job(task=HOUR)]}) as running:
        running.until_said("scheduled as")
        running.signal(signal.SIGINT)
        ended = running.end()
    (run,) = ended.results[0][0]["runs"]

    assert (run["run"]["state"], run["application/json"]["state"]) == ("canceled", "canceled")


def test_tasks_may_be_left_running(server, there):
    """With --no-cancel, which does not wait for the server."""
    with RunningCommand(*there, "--no-cancel", batch={"jobs": [job(task=HOUR)]}) as running:
        running.until_said("scheduled as")
        running.signal(signal.SIGINT)
        ended = running.end()

    assert f"; its task may still run on {server.netloc}; cancel it with: " in ended.results[0][0]["error"]
    assert left(server) == 1
    assert "DELETE" not in [method for method, _ in server.state.requests]


def test_a_signal_that_is_ignored_stays_so(there):
    """As SIGHUP is under nohup."""
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    with RunningCommand(
        *there, batch={"jobs": [job(task=task("idle", duration="PT0.5S"))]}, preexec_fn=ignore
    ) as running:
        running.until_said("scheduled as")
        running.signal(signal.SIGHUP)
        ended = running.end()

    assert ended.status == 0


def test_a_closed_standard_output_is_no_traceback(server, there):
    """Tasks are canceled all the same."""
    with RunningCommand(*there, batch={"jobs": [job(task=HOUR)]}) as running:
        running.until_said("scheduled as")
        running.close_stdout()
        running.signal(signal.SIGINT)
        ended = running.end()

    assert ended.status == 1
    assert ended.stderr.startswith(
        "pscheduler batch: error: cannot write the results to the standard output: Broken pipe"
    )
    assert "Traceback" not in ended.stderr
    assert left(server) == 0


@pytest.mark.parametrize("name", ["posting", "waiting for the start", "waiting for the result"])
@pytest.mark.parametrize("extra", [(), ("--no-cancel",)])
def test_a_journal_goes_on_where_it_was_interrupted(server, there, tmp_path, name, extra):
    """Everything is completed, and each iteration has one task that was not canceled."""
    journal = str(tmp_path / "journal")
    batch = {"jobs": [job(), job("idle", task=task("idle", duration="PT0.4S"), iterations=2), job()]}
    point = INTERRUPTION_POINTS[name]
    with RunningCommand(*there, *extra, "--journal", journal, batch=batch) as running:
        running.until_said("noop/0: done")
        wait = point.prepare(server)
        wait(running) if "start" not in name else running.until_said("idle/0: scheduled as")
        running.signal(signal.SIGTERM)
        interrupted = running.end()
    server.state.faults.clear()
    ended = run_batch(*there, "--resume", journal, batch=batch)

    assert (interrupted.status, ended.status) == (143, 0)
    assert [len(results) for results in ended.results] == [1, 2, 1]
    assert len(server.state.enabled_tasks()) == 4
    assert ended.document["batch"]["start"] == interrupted.document["batch"]["start"]


def test_who_goes_on_and_is_interrupted_cancels_what_was_left(server, there, tmp_path):
    """A task of which it is not known yet whether it was canceled before is known all the same."""
    journal, batch = str(tmp_path / "journal"), {"jobs": [job(task=HOUR)]}
    canceling = gate(server, "tasks/*", HANG, method="DELETE")
    with RunningCommand(*there, "--journal", journal, batch=batch) as running:
        running.until_said("scheduled as")
        running.signal(signal.SIGINT)
        canceling.wait()
        running.pause(TOGETHER)
        running.signal(signal.SIGINT)
        running.end()
    server.state.faults.clear()
    looking = gate(server, "tasks/*", HANG, method="GET")
    with RunningCommand(*there, "--resume", journal, batch=batch) as running:
        looking.wait()
        running.signal(signal.SIGINT)
        ended = running.end()

    assert ended.results[0][0]["error"] == f"interrupted by SIGINT {CANCELED}"
    assert (left(server), len(server.state.tasks)) == (0, 1)


def test_a_submission_that_nobody_waited_for_is_found_by_who_goes_on(server, there, tmp_path):
    """Its task is kept then, and no other one is submitted."""
    journal, batch = str(tmp_path / "journal"), {"jobs": [job(task=task("idle", duration="PT0.4S"))]}
    posting = gate(server, "tasks", delaying(3, done=True), method="POST")
    with RunningCommand(*there, "--journal", journal, batch=batch) as running:
        posting.wait()
        running.signal(signal.SIGINT)
        running.until_said("waiting up to")
        running.signal(signal.SIGINT)
        interrupted = running.end()
    server.state.faults.clear()
    ended = run_batch(*there, "--resume", journal, batch=batch)

    assert interrupted.results[0][0]["error"].endswith("its submission was not answered; search for it by its mark")
    assert (ended.status, len(server.state.tasks)) == (0, 1)


def test_asyncio_has_nothing_to_complain_of(server, there):
    """Not even where everything it could complain of is an error."""
    parallel = job(task=HOUR, iterations=5, parallel=True, sync_start=False, backoff="PT0.05S")
    python = ("-X", "dev", "-W", "error")
    with RunningCommand(*there, batch={"jobs": [parallel]}, python=python) as running:
        running.until_said("scheduled as", times=2)
        running.signal(signal.SIGINT)
        ended = running.end()

    # In this mode asyncio also tells what took longer than usual, which a busy machine brings about.
    said = [line for line in ended.stderr.splitlines() if not line.startswith("Executing <")]

    assert (ended.status, said[-1]) == (130, "pscheduler batch: error: interrupted by SIGINT")
    assert all(line.startswith("pscheduler batch: ") for line in said)


def test_a_program_can_cancel_a_batch(server):
    """As any coroutine; the tasks are canceled first."""
    parallel = job(task=HOUR, iterations=20, parallel=True, sync_start=False)
    processor = AsyncBatchProcessor({"jobs": [parallel]}, assist=server.netloc, lead=server.netloc)
    left_behind = []

    async def run():
        scheduled = asyncio.Semaphore(0)
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: left_behind.append(context))
        tell = lambda line: scheduled.release() if "scheduled as" in line else None  # noqa: E731
        running = asyncio.ensure_future(processor(debug=tell))
        for _ in range(20):
            await scheduled.acquire()
        running.cancel()
        await asyncio.wait([running])
        return running

    assert asyncio.run(run()).cancelled()
    assert (left(server), len(server.state.tasks), left_behind) == (0, 20, [])
