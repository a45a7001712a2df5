"""The points at which tests interrupt a batch, and what is then left on the server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict

from pscheduler_batch.embedded.faults.actions import delaying, hanging
from pscheduler_batch.embedded.faults.rules import Rule
from tests.support.commands import job, task
from tests.support.running_command import Gate, RunningCommand

HANG = hanging(done=False, sent="nothing")
HOUR = task("idle", duration="PT1H")


def gate(server, where, action, **which) -> Gate:
    """Add a fault, and return the gate that reports its first use."""
    made = Gate(action)
    server.state.faults.add(Rule(where, made, **which))
    return made


def left(server) -> int:
    """Return how many tasks would still run."""
    return len([item for item in server.state.enabled_tasks() if not is_done(item)])


def is_done(item) -> bool:
    """Return whether all runs of a task have ended."""
    return bool(item.runs) and all(run.state in {"finished", "failed"} for run in item.runs)


@dataclass(frozen=True)
class InterruptionPoint:
    """
    A point at which a batch is interrupted.

    Attributes:
        prepare: Makes the batch stay at this point, and returns a function that waits until it is there.
        error: The error of the first iteration.
        tasks: How many tasks were posted.
        jobs: The jobs that are run.
    """

    prepare: Callable[[Any, Any], Callable[[RunningCommand], None]]
    error: str
    tasks: int = 1
    jobs: Dict[str, Any] = field(default_factory=job)


def at_gate(where, action=HANG, cleanup=None, **which):
    """Return what stops a batch at a request; runs may take longer to clean up, so that they are not over by then."""

    def prepare(server):
        if cleanup is not None:
            server.state.pace = replace(server.state.pace, cleanup=cleanup)
        made = gate(server, where, action, **which)
        return lambda _running: made.wait()

    return prepare


def at_line(*words):
    """Return what waits until a line with some words was printed."""
    return lambda _server: lambda running: running.until_said(*words)


CANCELED = "before it was done; its task was canceled"
INTERRUPTION_POINTS = {
    "finding the lead": InterruptionPoint(at_gate("tests/*/participants"), "before it was submitted", 0),
    "posting": InterruptionPoint(at_gate("tasks", delaying(0.5, done=True), method="POST"), CANCELED),
    "waiting for the first run": InterruptionPoint(
        at_gate("tasks/*/runs/first", times=1), CANCELED, jobs=job(task=HOUR)
    ),
    "waiting for the start": InterruptionPoint(at_line("scheduled as"), CANCELED, jobs=job(task=HOUR)),
    "waiting until it can be over": InterruptionPoint(
        at_line("posted as"), CANCELED, jobs=job(task=task("idle", duration="PT50S"))
    ),
    "waiting for the result": InterruptionPoint(
        at_gate(re.compile("wait-merged"), cleanup=1.5), CANCELED, jobs=job(task=task("idle", duration="PT0.3S"))
    ),
}
