"""Which warnings of missed synchronized starts there are, and when."""

from __future__ import annotations

import heapq
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

from pscheduler_batch.events import (
    POSTED,
    POSTING,
    WAITING,
    Event,
    Interrupted,
    IterationEnded,
    IterationMoved,
    JobBegan,
    LimitChanged,
    RetriesBegan,
)
from pscheduler_batch.planning.planner import begin_job
from pscheduler_batch.redaction import Redactor
from pscheduler_batch.running.late_starts import LateStarts
from pscheduler_batch.session import Session
from tests.support.clock import after
from tests.support.events import BatchEvents

HOST = "ps.example.net"
START = "2026-03-01T12:00:15+00:00"
AT_ONCE = 8
# When the runs of a job have ended, in seconds; that takes longer than any posting.
ENDS = 3000

# When something was said, in seconds, and what.
Said = List[Tuple[float, str]]


class AcceptedTasks:
    """The events of a job whose tasks servers accept, a limited number at a time, like pScheduler."""

    def __init__(
        self,
        count: int,
        took: Callable[[int], float],
        *,
        host_of: Callable[[int], str] = lambda _number: HOST,
        refused: Tuple[int, ...] = (),
        **job: Any,
    ) -> None:
        """
        Prepare to play what happens.

        Args:
            count: How many tasks there are.
            took: Says how many seconds it takes to accept the task of an iteration.
            host_of: Says where it goes.
            refused: Those that are not accepted.
            job: What else is in the job.
        """
        named = {name.replace("_", "-"): value for name, value in job.items()}
        self.batch_events = BatchEvents({"parallel": True, "iterations": count, **named})
        self.plan = begin_job(self.batch_events.plan.jobs[0], after(0))
        self._took = took
        self._host_of = host_of
        self._refused = refused

    def events(self) -> List[Event]:
        """Make the events of the job."""
        events: List[Event] = [JobBegan(after(0), self.plan)]
        free: Dict[str, List[float]] = {}
        for iteration in self.plan.iterations:
            number, host = iteration.number, self._host_of(iteration.number)
            ready = iteration.delay.total_seconds()
            slots = free.setdefault(host, [0.0] * AT_ONCE)
            at = max(heapq.heappop(slots), ready) + self._took(number)
            heapq.heappush(slots, at)
            if ready:
                events.append(self._move(number, 0, WAITING, host, start=ready))
            events.append(self._move(number, ready, POSTING, host))
            if number not in self._refused:
                events.append(self._move(number, at, POSTED, host))
            events.append(self._end(number, at))
        return [*sorted(events, key=lambda event: event.at), self.batch_events.end_job(0, ENDS)]

    def _move(self, number: int, at: float, state: str, host: str, **times: float) -> Event:
        return replace(self.batch_events.move(number, at, state, **times), host=host)

    def _end(self, number: int, at: float) -> IterationEnded:
        if number in self._refused:
            return self.batch_events.end(number, at, failure="refused")
        ended = self.batch_events.end(number, at)
        late = self._late(at)
        return replace(ended, at=after(ENDS), result=replace(ended.result, late=late))

    def _late(self, at: float) -> Optional[timedelta]:
        assert self.plan.start is not None
        late = after(at) - self.plan.start
        return late if late > timedelta(0) else None

    @property
    def latest(self) -> float:
        """Return the delay of the last late task in seconds."""
        late = [event.result.late for event in self.events() if isinstance(event, IterationEnded) and event.result.late]
        return max(late, default=timedelta(0)).total_seconds()


def limit_of(host: str, limit: int, at: float = 0, *, growing: bool = False) -> LimitChanged:
    """Return the event of a limit of concurrent submissions."""
    return LimitChanged(after(at), host, submitting=True, limit=limit, most=AT_ONCE, growing=growing)


def said_of(*events: Event, limits_are_reached: bool = True) -> Said:
    """
    Return the warnings of events, with their times.

    Args:
        events: The events.
        limits_are_reached: Whether as many tasks as may be are sent at once from the start.
    """
    said: Said = []
    now = [after(0)]
    session = Session(
        warning=lambda warning: said.append(((now[0] - after(0)).total_seconds(), warning)),
        redactor=Redactor.of(
            iteration.task for event in events if isinstance(event, JobBegan) for iteration in event.plan.iterations
        ),
    )
    punctuality = LateStarts(session.warn, most=AT_ONCE)
    hosts = {event.host for event in events if isinstance(event, IterationMoved) and event.host is not None}
    for host in hosts if limits_are_reached else ():
        punctuality.watch(limit_of(host, AT_ONCE))
    for event in events:
        now[0] = event.at
        punctuality.watch(event)
    return said


