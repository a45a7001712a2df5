"""Fetch the results of a run: one or several, in all formats."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import AsyncIterator, Callable, Dict, Iterable, Optional, Tuple

from pscheduler_batch.errors import RefusedError, ReplyError, SchedulerError
from pscheduler_batch.http.request import Purpose
from pscheduler_batch.http.response import NOT_FOUND, Reply
from pscheduler_batch.http.urls import shown
from pscheduler_batch.model import Failure, Run, RunResult
from pscheduler_batch.run_states import CANCELED, FINISHED
from pscheduler_batch.scheduler.api import (
    RENDERED_FORMATS,
    decipher_format,
    decipher_hrefs,
    decipher_run,
    first_run_url,
    format_url,
    reasons_of,
    runs_url,
)
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.waiting import RunWaiter

# For how long to wait for the state of a run after its task was canceled, and for all of its results by then.
LAST_LOOK = timedelta(seconds=5)

# What a server is asked to wait for the run of a task before it is canceled, and for one that it was just scheduling
# after that; it waits for twice as many seconds [d14].
WAIT_BEFORE = 1
WAIT_AFTER = 2

Fetched = Tuple[Tuple[RunResult, ...], Optional[Failure]]


class Fetcher:
    """Waits for runs and fetches their results."""

    def __init__(self, client: SchedulerClient) -> None:
        self._client = client

    async def wait(self, run: Run, changed: Callable[[Run], None]) -> Run:
        """
        Wait until a run is done.

        Args:
            run: The run as last seen.
            changed: Called with the run each time its state or its times have changed.

        Raises:
            SchedulerError: It was not done in time, or could not be read.
        """
        client = self._client
        waiter = RunWaiter(self._read_run, client.session.clock, client.limits, changed, client.looks)
        return await waiter.until_done(run, self._client.http.clock_offset(run.href))

    async def fetch_results(
        self, task_href: str, run: Run, keep: Callable[[Tuple[RunResult, ...]], None] = lambda _: None
    ) -> Fetched:
        """
        Fetch the results of a finished run; if there are several, the lead run has none itself (ADR 15).

        Args:
            task_href: Whose run it is.
            run: The run.
            keep: Called with the results obtained so far, each time there is another one.

        Returns:
            The runs that have results, else the run alone; and the first failure of several.

        Raises:
            SchedulerError: The runs could not be listed.
        """
        if run.result_merged is not None:
            return (await self._fetch_formats(run, lambda result: keep((result,))),), None
        url = runs_url(task_href)
        doing = "listing the runs"
        hrefs = decipher_hrefs(await self._client.ask_lead(url, doing=doing), doing=doing, url=url)
        others = [href for href in hrefs if href != run.href]
        fetched: Dict[str, RunResult] = {}

        def keep_other(result: RunResult) -> None:
            fetched[result.run.href] = result
            keep(in_order(fetched.values()))

        outcomes = await asyncio.gather(*(self._fetch_other(href, keep_other) for href in others))
        carrying = in_order(outcome for outcome in outcomes if isinstance(outcome, RunResult))
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        if carrying and run.state != FINISHED:
            reason = "; ".join(reasons_of(run)) or "no reason given"
            message = f"the test ended early: its lead run is {run.state}: {reason}"
            failures.append(Failure(message, "waiting for the result", shown(run.href)))
        return carrying or (RunResult(run, {}),), failures[0] if failures else None

    async def _fetch_other(self, href: str, keep: Callable[[RunResult], None]) -> RunResult | Failure | None:
        """Fetch one of several results; None if the run has none."""
        try:
            doing = "fetching one of several results"
            run = decipher_run(await self._client.ask_lead(href, doing=doing), doing=doing, url=href)
            run = await self.wait(run, lambda _: None)
            return None if run.result_merged is None else await self._fetch_formats(run, keep)
        except SchedulerError as error:
            return Failure.of(error)

    async def _fetch_formats(self, run: Run, keep: Callable[[RunResult], None]) -> RunResult:
        """Fetch a result in the formats besides JSON, which is in the run; each may fail without the others."""
        formats: Dict[str, object] = {"application/json": run.result_merged}
        failures: Dict[str, Failure] = {}

        async def fetch(media_type: str) -> None:
            value = await self._fetch_format(run, media_type)
            if isinstance(value, Failure):
                failures[media_type] = value
            else:
                formats[media_type] = value
            keep(RunResult(run, dict(formats), dict(failures)))

        keep(RunResult(run, dict(formats)))
        await asyncio.gather(*(fetch(media_type) for media_type in RENDERED_FORMATS))
        return RunResult(run, formats, failures)

    async def _fetch_format(self, run: Run, media_type: str) -> str | Failure:
        url = format_url(run, media_type)
        doing = f"fetching the result as {media_type}"
        try:
            reply = await self._client.ask_lead(url, doing=doing, refusable=True, purpose=Purpose.FINISH)
            return decipher_format(reply, doing=doing, url=url)
        except SchedulerError as error:
            return Failure.of(error)

    async def _read_run(self, url: str, wait: int, within: Optional[timedelta]) -> Tuple[Optional[Run], timedelta]:
        """
        Read a run, or look at it if it is not due for a time.

        Returns:
            The run, and how far the clock of its server is ahead. The run is None if a web server answered for
            pScheduler, as it does when it cuts a long wait short, or if a look failed.
        """
        doing = "waiting for the result"
        if within is None:
            reply: Optional[Reply] = await self._client.ask_lead(url, doing=doing, wait=wait)
        else:
            reply = await self._client.look(url, doing=doing, within=within)
        offset = self._client.http.clock_offset(url)
        if reply is None or (reply.overloaded and not reply.in_vain):
            return None, offset
        try:
            return decipher_run(reply, doing=doing, url=url), offset
        except RefusedError as error:
            if reply.status == NOT_FOUND:
                said = f"{error.body} (the run is gone; was its task canceled?)"
                raise RefusedError(NOT_FOUND, said, doing=doing, url=shown(url)) from error
            if within is None:
                raise
        except ReplyError:
            if within is None:
                raise
        return None, offset


async def find_fresh_run(client: SchedulerClient, task_href: str, wait: int) -> Optional[Run]:
    """
    Wait a moment for the run of a task that is canceled, so that it is ended, too (ADR 52).

    Args:
        client: Makes the request, in a slot that nothing else needs after an interruption.
        task_href: The task.
        wait: :data:`WAIT_BEFORE` or :data:`WAIT_AFTER` its cancellation.

    Returns:
        The run; None if there is none yet.
    """
    url = first_run_url(task_href, wait)
    doing = "waiting for the run of a canceled task"
    reply = await client.look(url, doing=doing, within=fresh_run_limit(wait), purpose=Purpose.WAIT)
    return None if reply is None else _read(client, reply, doing=doing, url=url)


def fresh_run_limit(wait: int) -> timedelta:
    """Return for how long to wait for the answer of :func:`find_fresh_run`."""
    return timedelta(seconds=2 * wait + 1)


async def read_last_state(client: SchedulerClient, known: Run) -> Run:
    """
    Read the run of a canceled task, once.

    Args:
        client: Makes the request, in a slot that is reserved for canceling.
        known: The run as it was last seen.

    Returns:
        The run. A server drops a run that had not started when its task was canceled [i06]; it is then "canceled".
    """
    doing = "reading the run of a canceled task"
    reply = await client.look(known.href, doing=doing, within=LAST_LOOK, purpose=Purpose.CANCEL)
    if reply is None:
        return known
    if reply.status == NOT_FOUND:
        return as_canceled(known)
    return _read(client, reply, doing=doing, url=known.href) or known


def as_canceled(run: Run) -> Run:
    """Return a run that its server has dropped, as canceled."""
    return replace(run, state=CANCELED, document={**run.document, "state": CANCELED})


async def read_results_so_far(client: SchedulerClient, task_href: str, lead: Run) -> AsyncIterator[Run]:
    """
    Read what the task of an unfinished run has measured so far; each of several results is a run of its own (ADR 15).

    Args:
        client: Makes the requests, in slots that are reserved for canceling.
        task_href: The task.
        lead: Its lead run, which has no result.

    Yields:
        The runs with a result that can be read within :data:`LAST_LOOK`.
    """
    clock = client.session.clock
    until = clock.now() + LAST_LOOK
    doing = "reading the results of a canceled task"
    url = runs_url(task_href)
    reply = await client.look(url, doing=doing, within=LAST_LOOK, purpose=Purpose.CANCEL)
    try:
        hrefs = [] if reply is None else decipher_hrefs(reply, doing=doing, url=url)
    except SchedulerError as error:
        client.session.debug(str(error))
        return
    for href in hrefs:
        left = until - clock.now()
        if left <= timedelta(0):
            client.session.debug(f"{doing}: no time for all {len(hrefs):,} runs of {shown(task_href)}")
            return
        reply = None if href == lead.href else await client.look(href, doing=doing, within=left, purpose=Purpose.CANCEL)
        run = None if reply is None else _read(client, reply, doing=doing, url=href)
        if run is not None and run.result_merged is not None:
            yield run


def _read(client: SchedulerClient, reply: Reply, *, doing: str, url: str) -> Optional[Run]:
    try:
        return decipher_run(reply, doing=doing, url=url)
    except SchedulerError as error:
        client.session.debug(str(error))
        return None


def in_order(results: Iterable[RunResult]) -> Tuple[RunResult, ...]:
    """Sort results by the starts of their runs."""
    return tuple(sorted(results, key=lambda result: (result.run.start_time is None, result.run.start_time)))
