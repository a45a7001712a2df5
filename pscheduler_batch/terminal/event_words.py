"""
The words of events, for the live view and the log on standard error.

Events come without secrets, as to every :class:`~pscheduler_batch.events.Watcher`. Labels and text from servers are
made printable and shortened.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Dict, List, Mapping, Optional, Sequence, Union

from pscheduler_batch.events import (
    ASKING,
    CANCELING,
    FETCHING,
    KNOWN_STATES,
    POSTED,
    POSTING,
    UNANSWERED,
    WAITING,
    AttemptEnded,
    BatchBegan,
    BatchEnded,
    Event,
    Interrupted,
    IterationEnded,
    IterationMoved,
    JobBegan,
    JobEnded,
    LimitChanged,
    RequestHeldUp,
    RetriesBegan,
    Stopping,
    TaskLeft,
    TaskPlace,
)
from pscheduler_batch.metrics.headlines import headline_of
from pscheduler_batch.metrics.measurement import measure
from pscheduler_batch.model import IterationResult
from pscheduler_batch.planning.planner import describe_job
from pscheduler_batch.run_states import FINAL_STATES, RUNNING, UNSTARTED_STATES
from pscheduler_batch.text import clock_time, count_words, label_words, legible, short_duration, shorten, time_words

PREFIX = "pscheduler batch: "

# The words of steps at a host.
_STEPS = {
    ASKING: "asking {} for participants",
    POSTING: "posting to {}",
    FETCHING: "fetching the results from {}",
    CANCELING: "canceling its task on {}",
}

NONE = timedelta(0)

# How to stop without waiting for tasks to be canceled.
STOP_AT_ONCE = "press Control-C again, or send SIGTERM, to stop at once"

# A command to find a task is useless if it is cut.
LEFT_CUT_AT = 1000

# The times of a run that takes less are written with tenths of a second.
SHORT = timedelta(seconds=10)

# The maximum number of iterations named in one line.
MOST_NAMES = 6


def state_words(moved: IterationMoved) -> str:
    """Return the state of an iteration; servers may send any text."""
    return moved.state if moved.state in KNOWN_STATES else shorten(moved.state)


def state_now(moved: IterationMoved, now: datetime) -> str:
    """
    Return the state that an iteration must have by now.

    A run is not polled before its end (ADR 20), so whether it is running follows from its times.
    """
    if moved.run is not None and moved.state in UNSTARTED_STATES and moved.start is not None and moved.start <= now:
        return RUNNING
    return state_words(moved)


def countdown_words(moved: IterationMoved, now: datetime, *, briefly: bool = False) -> str:
    """
    Return the time until the next step of an iteration; empty where that is not known.

    Args:
        moved: Its latest move.
        now: The time.
        briefly: Whether to return the duration alone.
    """
    until, what = None, ""
    if moved.state == WAITING:
        until, what = moved.start, "posted"
    elif moved.state == UNANSWERED:
        until, what = moved.end, "given up"
    elif moved.state == POSTED:
        waits = moved.start is not None and moved.start > now
        until, what = (moved.start, "starts") if waits else (moved.end, "ends")
    elif moved.state not in FINAL_STATES and moved.state != FETCHING:
        until, what = moved.end, "ends"
    if until is None:
        return ""
    if until <= now:
        return "due" if what == "ends" else ""
    span = clock_time(until - now)
    return span if briefly else f"{what} in {span}"


def describe_event(event: Event) -> str:
    """Describe an event in one line without its time, such as "rtt/3: posting to ps.example.net"."""
    if isinstance(event, IterationMoved):
        return f"{label_words(event.iteration.label)}: {_describe_move(event)}"
    if isinstance(event, (AttemptEnded, IterationEnded)):
        return f"{label_words(event.result.iteration.label)}: {_describe_end(event)}"
    if isinstance(event, (JobBegan, RetriesBegan, JobEnded)):
        return _describe_job(event)
    if isinstance(event, RequestHeldUp):
        return _describe_held_up(event)
    if isinstance(event, LimitChanged):
        return _describe_limit(event)
    return _describe_batch(event)


def _describe_batch(event: Union[BatchBegan, Interrupted, Stopping, TaskLeft, BatchEnded]) -> str:
    if isinstance(event, BatchBegan):
        return _describe_beginning(event)
    if isinstance(event, Interrupted):
        return f"{event.reason}; {STOP_AT_ONCE}"
    if isinstance(event, Stopping):
        return _describe_stopping(event)
    if isinstance(event, TaskLeft):
        return f"{label_words(event.iteration.label)}: {legible(event.words, LEFT_CUT_AT)}"
    return f"the batch ended: {legible(event.error)}" if event.error else "the batch ended"


def _describe_stopping(stopping: Stopping) -> str:
    said = []
    if stopping.unanswered:
        number = count_words(len(stopping.unanswered), "submission")
        left = NONE if stopping.until is None else max(stopping.until - stopping.at, NONE)
        patience = f" up to {short_duration(math.ceil(left.total_seconds()))}" if left else ""
        answer, tasks = ("the answer", "its task") if len(stopping.unanswered) == 1 else ("answers", "their tasks")
        said.append(f"waiting{patience} for {answer} to {number}, to cancel {tasks}: {_places(stopping.unanswered)}")
    if stopping.canceling:
        said.append(f"canceling {count_words(len(stopping.canceling), 'task')}: {_places(stopping.canceling)}")
    if stopping.canceled or not said:
        said.append(f"canceled {count_words(stopping.canceled, 'task')}")
    return "; ".join(said)


def _places(places: Sequence[TaskPlace]) -> str:
    """Name some iterations by host."""
    by_host: Dict[str, List[str]] = {}
    for iteration, host in places[:MOST_NAMES]:
        by_host.setdefault("" if host is None else f" on {shorten(host)}", []).append(label_words(iteration.label))
    said = ", ".join(f"{', '.join(labels)}{host}" for host, labels in by_host.items())
    more = len(places) - MOST_NAMES
    return f"{said} and {more:,} more" if more > 0 else said


def _describe_held_up(held_up: RequestHeldUp) -> str:
    said = "recovered" if held_up.reason is None else f"{legible(held_up.reason)}; retry {held_up.when}".rstrip()
    return f"{shorten(held_up.host)}: {held_up.doing}: {said}"


def limit_words(changed: LimitChanged) -> str:
    """
    Return a limit of concurrent requests.

    >>> limit_words(LimitChanged(datetime.max, "ps.example.net", True, 2, 8, growing=True))
    'at most 2 concurrent submissions'
    """
    what = "concurrent submission" if changed.submitting else "other concurrent request"
    return f"at most {count_words(changed.limit, what)}"


def _describe_limit(changed: LimitChanged) -> str:
    words = limit_words(changed)
    if changed.reason is not None:
        words = f"{'overloaded' if changed.overload else 'slow'} ({changed.reason}); {words}"
    return f"{shorten(changed.host)}: {words}"


def _describe_job(event: Union[JobBegan, RetriesBegan, JobEnded]) -> str:
    if isinstance(event, JobEnded):
        return f"{shorten(event.job.label)}: the job ended"
    job = replace(event.plan.job, label=shorten(event.plan.job.label))
    words = describe_job(replace(event.plan, job=job))
    return f"{words}; attempt {event.attempt}" if isinstance(event, RetriesBegan) else words


def _describe_move(moved: IterationMoved) -> str:
    host = "" if moved.host is None else shorten(moved.host)
    if moved.state == WAITING:
        return f"waiting{_at(' until', moved.start)}"
    if moved.state == POSTED:
        return f"posted to {host}{_at(', to start at', moved.start)}"
    if moved.state == UNANSWERED:
        return f"waiting for an answer from {host} to cancel its task{_at(', until', moved.end)}"
    if moved.state in _STEPS:
        return _STEPS[moved.state].format(host)
    tenths = moved.start is not None and moved.end is not None and moved.end - moved.start < SHORT
    return f"{state_words(moved)} on {host}{_at(',', moved.start, tenths)}{_at(' to', moved.end, tenths)}"


def _describe_end(ended: Union[AttemptEnded, IterationEnded]) -> str:
    if isinstance(ended, AttemptEnded):
        number = ended.result.iteration.attempt
        return f"attempt {number} failed: {_failure_words(ended)}; it will be submitted again"
    if ended.result.skipped:
        return "skipped"
    if not ended.succeeded:
        return f"failed: {_failure_words(ended)}"
    late = ended.result.late
    words = "succeeded" if late is None else f"succeeded, posted {late.total_seconds():.1f} s late"
    headline = _headline_words(ended.result)
    return f"{words}: {headline}" if headline else words


def _headline_words(result: IterationResult) -> str:
    """Return the headline of the last run of an iteration; empty where nothing was measured."""
    if not result.runs:
        return ""
    test = result.iteration.task.get("test")
    kind, spec = (test.get("type"), test.get("spec")) if isinstance(test, Mapping) else (None, None)
    merged = result.runs[-1].run.result_merged
    metrics = measure(str(kind), spec, merged).metrics
    if not metrics:
        return ""
    headline = headline_of(str(kind), merged, metrics)
    return headline if len(result.runs) == 1 else f"{len(result.runs):,} runs, the last {headline}"


def _failure_words(ended: Union[AttemptEnded, IterationEnded]) -> str:
    """Return why an iteration failed, in one line."""
    return legible(ended.error or "no reason given")


def _describe_beginning(began: BatchBegan) -> str:
    jobs = [plan for plan in began.plan.jobs if plan.job.enabled]
    iterations = sum(len(plan.iterations) for plan in jobs)
    seed = began.plan.seed
    order = "" if seed is None else f", serial ones in random order (seed {seed})"
    return f"{count_words(iterations, 'iteration')} in {count_words(len(jobs), 'job')}{order}"


def _at(word: str, time: Optional[datetime], tenths: bool = False) -> str:  # noqa: FBT001, FBT002 - private
    return "" if time is None else f"{word} {time_words(time, tenths=tenths)}"