def early(said: Said) -> Said:
    """Take the warnings before the end of the job."""
    return [(at, words) for at, words in said if at < ENDS]


@pytest.mark.parametrize("took", [0.0, 0.2, 2.0])
def test_nothing_is_said_where_all_tasks_are_in_in_time(took):
    """Fifty of them, eight at a time, take 14 seconds of 15."""

    assert said_of(*AcceptedTasks(50, lambda _: took).events()) == []


def test_a_start_that_will_be_missed_is_said_with_the_first_answers():
    """With the reason: how many tasks, which host, and its time per task."""
    ((at, words),) = early(said_of(*AcceptedTasks(50, lambda _: 6.2).events()))

    assert at == 6.2
    assert words == (
        f'job "a": not all tasks will be accepted before the synchronized start at {START}: 49 of 50 are still to '
        "be submitted to ps.example.net, which takes 6.2 s per task, 8 at a time; the last one will be about 28 s late"
    )


def test_in_the_end_it_is_said_how_late_they_were_and_what_would_have_helped():
    """With the JSON pointer of the pair to change, and the time that a server needs for a run added."""
    _, (at, words) = said_of(*AcceptedTasks(50, lambda _: 6.2).events())

    assert at == ENDS
    assert words == (
        f'At /jobs/0/setup-time: 34 of 50 tasks of "a" were accepted after their start at {START}, 3.6 to 28.4 s '
        'late, a/49 last; "PT1M" would have been enough'
    )


def test_with_the_setup_time_that_would_have_done_nothing_is_said():
    """The suggested value really is enough."""
    (_, words) = said_of(*AcceptedTasks(50, lambda _: 6.2).events())[-1]
    enough = re.findall(r'"(PT[^"]+)"', words)[-1]

    assert said_of(*AcceptedTasks(50, lambda _: 6.2, setup_time=enough).events()) == []


def test_a_single_late_task_is_named():
    """The job may have a thousand tasks that were in time."""
    said = said_of(*AcceptedTasks(5, lambda number: 17.5 if number == 3 else 1.0).events())

    assert said[-1][1] == (
        f"At /jobs/0/setup-time: the task of a/3 was accepted 2.5 s after its start at {START}; "
        '"PT35S" would have been enough'
    )


@pytest.mark.parametrize(("count", "took"), [(9, 8.0), (50, 4.0), (50, 20.0), (100, 3.0), (1000, 0.5)])
def test_what_is_foreseen_comes_true(count, took):
    """If all tasks take equally long."""
    servers = AcceptedTasks(count, lambda _: took)
    ((at, words),) = early(said_of(*servers.events()))

    assert int(re.findall(r"about ([0-9,]+) s late", words)[0].replace(",", "")) == pytest.approx(servers.latest, abs=1)
    assert at == took


@pytest.mark.parametrize(
    "took", [lambda number: 0.4 * min(number + 1, 8), lambda number: 3 + 2 * (number * 7 % 11) / 11]
)
def test_it_is_foreseen_before_the_start_where_some_take_longer_than_others(took):
    """Also if the server handles one task after another, or in any order."""
    servers = AcceptedTasks(60, took)
    ((at, words),) = early(said_of(*servers.events()))
    foreseen = int(re.findall(r"about ([0-9]+) s late", words)[0])

    assert at < 15
    assert 0 < foreseen < 2 * servers.latest


def test_a_single_answer_is_not_enough_where_little_time_is_missing():
    """The others may be faster."""
    servers = AcceptedTasks(24, lambda number: 5.5 + number / 100)
    ((at, _),) = early(said_of(*servers.events()))

    assert 5.5 < at < 6
    assert servers.latest > 0


