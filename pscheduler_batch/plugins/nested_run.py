"""
The method ``run``: a batch as a task of pScheduler (ADR 62).

It ends in time by itself, cancels what is unfinished, and prints what it has. pScheduler only marks the run of a task
that is canceled, and lets the tool go on; so the batch looks at its own task now and then.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional
from urllib.parse import quote

from pscheduler_batch.errors import BatchError, SchedulerError
from pscheduler_batch.http.response import NOT_FOUND, Reply
from pscheduler_batch.iso8601 import parse_duration, parse_timestamp
from pscheduler_batch.model import Iteration, JobPlan, JSONObject, Plan
from pscheduler_batch.output.document import public_text
from pscheduler_batch.plugins.batch_plan import (
    CONFINEMENT,
    ENDING,
    PlannedBatch,
    canceling_time,
    nested_batches,
    plan_given,
    plan_specified,
)
from pscheduler_batch.plugins.detached_process import DetachedError, reply_of_detached
from pscheduler_batch.plugins.fetching import fetch_batch
from pscheduler_batch.plugins.methods import TEST, Call, MethodError
from pscheduler_batch.plugins.permission import Permission, permission_of
from pscheduler_batch.plugins.specification import BATCH, Specification, read_specification
from pscheduler_batch.processor import AsyncBatchProcessor
from pscheduler_batch.report.document_rows import report_of_texts
from pscheduler_batch.report.summary import summary_of
from pscheduler_batch.running.runner import BatchOutcome
from pscheduler_batch.running.signals import SignalWatch
from pscheduler_batch.scheduler.api import api_url, decipher_json
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.hosts import find_hosts, open_client, this_host
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Session
from pscheduler_batch.settings import Settings
from pscheduler_batch.text import count_words

# The name of the mark in the reference of tasks that a batch submits which is a task itself.
NESTED = "pscheduler-batch-task"
# How deep a batch may be: one in a batch may not have batches in it.
DEEPEST = 1

# How often a batch looks whether its own task was canceled, in seconds, and how long it waits for the answer.
LOOKS = 10.0
PATIENCE = timedelta(seconds=5)

# Why a batch was ended early, also in the words of each iteration that was; and what its sender can do about it.
_TIME_OVER = "stopped at the end of its time on the schedule"
_MORE_TIME = "a longer duration in its spec gives it more"

_LONGEST_DIAGS = 20_000
_MOST_WARNINGS = 50


class Assignment(NamedTuple):
    """
    What ``run`` is to do.

    Attributes:
        task: The UUID of the task.
        spec: Its spec.
        start: When it starts.
        duration: How long it may take.
    """

    task: str
    spec: Specification
    start: datetime
    duration: timedelta

    @property
    def end(self) -> datetime:
        """The end of its time on the schedule."""
        return self.start + self.duration


def run(call: Call) -> str:
    """
    Run a batch, in a process that is not killed with pScheduler.

    Returns:
        The output of the tool; a batch that was refused or did not succeed is in it as well.

    Raises:
        MethodError: The input is not that of a run, or the process ended without a result.
    """
    given = call.object()
    assignment = read_assignment(given)
    try:
        return reply_of_detached(partial(run_assignment, assignment, call))
    except DetachedError as error:
        raise MethodError(str(error)) from error


def read_assignment(given: Mapping[str, Any]) -> Assignment:
    """
    Read the input of ``run``.

    Raises:
        MethodError: It is something else.
    """
    try:
        schedule, test = given["schedule"], given["test"]
        times = parse_timestamp(schedule["start"]), parse_duration(schedule["duration"])
        task, spec, kind = given["task-uuid"], test["spec"], test["type"]
    except (KeyError, TypeError, ValueError) as error:
        raise MethodError(f"the standard input is not the input of a run: {error!r}") from error
    if kind != TEST or not isinstance(task, str):
        raise MethodError(f"the standard input is not the input of a run of the test {TEST}")
    return Assignment(task, read_specification(spec), *times)


def run_assignment(assignment: Assignment, call: Call, lifeline: int) -> str:
    """
    Run a batch and return the output of the tool.

    Args:
        assignment: What to run.
        call: How the method was called.
        lifeline: A descriptor that becomes readable when the batch is to be ended.
    """
    signals = SignalWatch()
    with signals.holding():
        try:
            return asyncio.run(_Run(assignment, permission_of(call), signals, lifeline).run())
        except (BatchError, MethodError) as error:
            return _failed(str(error))


def _failed(reason: str) -> str:
    result = {"succeeded": False, "schema": 1, "error": reason}
    return json.dumps({"succeeded": False, "result": result, "error": reason, "diags": ""})


class _Run:
    """One run of a batch."""

    def __init__(self, assignment: Assignment, permission: Permission, signals: SignalWatch, lifeline: int) -> None:
        self._assignment = assignment
        self._permission = permission
        self._signals = signals
        self._lifeline = lifeline
        self._warnings: List[str] = []

    async def run(self) -> str:
        """
        Wait for the start, run the batch, and return the output of the tool.

        Raises:
            BatchError: The batch could not be started.
            MethodError: It is refused, or there are errors in it.
        """
        planned = await self._plan()
        task = await self._own_task()
        plan = marked_plan(planned.plan, self._assignment.task, level_of(task, planned.plan))
        canceling = canceling_time(self._assignment.duration)
        processor = AsyncBatchProcessor(
            planned.batch.document,
            max_connections=self._permission.max_connections,
            confinement=CONFINEMENT,
            patience=WaitLimits(cancel=canceling),
        )
        await asyncio.sleep(self._left(self._assignment.start))
        outcome = await processor.run(plan, signals=self, warn=self._warn)
        return self._output(processor, outcome)

    async def _plan(self) -> PlannedBatch:
        assignment, permission = self._assignment, self._permission
        spec = assignment.spec
        refusals = partial(permission.refusals, duration=assignment.duration, batch_url=spec.url)
        _require(refusals())
        if spec.is_remote and spec.url is not None:
            planned = plan_given(await fetch_batch(spec.url), spec.url)
        else:
            planned = plan_specified(spec, permission)
        _require(refusals(planned.plan))
        return planned

    async def _own_task(self) -> Optional[JSONObject]:
        """Return the task that this batch is, from the server of this host; None if that does not answer."""
        async with _asking() as client:
            reply = await client.look(_task_url(self._assignment.task), doing="reading the own task", within=PATIENCE)
        return _object_of(reply)

    @contextmanager
    def watching(self, interrupt: Callable[[str], None], hurry: Callable[[], None]) -> Iterator[None]:
        """Interrupt the batch at the end of its time, when its task is canceled, or when pScheduler ends."""
        loop = asyncio.get_running_loop()
        last = self._assignment.end - min(ENDING, self._assignment.duration / 3)
        first = last - canceling_time(self._assignment.duration)
        with ExitStack() as stack:
            stack.enter_context(self._signals.watching(interrupt, hurry))
            for when, call in ((first, partial(interrupt, _TIME_OVER)), (last, hurry)):
                stack.callback(loop.call_later(self._left(when), call).cancel)

            def cut() -> None:
                loop.remove_reader(self._lifeline)
                interrupt("stopped by pScheduler")

            loop.add_reader(self._lifeline, cut)
            stack.callback(loop.remove_reader, self._lifeline)
            stack.callback(asyncio.ensure_future(self._notice_canceling(interrupt)).cancel)
            yield

    async def _notice_canceling(self, interrupt: Callable[[str], None]) -> None:
        url = _task_url(self._assignment.task)
        async with _asking() as client:
            while True:
                await asyncio.sleep(LOOKS)
                reply = await client.look(url, doing="looking at the own task", within=PATIENCE)
                if reply is not None and is_canceled(reply):
                    interrupt("canceled with its task")
                    return

    def _left(self, when: datetime) -> float:
        """Return the seconds until some time; 0 if it is over."""
        return max((when - datetime.now(timezone.utc)).total_seconds(), 0.0)

    def _warn(self, line: str) -> None:
        if len(self._warnings) < _MOST_WARNINGS:
            self._warnings.append(line)

    def _output(self, processor: AsyncBatchProcessor, outcome: BatchOutcome) -> str:
        account = processor.batch_pair(outcome)
        report = report_of_texts({**processor.batch.document, "batch": account}, outcome.results.texts(), results=False)
        succeeded = outcome.succeeded and outcome.met and outcome.error is None and outcome.interruption is None
        summary = summary_of(report, width=None)
        said = [] if succeeded else [("error", _error_of(outcome, len(report.failed), len(report.rows)))]
        diags = "\n".join([*self._warnings, summary])[:_LONGEST_DIAGS]
        account = {"succeeded": succeeded and not outcome.bugs, **dict(said), "diags": diags}
        # A result of many megabytes is written once.
        batch = public_text("".join(re.sub(r"\n *", "", piece) for piece in processor.document_pieces(outcome)))
        result = json.dumps({"schema": 1, **account})
        return f'{{"result": {result[:-1]}, "{BATCH}": {batch}}}, {json.dumps(account)[1:]}'


def _error_of(outcome: BatchOutcome, failed: int, count: int) -> str:
    if outcome.error is not None:
        return str(outcome.error)
    if outcome.interruption is not None:
        advice = f"; {_MORE_TIME}" if outcome.interruption == _TIME_OVER else ""
        return f"the batch was {outcome.interruption}{advice}"
    if not outcome.succeeded:
        return f"{failed:,} of {count_words(count, 'run')} failed"
    return "not all expectations were met"


def _require(refused: List[str]) -> None:
    if refused:
        raise MethodError("\n".join(refused))


def level_of(task: Optional[JSONObject], plan: Plan) -> int:
    """
    Return how deep a batch is: 0 if no batch submitted it, 1 if one did.

    Args:
        task: The task that it is, from its server; None if that is not known.
        plan: Its plan.

    Raises:
        MethodError: It is too deep, or contains a batch and may be too deep for that.
    """
    inner = nested_batches(plan)
    if task is None:
        if inner:
            raise MethodError(
                f"{inner[0].label}: this batch contains a batch, and whether it is itself in one could not be found "
                "out, as the server of this host did not describe its task"
            )
        return 0
    reference = task.get("reference")
    mark = reference.get(NESTED) if isinstance(reference, Mapping) else None
    level = mark.get("level") if isinstance(mark, Mapping) else 0
    if isinstance(level, bool) or not isinstance(level, int) or not 0 <= level <= DEEPEST:
        raise MethodError("this is a batch in a batch in a batch; batches can be nested only once")
    if inner and level == DEEPEST:
        raise MethodError(
            f"{inner[0].label}: this batch is in a batch, and contains another one; batches can be nested only once"
        )
    return level


def marked_plan(plan: Plan, task: str, level: int) -> Plan:
    """
    Return a plan whose tasks are marked as those of a batch that is a task itself.

    A task whose ``reference`` is the user's own and not an object has no place for a mark.

    Args:
        plan: The plan.
        task: The UUID of the task that the batch is.
        level: How deep the batch is.

    Raises:
        MethodError: There is no place for the mark in a task that is a batch, which must not be without.
    """
    mark = {"task": task, "level": level + 1}
    return replace(plan, jobs=tuple(_marked_job(job, mark) for job in plan.jobs))


def _marked_job(job: JobPlan, mark: JSONObject) -> JobPlan:
    return replace(job, iterations=tuple(_marked(iteration, mark) for iteration in job.iterations))


def _marked(iteration: Iteration, mark: JSONObject) -> Iteration:
    reference = iteration.task.get("reference", {})
    if isinstance(reference, Mapping):
        return replace(iteration, task={**iteration.task, "reference": {**reference, NESTED: mark}})
    if iteration.task["test"].get("type") == TEST:
        raise MethodError(
            f"{iteration.label}: the reference of a task that is a batch must be an object, so that it can be marked"
        )
    return iteration


def is_canceled(reply: Reply) -> bool:
    """Return whether the answer of a server says that a task was canceled: it is gone, or disabled [i34]."""
    detail = (_object_of(reply) or {}).get("detail")
    return reply.status == NOT_FOUND or (isinstance(detail, Mapping) and detail.get("enabled") is False)


def _object_of(reply: Optional[Reply]) -> Optional[Dict[str, Any]]:
    if reply is None:
        return None
    try:
        value = decipher_json(reply, doing="reading the own task", url="the server of this host")
    except SchedulerError:
        return None
    return value if isinstance(value, dict) else None


def _task_url(task: str) -> str:
    return f"{api_url(this_host())}/tasks/{quote(task, safe='')}?detail=true"


@asynccontextmanager
async def _asking() -> AsyncIterator[SchedulerClient]:
    """Open a client for the server of this host, apart from that of the batch."""
    settings = Settings(timeout=PATIENCE, max_connections=1)
    client = open_client(settings, Session.without_secrets())
    try:
        yield SchedulerClient(client, find_hosts(settings), WaitLimits())
    finally:
        await client.aclose()
