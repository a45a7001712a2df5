"""Moments in the life of a batch at which tests interrupt it, and what is left on the server then."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable, Dict

from pscheduler_batch.embedded.faults.actions import delaying, hanging
from pscheduler_batch.embedded.faults.rules import Rule
from tests.support.commands import job, task
from tests.support.running import Gate, Running

HANG = hanging(done=False, sent="nothing")
HOUR = task("idle", duration="PT1H")


def gate(server, where, action, **which) -> Gate:
    """Let something happen to requests, and give what tells when it does."""
    made = Gate(action)
    server.state.faults.add(Rule(where, made, **which))
    return made


def left(server) -> int:
    """Count the tasks that would still run."""
    return len([item for item in server.state.enabled_tasks() if not is_done(item)])


def is_done(item) -> bool:
    """Say whether all runs of a task are over."""
    return bool(item.runs) and all(run.state in {"finished", "failed"} for run in item.runs)


@dataclass(frozen=True)
class Moment:
    """
    A moment in the life of a batch.

    Attributes:
        prepare: Makes the server such that the moment lasts; gives what waits for it.
        jobs: What is run.
        error: What the first iteration says.
        tasks: How many tasks were posted.
    """

    prepare: Callable[[Any, Any], Callable[[Running], None]]
    error: str
    tasks: int = 1
    jobs: Dict[str, Any] = field(default_factory=job)


def at_gate(where, action=HANG, **which):
    """Be at a request."""

    def prepare(server):
        made = gate(server, where, action, **which)
        return lambda _running: made.wait()

    return prepare


def at_line(*words):
    """Be where something has been said."""
    return lambda _server: lambda running: running.until_said(*words)


CANCELED = "before it was done; its task was canceled"
MOMENTS = {
    "finding the lead": Moment(at_gate("tests/*/participants"), "before it was submitted", 0),
    "posting": Moment(at_gate("tasks", delaying(0.5, done=True), method="POST"), CANCELED),
    "waiting for the first run": Moment(at_gate("tasks/*/runs/first"), CANCELED, jobs=job(task=HOUR)),
    "waiting for the start": Moment(at_line("scheduled as"), CANCELED, jobs=job(task=HOUR)),
    "waiting until it can be over": Moment(
        at_line("posted as"), CANCELED, jobs=job(task=task("idle", duration="PT50S"))
    ),
    "waiting for the result": Moment(
        at_gate(re.compile("wait-merged")), CANCELED, jobs=job(task=task("idle", duration="PT0.3S"))
    ),
}