def test_tasks_that_were_refused_do_not_make_a_server_quick():
    """The host has not accepted any of them."""
    servers = AcceptedTasks(50, lambda number: 0.01 if number < 20 else 6.2, refused=tuple(range(20)))
    ((_, words),) = early(said_of(*servers.events()))

    assert "29 of 50 are still to be submitted to ps.example.net, which takes 6.2 s per task" in words


def test_only_the_host_that_is_slow_is_named():
    """With the number of tasks that go there."""
    servers = AcceptedTasks(
        40,
        lambda number: 12.0 if number % 4 == 0 else 0.1,
        host_of=lambda number: "slow.example.net" if number % 4 == 0 else f"{number % 4}.example.net",
    )
    ((at, words),) = early(said_of(*servers.events()))

    assert "9 of 10 are still to be submitted to slow.example.net, which takes 12.0 s per task" in words
    assert (at, servers.latest) == (12.0, 9.0)


def test_tasks_that_wait_for_their_backoff_are_reckoned_with():
    """A server that takes longer per task than the backoff falls behind."""
    servers = AcceptedTasks(30, lambda _: 24.0, backoff="PT1S")
    ((at, words),) = early(said_of(*servers.events()))

    assert at == 24.0
    assert "of 30 are still to be submitted" in words
    assert int(re.findall(r"about ([0-9]+) s late", words)[0]) == pytest.approx(servers.latest, abs=10)


def test_a_backoff_that_leaves_enough_time_is_no_reason_to_say_anything():
    """The start comes after all of them (ADR 10)."""

    assert said_of(*AcceptedTasks(30, lambda _: 3.0, backoff="PT1S").events()) == []


def test_jobs_without_a_synchronized_start_have_nothing_to_miss():
    """However long it takes to post their tasks."""

    events = AcceptedTasks(50, lambda _: 6.2).events()
    plan = begin_job(BatchEvents({"parallel": True, "iterations": 50, "sync-start": False}).plan.jobs[0], after(0))

    assert said_of(JobBegan(after(0), plan), *events[1:]) == []


def test_each_job_is_watched_by_itself():
    """The warnings and delays of one job do not concern the next one."""
    events = AcceptedTasks(50, lambda _: 6.2).events()
    said = [words for _, words in said_of(*events, *events)]

    assert said[:2] == said[2:]
    assert len(said) == 4


@pytest.mark.parametrize("before", [0, 30])
def test_nothing_is_said_of_an_interrupted_batch(before):
    """Its tasks are late because of that, and their results are not waited for."""
    events = AcceptedTasks(50, lambda _: 6.2).events()
    events.insert(before, Interrupted(events[before].at, "interrupted by SIGINT"))

    assert said_of(*events) == []


def test_a_job_begun_in_an_earlier_try_needs_no_longer_setup_time():
    """The start was missed because that try ended."""
    servers = AcceptedTasks(20, lambda _: 6.2, setup_time="PT2M")
    events = [replace(event, at=event.at + timedelta(minutes=10)) for event in servers.events()]
    late = timedelta(minutes=8)
    ended = [
        replace(event, result=replace(event.result, late=late)) if isinstance(event, IterationEnded) else event
        for event in events
    ]

    ((_, words),) = said_of(*ended)

    assert words == (
        'At /jobs/0: 20 of 20 tasks of "a" were accepted after their start at 2026-03-01T12:02:00+00:00, 480.0 s '
        "late, a/9 last; the job was started by an earlier try"
    )


def test_later_attempts_are_watched_like_a_job():
    """What is late in a round is said at its end; the start is that of the round."""
    servers = AcceptedTasks(3, lambda _: 0.2)
    *first, _ = servers.events()
    first = [
        replace(event, result=replace(event.result, late=timedelta(seconds=4)))
        if isinstance(event, IterationEnded)
        else event
        for event in first
    ]
    again = begin_job(replace(servers.batch_events.plan.jobs[0], iterations=servers.plan.iterations[:1]), after(4000))
    ended = replace(first[-1], at=after(5000))
    said = said_of(
        *first, RetriesBegan(after(3990), again, 2, after(4000)), ended, servers.batch_events.end_job(0, 5000)
    )

    assert [at for at, _ in said] == [3990, 5000]
    assert "3 of 3 tasks" in said[0][1]
    assert "after its start at 2026-03-01T13:06:55+00:00" in said[1][1]
    assert "earlier try" not in said[1][1]


