"""
Events as JSON, one object in a line each: the form of ``--events``, which docs/events.md describes (ADR 72).

They are those that a :class:`~pscheduler_batch.events.Watcher` is given: without secrets. Tasks and results are not in
lines.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Mapping, Optional, Sequence, Union

from pscheduler_batch._version import __version__
from pscheduler_batch.events import (
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
from pscheduler_batch.model import Iteration, Run

# The version of the form; a pair or an event that is added does not change it.
VERSION = 1

Pairs = Dict[str, Any]


def event_line(event: Event) -> str:
    """Write an event without secrets as one line of ASCII without its line end."""
    name, describe = _EVENTS[type(event)]
    return json.dumps({"event": name, "at": _time(event.at), **describe(event)}, separators=(",", ":"))


def _batch_began(event: BatchBegan) -> Pairs:
    jobs = [
        {
            "job": plan.job.number,
            "label": plan.job.label,
            "enabled": plan.job.enabled,
            "iterations": len(plan.iterations),
        }
        for plan in event.plan.jobs
    ]
    return {
        "version": VERSION,
        "program": f"pscheduler-batch {__version__}",
        "seed": event.plan.seed,
        "jobs": jobs,
    }


def _job_began(event: Union[JobBegan, RetriesBegan]) -> Pairs:
    job = event.plan.job
    return {
        "job": job.number,
        "label": job.label,
        "iterations": len(event.plan.iterations),
        "parallel": job.parallel,
        "start": _time(event.plan.start),
    }


def _iteration_moved(event: IterationMoved) -> Pairs:
    return {
        **_iteration(event.iteration),
        "state": event.state,
        "host": event.host,
        "run": None if event.run is None else event.run.href,
        "start": _time(event.start),
        "end": _time(event.end),
    }


def _iteration_ended(event: Union[AttemptEnded, IterationEnded]) -> Pairs:
    result = event.result
    return {
        **_iteration(result.iteration),
        "succeeded": result.succeeded,
        "skipped": result.skipped,
        "task": result.task_href,
        "runs": [{**_run(run.run), "succeeded": run.succeeded} for run in result.runs],
        "late": _seconds(result.late),
        "error": event.error,
    }


def _retries_began(event: RetriesBegan) -> Pairs:
    return {**_job_began(event), "attempt": event.attempt, "submitting": _time(event.submitting)}


def _job_ended(event: JobEnded) -> Pairs:
    return {"job": event.job.number, "label": event.job.label}


def _request_held_up(event: RequestHeldUp) -> Pairs:
    return {
        "host": event.host,
        "doing": event.doing,
        "reason": event.reason,
        "again": _time(event.again),
        "until": _time(event.until),
    }


def _limit_changed(event: LimitChanged) -> Pairs:
    return {
        "host": event.host,
        "submitting": event.submitting,
        "limit": event.limit,
        "most": event.most,
        "growing": event.growing,
        "reason": event.reason,
        "overload": event.overload,
    }


def _interrupted(event: Interrupted) -> Pairs:
    return {"reason": event.reason}


def _stopping(event: Stopping) -> Pairs:
    return {
        "unanswered": _places(event.unanswered),
        "canceling": _places(event.canceling),
        "canceled": event.canceled,
        "until": _time(event.until),
    }


def _task_left(event: TaskLeft) -> Pairs:
    return {**_place((event.iteration, event.host)), "message": event.words}


def _batch_ended(event: BatchEnded) -> Pairs:
    return {"succeeded": event.succeeded, "error": event.error}


# The name of each event, and what describes it besides its time.
_EVENTS: Mapping[type, Any] = {
    BatchBegan: ("batch-began", _batch_began),
    JobBegan: ("job-began", _job_began),
    IterationMoved: ("iteration-moved", _iteration_moved),
    AttemptEnded: ("attempt-ended", _iteration_ended),
    IterationEnded: ("iteration-ended", _iteration_ended),
    RetriesBegan: ("retries-began", _retries_began),
    JobEnded: ("job-ended", _job_ended),
    RequestHeldUp: ("request-held-up", _request_held_up),
    LimitChanged: ("limit-changed", _limit_changed),
    Interrupted: ("interrupted", _interrupted),
    Stopping: ("stopping", _stopping),
    TaskLeft: ("task-left", _task_left),
    BatchEnded: ("batch-ended", _batch_ended),
}


def _iteration(iteration: Iteration) -> Pairs:
    return {
        "job": iteration.job,
        "iteration": iteration.number,
        "label": iteration.label,
        "attempt": iteration.attempt,
    }


def _place(place: TaskPlace) -> Pairs:
    iteration, host = place
    return {**_iteration(iteration), "host": host}


def _places(places: Sequence[TaskPlace]) -> Sequence[Pairs]:
    return [_place(place) for place in places]


def _run(run: Run) -> Pairs:
    return {
        "href": run.href,
        "state": run.state,
        "start": _time(run.start_time),
        "end": _time(run.end_time),
    }


def _time(moment: Optional[datetime]) -> Optional[str]:
    """Write a time in UTC; null at the edge of the calendar, where no measurement is made."""
    try:
        return None if moment is None else moment.astimezone(timezone.utc).isoformat()
    except OverflowError:
        return None


def _seconds(span: Optional[timedelta]) -> Optional[float]:
    return None if span is None else span.total_seconds()
