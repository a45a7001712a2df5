"""The ends of tasks whose iterations were cut short, in virtual time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, List, Optional

import pytest

from pscheduler_batch.events import CANCELING, UNANSWERED, IterationMoved, Stopping, TaskLeft
from pscheduler_batch.journal.interface import Journal
from pscheduler_batch.model import Iteration
from pscheduler_batch.running.canceling import CANCEL_SECONDS, OVER
from pscheduler_batch.running.submitter import CutShortError, Submitter
from pscheduler_batch.scheduler.run_results import LAST_LOOK, WAIT_AFTER, WAIT_BEFORE, fresh_run_limit
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Session
from tests.support.clients import make_client
from tests.support.lost_posts import HREF, LIST, LOST, POST, nothing, there
from tests.support.wire import HOST, IDLE, ONE_HOST

DELETE = "DELETE /tasks/5f1c"
FIRST = "GET /tasks/5f1c/runs/first"
RUN = "GET /tasks/5f1c/runs/0a"
RUNS = "GET /tasks/5f1c/runs"
DELETE_RUN = "DELETE /tasks/5f1c/runs/0a"
LATE = {"start-time": "2026-03-01T12:00:25+00:00", "result-merged": {"succeeded": True}}
NEVER = 1000.0
NO_RUN = {"status": 404, "text": "Resource not found."}
HOUR = {"test": {"type": "idle", "spec": {"duration": "PT1H"}}, "schedule": {}}
DELETED = [{"text": "OK"}]
CURL = "curl -k 'https://ps.example.net/pscheduler/tasks?json="


class Canceled:
    """
    An iteration that is cut short, and what becomes of its task.

    Attributes:
        result: What was obtained of it.
        fate: What happened to its task.
        seconds: When that was known, after it had been cut short.
        events: What was reported meanwhile.
        told: The steps in the journal.
    """

    def __init__(self, server, *, when: str, wait: Optional[float] = 30, hurry_at: Optional[float] = None, **options):
        """
        Cut an iteration short at some point, and cancel its task.

        Args:
            server: The server.
            when: The beginning of the request, or the state of the iteration.
            wait: How long to wait for answers; None leaves the task alone.
            hurry_at: When there is no time any more, after that.
            options: Of the submitter, and the ``task``.
        """
        self.events: List[Any] = []
        self.told: List[str] = []
        told = self.told

        class Recording(Journal):
            def note_posted(self, *_: Any) -> None:
                told.append("posted")

            def note_canceling(self, *_: Any) -> None:
                told.append("canceling")

            def note_canceled(self, *_: Any) -> None:
                told.append("canceled")

        async def end_of(submission):
            # Before Python 3.11, what a task raises to end its cancellation does not reach those who wait for it.
            with pytest.raises(CutShortError) as cut:
                await submission
            return cut.value

        async def run():
            clock = server.clock
            iteration = Iteration(0, 0, "idle/0", timedelta(0), options.pop("task", IDLE))
            session = Session(clock.clock, None, (self.events.append,), redactor=iteration.redactor)
            client = make_client(None, session)
            limits = WaitLimits(cancel=timedelta(seconds=wait or 0))
            submitter = Submitter(client, ONE_HOST, limits, journal=Recording(), **options)
            running = asyncio.ensure_future(end_of(submitter.submit(iteration)))
            while not self._has_come(server, when):  # noqa: ASYNC110 - the server has no events
                await asyncio.sleep(0)
            running.cancel()
            session.shutdown.begin()
            result = (await running).result
            began = clock.seconds
            if wait is None:
                self.result, self.fate = await submitter.leave(result)
            else:
                canceling = asyncio.ensure_future(submitter.cancel(result))
                if hurry_at is not None:
                    await clock.pass_by(hurry_at)
                    submitter.hurry()
                self.result, self.fate = await canceling
            self.seconds = clock.seconds - began
            await submitter.aclose()
            await client.aclose()
            # Timers that were canceled end in the next iteration of the loop.
            await asyncio.sleep(0)
            return asyncio.all_tasks() - {asyncio.current_task()}

        assert asyncio.run(run()) == set()

    def _has_come(self, server, when: str) -> bool:
        states = [event.state for event in self.events if isinstance(event, IterationMoved)]
        return when in states or any(asked.startswith(when) for asked in server.asked)

    @property
    def moves(self) -> List[str]:
        """The states of the iteration after it was cut short."""
        moved = [event.state for event in self.events if isinstance(event, IterationMoved)]
        return [state for state in moved if state in (UNANSWERED, CANCELING)]

    @property
    def left(self) -> List[str]:
        """What is reported of a task that may go on."""
        return [event.words for event in self.events if isinstance(event, TaskLeft)]


def posting(wire, takes, *, listed=nothing, deleted=DELETED):
    """Make a server that takes its time for a POST, and has no run of the task by then."""
    server = wire()
    server.changed[FIRST] = [NO_RUN]
    server.changed[POST] = [{"json": "/tasks/5f1c", "takes": takes}]
    server.changed[LIST] = [listed]
    server.changed[DELETE] = deleted
    return server


def test_the_answer_to_a_post_is_waited_for(wire):
    """Only it tells what to cancel."""
    server = posting(wire, 8)
    done = Canceled(server, when=POST)

    assert (done.fate, done.seconds, done.left) == ("its task was canceled", 8, [])
    assert (done.result.task_href, done.moves) == (HREF, [UNANSWERED, CANCELING])
    assert (server.asked.count(DELETE), done.told) == (1, ["posted", "canceling", "canceled"])


def test_a_post_that_is_not_answered_in_time_is_looked_for_by_its_mark(wire):
    """A server lists a task before it answers."""
    server = posting(wire, NEVER, listed=there)
    done = Canceled(server, when=POST)

    assert (done.fate, done.seconds, done.left) == ("its task was canceled", 30, [])
    assert [asked.partition("?")[0] for asked in server.asked[-4:]] == [LIST, FIRST, DELETE, FIRST]


def test_all_tasks_with_its_mark_are_canceled(wire):
    """An earlier POST of the task may have arrived as well."""
    server = posting(wire, NEVER, listed={"json": ["/tasks/5f1c", "/tasks/0ld"]})
    server.changed["DELETE /tasks/0ld"] = DELETED
    done = Canceled(server, when=POST)

    assert done.fate == "its task was canceled"
    assert [asked for asked in server.asked if asked.startswith("DELETE")] == ["DELETE /tasks/0ld", DELETE]


def test_a_service_manager_waits_long_enough():
    """The default of systemd is 90 seconds, of which the output may need some."""
    assert WaitLimits().cancel.total_seconds() + CANCEL_SECONDS + LAST_LOOK.total_seconds() < 60


def test_an_answer_that_is_late_still_counts(wire):
    """While the task is looked for."""
    done = Canceled(posting(wire, 32), when=POST)

    assert (done.fate, done.seconds) == ("its task was canceled", 32)


def test_without_patience_a_task_is_looked_for_at_once(wire):
    """And an answer may still come, for as long as canceling may take."""
    assert Canceled(posting(wire, NEVER, listed=there), when=POST, wait=0).seconds == 0
    assert Canceled(posting(wire, 2), when=POST, wait=0).seconds == 2


@pytest.mark.parametrize("wait", [0, 1.5, 30])
def test_a_task_that_is_never_known_may_go_on(wire, wait):
    """It is reported in time with its host and a command that finds it, and nothing is recorded of its end."""
    server = posting(wire, NEVER)
    done = Canceled(server, when=POST, wait=wait, new_mark=lambda: "m0")

    assert done.seconds == wait + CANCEL_SECONDS
    assert done.fate == f"its task may still run on {HOST}: its submission was not answered; search for it by its mark"
    assert done.left == [f"{done.fate}: {CURL}%7B%22reference%22%3A+%7B%22pscheduler-batch%22%3A+%22m0%22%7D%7D'"]
    assert done.told == []


def test_a_task_without_a_mark_cannot_be_looked_for(wire):
    """Which is said."""
    server = posting(wire, NEVER)
    done = Canceled(server, when=POST, new_mark=None)

    assert done.left == [f"its task may still run on {HOST}: its submission was not answered; it has no mark"]
    assert not any(asked.startswith(LIST) for asked in server.asked)


def test_a_post_that_was_lost_may_have_arrived(wire):
    """The error says what happened to it, and that the task did not turn up."""
    server = posting(wire, 0)
    server.broken[POST] = [LOST]
    done = Canceled(server, when=POST)

    assert done.fate.startswith(f"its task may still run on {HOST}: posting the task: ")
    assert done.seconds < 30 + CANCEL_SECONDS


def test_a_post_that_was_refused_left_nothing(wire):
    """Nothing is canceled then."""
    server = posting(wire, 0)
    server.changed[POST] = [{"status": 403, "text": "no", "takes": 3}]
    done = Canceled(server, when=POST)

    assert (done.fate, done.seconds, done.left) == ("its task was never posted", 3, [])
    assert done.told == ["canceled"]


@pytest.mark.parametrize("hurry_at", [0.0, 3.0, 31.0])
def test_who_has_no_time_learns_what_may_go_on(wire, hurry_at):
    """At once."""
    done = Canceled(posting(wire, NEVER), when=POST, hurry_at=hurry_at)

    assert done.seconds == hurry_at
    assert [CURL in words for words in done.left] == [True]


def test_who_has_no_time_does_not_wait_for_a_cancellation(wire):
    """It may have been sent; the task can be canceled by its URL."""
    server = posting(wire, 0, deleted=[{"text": "OK", "takes": NEVER}])
    done = Canceled(server, when=FIRST, hurry_at=1)

    assert (done.seconds, done.told) == (1, ["posted", "canceling"])
    assert done.left == [
        f"its task may still run on {HOST}: its cancellation was not answered; cancel it with: pscheduler cancel {HREF}"
    ]


def test_a_server_that_hangs_holds_nothing_up(wire):
    """A cancellation has as much time as an answer, as a slow server is slow with both."""
    server = posting(wire, 0, deleted=[{"text": "OK", "takes": NEVER}])
    done = Canceled(server, when=FIRST)

    assert done.seconds == 30 + CANCEL_SECONDS
    assert len(done.left) == 1


def test_a_server_that_does_not_cancel_says_why(wire):
    """Its words are in the output."""
    done = Canceled(posting(wire, 0, deleted=[{"status": 403, "text": "Forbidden"}]), when=FIRST)

    assert "canceling the task: " in done.fate
    assert "Forbidden" in done.fate
    assert done.left == [done.fate]


def test_the_words_of_a_server_have_no_secrets(wire):
    """They are printed."""
    server = posting(wire, 0, deleted=[{"status": 403, "text": "abc-secret is wrong"}])
    (words,) = Canceled(server, when=FIRST, task={**IDLE, "_key": "abc-secret"}).left

    assert "is wrong" in words
    assert "abc-secret" not in words


@pytest.mark.parametrize(
    ("reply", "state", "fate"),
    [
        ({"run": {"state": "canceled"}}, "canceled", "its task was canceled"),
        # A run that had not started is dropped [i06].
        ({"status": 404, "text": "Resource not found."}, "canceled", "its task was canceled"),
        ({"run": {"state": "finished", "result-merged": {"succeeded": True}}}, "finished", OVER),
        # What cannot be read is as it was last seen.
        ({"status": 500, "text": "no"}, "running", "its task was canceled"),
        ({"json": []}, "running", "its task was canceled"),
        ({"run": {"state": "canceled"}, "takes": NEVER}, "running", "its task was canceled"),
    ],
)
def test_the_run_is_read_once_more(wire, reply, state, fate):
    """The output has its state after the cancellation, and what it measured before that."""
    server = posting(wire, 0)
    server.changed[FIRST] = [{"run": {"state": "running", "end-time": "2026-03-01T13:00:00+00:00"}}]
    server.changed[RUN] = [reply]
    done = Canceled(server, when="running", task=HOUR)
    (run,) = done.result.runs

    assert done.seconds <= LAST_LOOK.total_seconds()
    assert (run.run.state, run.run.document["state"], done.fate) == (state, state, fate)
    assert run.succeeded == (state == "finished")
    assert run.formats == ({"application/json": {"succeeded": True}} if run.succeeded else {})
    assert [asked for asked in server.asked if asked.startswith(RUN)] == [RUN]


def measuring(wire, state: str):
    """Make a server with a run of an hour that has had results, and is in a state after its task was canceled."""
    server = wire("several-results")
    times = {"start-time": "2026-03-01T11:59:00+00:00", "end-time": "2026-03-01T13:00:00+00:00"}
    server.changed[FIRST] = [{"run": {"state": "running", **times}}]
    server.changed[RUN] = [{"run": {"state": state, **times}}]
    server.changed[RUNS] = [{"json": [f"/tasks/5f1c/runs/{name}" for name in ("0a", "1b", "2c", "3d")]}]
    server.changed[DELETE] = DELETED
    return server


@pytest.mark.parametrize(
    ("state", "fate"), [("running", "its task was canceled"), ("canceled", "its task was canceled"), ("finished", OVER)]
)
def test_the_results_that_a_test_has_had_by_then_are_kept(wire, state, fate):
    """Each of several results is a run of its own, and the lead run has none."""
    server = measuring(wire, state)
    done = Canceled(server, when="running", task=HOUR)

    assert [run.run.href for run in done.result.runs] == [f"{HREF}/runs/{name}" for name in ("1b", "2c", "3d")]
    assert all(run.succeeded for run in done.result.runs)
    assert (done.result.lead_run.state, done.fate) == (state, fate)


@pytest.mark.parametrize(
    ("reply", "left"),
    [
        ({"status": 500, "text": "no"}, ["1b", "3d"]),
        ({"json": []}, ["1b", "3d"]),
        ({"run": {"result-merged": None}}, ["1b", "3d"]),
        ({"run": {}, "takes": NEVER}, ["1b"]),
        ({"run": LATE, "takes": LAST_LOOK.total_seconds() - 0.5}, ["1b", "2c"]),
    ],
)
def test_results_that_cannot_be_read_in_time_are_left(wire, reply, left):
    """The others are in the output, and an interruption takes no longer."""
    server = measuring(wire, "canceled")
    server.changed[RUN.replace("0a", "2c")] = [reply]
    server.changed[RUN.replace("0a", "3d")] = [{"run": LATE, "takes": 1}]
    done = Canceled(server, when="running", task=HOUR)

    assert [run.run.href for run in done.result.runs] == [f"{HREF}/runs/{name}" for name in left]
    assert (done.fate, done.seconds <= LAST_LOOK.total_seconds()) == ("its task was canceled", True)


@pytest.mark.parametrize("reply", [{"status": 500, "text": "no"}, {"json": {}}, {"json": ["/tasks/5f1c/runs/0a"]}])
def test_a_run_without_several_results_is_kept_alone(wire, reply):
    """So it is if they cannot be listed."""
    server = measuring(wire, "canceled")
    server.changed[RUNS] = [reply]
    done = Canceled(server, when="running", task=HOUR)

    assert [run.run.href for run in done.result.runs] == [f"{HREF}/runs/0a"]
    assert (done.result.lead_run, done.fate, server.asked[-1]) == (None, "its task was canceled", RUNS)


@pytest.mark.parametrize("when", [POST, "posted"])
def test_a_run_that_is_just_being_scheduled_is_canceled_as_well(wire, when):
    """A server would run it although its task was canceled meanwhile."""
    server = posting(wire, 0 if when == "posted" else 8)
    times = {"start-time": "2026-03-01T12:30:00+00:00", "end-time": "2026-03-01T13:30:00+00:00"}
    server.changed[FIRST] = [{"run": {"state": "pending", **times}, "takes": 2}]
    server.changed[RUN] = [{"status": 404, "text": "Resource not found."}]
    done = Canceled(server, when=when, task=HOUR)

    assert [asked.partition("?")[0] for asked in server.asked[-3:]] == [FIRST, DELETE, RUN]
    assert [run.run.state for run in done.result.runs] == ["canceled"]
    assert (done.fate, done.seconds) == ("its task was canceled", 2 if when == "posted" else 10)


def scheduling(wire, state: str, *, takes: float, deleted=DELETED):
    """Make a server that is just scheduling the run of a task when that is canceled, and goes on with it."""
    server = posting(wire, 0)
    times = {"start-time": "2026-03-01T12:30:00+00:00", "end-time": "2026-03-01T13:30:00+00:00"}
    server.changed[FIRST] = [NO_RUN, NO_RUN, {"run": {"state": state, **times}, "takes": takes}]
    server.changed[DELETE_RUN] = deleted
    return server


@pytest.mark.parametrize("state", ["pending", "running"])
def test_a_run_that_is_scheduled_after_its_task_was_canceled_is_canceled_itself(wire, state):
    """The server would run it."""
    server = scheduling(wire, state, takes=3.5)
    done = Canceled(server, when="posted", task=HOUR)

    assert [asked.partition("?")[0] for asked in server.asked[-4:]] == [FIRST, DELETE, FIRST, DELETE_RUN]
    assert [(run.run.state, run.run.document["state"]) for run in done.result.runs] == [("canceled", "canceled")]
    assert (done.fate, done.left, done.seconds) == ("its task was canceled", [], 3.5)


@pytest.mark.parametrize("state", ["canceled", "nonstart"])
def test_a_run_that_did_not_outlive_its_task_is_left_alone(wire, state):
    """It is in the output."""
    server = scheduling(wire, state, takes=1)
    done = Canceled(server, when="posted", task=HOUR)

    assert (done.fate, [run.run.state for run in done.result.runs]) == ("its task was canceled", [state])
    assert DELETE_RUN not in server.asked


def test_a_run_that_goes_on_after_its_task_was_canceled_is_reported(wire):
    """With the words of the server."""
    server = scheduling(wire, "pending", takes=1, deleted=[{"status": 403, "text": "Forbidden"}])
    done = Canceled(server, when="posted", task=HOUR)

    assert "canceling a run that was scheduled after its task was canceled: " in done.fate
    assert "Forbidden" in done.fate
    assert done.left == [done.fate]


@pytest.mark.parametrize("reply", [{"run": {}, "takes": NEVER}, {"status": 500, "text": "no"}, {"json": []}])
def test_a_task_whose_run_cannot_be_found_is_canceled_all_the_same(wire, reply):
    """In time."""
    server = posting(wire, 0)
    server.changed[FIRST] = [reply]
    done = Canceled(server, when="posted", task=HOUR)

    assert (done.fate, done.result.runs, DELETE in server.asked) == ("its task was canceled", (), True)
    longest = fresh_run_limit(WAIT_BEFORE) + fresh_run_limit(WAIT_AFTER)
    assert done.seconds == (longest.total_seconds() if "takes" in reply else 0)


def test_a_task_that_is_left_alone_can_be_found(wire):
    """Nothing is requested or reported for that."""
    running = Canceled(posting(wire, 0), when="posted", wait=None)
    server = posting(wire, NEVER)
    unanswered = Canceled(server, when=POST, wait=None)

    assert running.fate == f"its task may still run on {HOST}; cancel it with: pscheduler cancel {HREF}"
    assert unanswered.fate.endswith("its submission was not answered; search for it by its mark")
    assert running.left == unanswered.left == []
    assert server.asked[-1] == POST


def test_a_task_that_is_left_alone_is_named_if_its_submission_is_just_answered(wire):
    """The answer is there in a moment, or never comes as there is nothing to answer."""
    answered = Canceled(posting(wire, 0.2), when=POST, wait=None)
    unsent = Canceled(posting(wire, 0), when="posting", wait=None)

    assert (answered.result.task_href, round(answered.seconds, 3)) == (HREF, 0.2)
    assert answered.fate == f"its task may still run on {HOST}; cancel it with: pscheduler cancel {HREF}"
    assert (unsent.fate, unsent.seconds) == ("its task was never posted", 0)


def test_what_is_waited_for_is_reported_now_and_then(wire):
    """Not if it takes no time; the last report is of the end."""
    done = Canceled(posting(wire, 22), when=POST)
    quick = Canceled(posting(wire, 0.4), when=POST)
    reports = [event for event in done.events if isinstance(event, Stopping)]

    assert [len(report.unanswered) for report in reports] == [1, 1, 1, 0]
    assert [report.canceled for report in reports] == [0, 0, 0, 1]
    assert {report.until - reports[0].at for report in reports if report.until} == {timedelta(seconds=29.5)}
    assert [event for event in quick.events if isinstance(event, Stopping)] == []