def test_a_task_that_a_resumed_batch_posts_twice_is_one_task():
    """The submitter looks for the old task on its host, finds that it was canceled, and posts a new one."""
    events = AcceptedTasks(50, lambda _: 6.2).events()
    (again,) = [
        event for event in events if getattr(event, "state", "") == POSTING and event.iteration.number == AT_ONCE
    ]
    events.insert(events.index(again) + 1, replace(again, host="other.example.net"))
    events.insert(events.index(again) + 2, again)

    assert "of 51 are still to be submitted to ps.example.net" in early(said_of(*events))[0][1]


def test_what_others_say_cannot_take_a_terminal_over():
    """Labels and host names are external text."""
    servers = AcceptedTasks(
        50, lambda _: 6.2, label="x\x1b[2J\u202e" + "y" * 10_000, host_of=lambda _: "h\x07" + "o" * 10_000
    )
    said = [words for _, words in said_of(*servers.events())]

    assert len(said) == 2
    assert all(words.isprintable() and len(words) < 500 for words in said)


def test_secrets_of_a_task_are_not_in_what_is_said():
    """A server can return a secret as the name of a host (ADR 18)."""
    servers = AcceptedTasks(50, lambda _: 6.2, host_of=lambda _: "abc-secret.example.net")

    assert not [words for _, words in said_of(*servers.events()) if "abc-secret" in words]


def accepted(at_once: Callable[[int], int], count: int, took: float, *, doubling: int) -> Tuple[List[Event], float]:
    """
    Have tasks accepted in rounds, and limits that change with each round.

    Args:
        at_once: Returns the limit in a round.
        count: How many tasks there are.
        took: How many seconds each takes.
        doubling: In how many rounds the limit doubles.

    Returns:
        The events until the last one is accepted, and when that is.
    """
    batch = BatchEvents({"parallel": True, "iterations": count})
    plan = begin_job(batch.plan.jobs[0], after(0))
    events: List[Event] = [JobBegan(after(0), plan), *(batch.move(number, 0, POSTING) for number in range(count))]
    done, rounds = 0, 0
    while done < count:
        events.append(limit_of(HOST, at_once(rounds), rounds * took, growing=rounds < doubling))
        rounds += 1
        last = min(done + at_once(rounds - 1), count)
        events += [batch.move(number, rounds * took, POSTED) for number in range(done, last)]
        done = last
    return events, rounds * took


def test_a_forecast_uses_what_a_slow_host_is_at():
    """Of twenty tasks two at a time, the last is accepted after twenty seconds, whatever is allowed."""
    events, end = accepted(lambda _: 2, 20, 2.0, doubling=0)
    ((at, words),) = said_of(*events, limits_are_reached=False)

    assert (at, end) == (4.0, 20.0)
    assert "which takes 2.0 s per task, 2 at a time; the last one will be about 5 s late" in words


def test_a_limit_that_still_doubles_is_expected_to():
    """The tasks would take 38 seconds two at a time; as the limit doubles, they take less than 15."""
    events, end = accepted(lambda rounds: min(2 << rounds, AT_ONCE), 42, 1.8, doubling=99)

    assert end < 15
    assert said_of(*events, limits_are_reached=False) == []


def test_a_host_that_becomes_slow_is_foreseen_to_be_late():
    """With the limit, the expectation changes."""
    events, _ = accepted(lambda rounds: min(2 << rounds, AT_ONCE) if rounds < 2 else 1, 42, 1.8, doubling=2)

    assert "1 at a time; " in said_of(*events, limits_are_reached=False)[0][1]


def test_a_limit_is_remembered_from_job_to_job():
    """The host is the same, however its name is written."""
    events = AcceptedTasks(20, lambda _: 2.0, host_of=lambda _: "PS.example.net:443").events()
    said = said_of(limit_of(HOST, 1), *events, limits_are_reached=False)

    assert "1 at a time" in said[0][1]


def test_a_limit_that_is_not_found_yet_is_stated_as_such():
    """Even if it doubles, the start is missed."""
    events, _ = accepted(lambda rounds: min(2 << rounds, AT_ONCE), 100, 3.0, doubling=99)

    assert "3.0 s per task, 2 at a time so far; " in said_of(*events, limits_are_reached=False)[0][1]
