"""
Exactly one task for each iteration.

A POST that was not answered may have arrived all the same, and another one would be one task too many. So each task
carries a mark, and a task whose POST was lost is looked for by it before the POST is repeated (ADR 29).
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Dict, List, Optional, Set, Tuple

from pscheduler_batch.errors import RefusedError, SchedulerError, UnreachableError
from pscheduler_batch.events import RequestHeldUp
from pscheduler_batch.http.limiter import Limiter
from pscheduler_batch.http.request import Outcome, Purpose, Request
from pscheduler_batch.http.response import INTERNAL, NO_CONTENT, NOT_FOUND, OK, REDIRECTION, Reply
from pscheduler_batch.http.urls import host_of, shown
from pscheduler_batch.model import Iteration
from pscheduler_batch.scheduler.api import decipher_hrefs, decipher_task_href, marked_tasks_url, tasks_url
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.tasks import mark_pattern
from pscheduler_batch.text import legible

DOING = "posting the task"
LOOKING = "looking for the task by its mark"

# How often a task is posted altogether whose POST is lost again and again.
ATTEMPTS = 3

# How often a task is posted altogether to a server that is too slow to accept it and says so (ADR 50).
OVERLOAD_ATTEMPTS = 5

# How many tasks are prepared for posting to a host for each of its request slots; each one prepared takes memory.
TURNS = 16

# How much is quoted of why a task is not canceled; a command to do it follows.
_QUOTED = 300

# How often a lost task is looked for when the batch is being ended, in seconds.
LAST_LOOKS = 0.5


@dataclass(frozen=True)
class Posting:
    """
    A POST that is under way.

    Attributes:
        iteration: Whose task it is.
        lead: Where it goes.
        mark: The mark that is in the task; None where there is none.
        answer: The URL of the task in the end.
    """

    iteration: Iteration
    lead: str
    mark: Optional[str]
    answer: asyncio.Task[str]


@dataclass
class _Marked:
    """
    A task with a mark, and what is known of the POSTs of it that were lost.

    Attributes:
        iteration: Whose task it is.
        lead: Where it goes.
        mark: Its mark.
        search: How long to look for it.
        lost_at: When the last one was lost.
        lost: How the last one was lost.
        posts: How many were lost.
    """

    iteration: Iteration
    lead: str
    mark: str
    search: timedelta
    lost_at: Optional[datetime]
    lost: Optional[SchedulerError] = None
    posts: int = 0


class Poster:
    """
    Posts tasks.

    Attributes:
        abandoned: POSTs that nothing waits for any more, whose tasks may be on a server all the same, by the numbers
            of job and iteration.
        found: The URLs of tasks that were found by their marks.
    """

    def __init__(self, client: SchedulerClient) -> None:
        self._client = client
        self._session = client.session
        self.abandoned: Dict[Tuple[int, int], Posting] = {}
        self.found: Set[str] = set()
        self._turns: Dict[str, Limiter] = {}

    async def post(
        self, lead: str, iteration: Iteration, mark: Optional[str], *, lost_at: Optional[datetime] = None
    ) -> str:
        """
        Post the task of an iteration.

        Args:
            lead: Where to.
            iteration: Whose task it is.
            mark: The mark that is in the task; None where there is none.
            lost_at: When it was posted before, if no answer to that is known; then it is looked for first.

        Returns:
            The URL of the task.

        Raises:
            SchedulerError: It was refused, or could not be posted.
        """
        turns = self._turns.get(lead)
        if turns is None:
            turns = self._turns[lead] = Limiter(self._client.http.max_connections * TURNS)
        answer: Optional[asyncio.Task[str]] = None
        try:
            await turns.take()
            answer = asyncio.ensure_future(self._post_until_known(lead, iteration, mark, lost_at))
            answer.add_done_callback(lambda _: turns.give_back())
            # A POST that was started is not aborted: its answer says what is to be canceled.
            await asyncio.wait([answer])
        except asyncio.CancelledError:
            self._session.shutdown.begin()
            # If it was not started, that is found out in the same way.
            answer = answer or asyncio.ensure_future(self._post_until_known(lead, iteration, mark, lost_at))
            self.abandoned[iteration.job, iteration.number] = Posting(iteration, lead, mark, answer)
            raise
        return answer.result()

    async def _post_until_known(
        self, lead: str, iteration: Iteration, mark: Optional[str], lost_at: Optional[datetime]
    ) -> str:
        if mark is None:
            return await self._post(lead, iteration, None)
        task = _Marked(iteration, lead, mark, self._client.limits.lost_post, lost_at)
        href = None if lost_at is None else await self._find_lost(task)
        if href is None:
            href = await self._post(lead, iteration, task)
            if task.lost_at is not None and href not in self.found:
                await self._cancel_others(task, href)
        return href

    async def _post(self, lead: str, iteration: Iteration, marked: Optional[_Marked]) -> str:
        url, hosts = tasks_url(lead), self._client.hosts
        hint = ""
        if lead == hosts.lead and not hosts.lead_named:
            hint = "; the task names no other host, so this one would run it: name a --lead that runs pScheduler"
        content = json.dumps(iteration.task)
        settle = None if marked is None else partial(self._settle, marked)
        request = Request("POST", url, DOING, Purpose.SUBMIT, content, hosts.bind, settle=settle)
        try:
            reply = await self._client.http.request(request)
        except UnreachableError as error:
            if error.hint:
                raise
            if marked is None and error.sent:
                hint = "; the task may be there all the same; without a mark it cannot be found"
            raise UnreachableError(error.reason, doing=DOING, url=error.url, hint=hint, sent=error.sent) from error
        try:
            return decipher_task_href(reply, url=url)
        except RefusedError as error:
            if reply.status != NOT_FOUND:
                raise
            # No pScheduler server answers a POST of a task like that.
            raise RefusedError(NOT_FOUND, error.body + hint, doing=DOING, url=error.url) from error

    async def _settle(self, task: _Marked, outcome: Outcome) -> Optional[Reply]:
        """
        Find out what a POST came to that may have arrived.

        Returns:
            The answer that counts: the one that came, or the one that was lost; None if the POST is to be repeated.

        Raises:
            SchedulerError: The POST failed, and there is no task, or no way to know.
        """
        error = _error_of(outcome, tasks_url(task.lead))
        if error is None or not _may_have_arrived(error):
            return _as_it_is(outcome)
        overloaded = isinstance(outcome, Reply) and outcome.overloaded
        if not overloaded and not isinstance(error, UnreachableError):
            href = await self._find_kept(task)
            return _as_it_is(outcome) if href is None else _answer(href)
        task.lost, task.lost_at, task.posts = error, self._session.clock.now(), task.posts + 1
        attempts, limits = OVERLOAD_ATTEMPTS if overloaded else ATTEMPTS, self._client.limits
        task.search = limits.lost_post
        if isinstance(outcome, Reply) and outcome.status == INTERNAL:
            # pScheduler itself answered, so it is done with the task; what it needs is a pause that grows.
            task.search = min(limits.pause * 2.0 ** (task.posts - 1), limits.lost_post)
        self._session.debug(f"{task.iteration.label}: {error}; {LOOKING}")
        reason = f"answered {outcome.status}" if isinstance(outcome, Reply) else outcome.reason
        host = host_of(tasks_url(task.lead))
        self._session.emit(RequestHeldUp(task.lost_at, host, DOING, f"{reason}; {LOOKING}", task.lost_at + task.search))
        try:
            href = await self._find_lost(task)
        finally:
            self._session.emit(RequestHeldUp(self._session.clock.now(), host, DOING))
        if href is not None:
            return _answer(href)
        return _as_it_is(outcome) if task.posts >= attempts or self._session.shutdown.begun else None

    async def _find_lost(self, task: _Marked) -> Optional[str]:
        """Look for a task whose POST was not answered, for a while: the server may still be busy with it."""
        clock, limits, shutdown = self._session.clock, self._client.limits, self._session.shutdown
        url = marked_tasks_url(task.lead, mark_pattern(task.mark))
        while True:
            try:
                reply = await self._client.ask_lead(url, doing=LOOKING)
                hrefs = decipher_hrefs(reply, doing=LOOKING, url=url)
            except SchedulerError as error:
                if task.lost is None:
                    raise
                raise _with_hint(task.lost, f"whether the task is there could not be found out: {error}") from error
            for other in hrefs[1:]:
                await self._cancel_other(other)
            if hrefs:
                self._session.debug(f"{task.iteration.label}: found by its mark as {hrefs[0]}")
                self.found.add(hrefs[0])
                return hrefs[0]
            if task.lost_at is None or clock.now() >= task.lost_at + task.search:
                return None
            pause = limits.pause.total_seconds()
            if shutdown.begun:
                await clock.sleep(min(pause, LAST_LOOKS))
            else:
                await shutdown.sleep(clock, pause)

    async def _find(self, lead: str, mark: str, purpose: Purpose = Purpose.OTHER) -> List[str]:
        """List the tasks with a mark, without waiting for the end of an outage."""
        url = marked_tasks_url(lead, mark_pattern(mark))
        reply = await self._client.http.request(Request("GET", url, LOOKING, purpose, bind=self._client.hosts.bind))
        return decipher_hrefs(reply, doing=LOOKING, url=url)

    async def _find_kept(self, task: _Marked) -> Optional[str]:
        """Return the URL of a task that a server kept in spite of its answer; None if it did not, or does not say."""
        try:
            hrefs = await self._find(task.lead, task.mark)
        except SchedulerError:
            return None
        return hrefs[0] if hrefs else None

    async def _cancel_others(self, task: _Marked, href: str) -> None:
        """Cancel the tasks of earlier POSTs that arrived after all, when the task had been posted again."""
        try:
            others = [other for other in await self._find(task.lead, task.mark) if other != href]
        except SchedulerError as error:
            # The task itself is there, and that is what counts.
            self._session.debug(f"{error}; so it is not known whether an earlier POST of it arrived as well")
            return
        for other in others:
            await self._cancel_other(other)

    async def cancel_marked(self, lead: str, mark: Optional[str]) -> None:
        """
        Cancel the tasks with a mark, which are there although their POST failed.

        Raises:
            SchedulerError: They could not be listed.
        """
        for href in [] if mark is None else await self._find(lead, mark, Purpose.CANCEL):
            await self._cancel_other(href)

    async def _cancel_other(self, href: str) -> None:
        try:
            await self.cancel(href)
        except SchedulerError as error:
            self._session.debug(f"{error}; it is the task of a POST that was lost, and another one took its place")
        else:
            self._session.debug(f"canceled {href}, the task of a POST that was lost")

    async def cancel(self, href: str, *, doing: str = "canceling the task") -> bool:
        """
        Cancel a task or a run; one that does not exist any more is not an error.

        Args:
            href: The task or the run.
            doing: The step, for messages.

        Returns:
            Whether it existed.

        Raises:
            SchedulerError: The server did not do it.
        """
        request = Request("DELETE", href, doing, Purpose.CANCEL, bind=self._client.hosts.bind)
        reply = await self._client.http.request(request)
        if reply.status not in (OK, NO_CONTENT, NOT_FOUND):
            raise RefusedError(reply.status, legible(reply.text, _QUOTED), doing=doing, url=shown(href))
        return reply.status != NOT_FOUND

    async def is_answered(self, posting: Posting, patience: timedelta) -> bool:
        """Return whether an abandoned POST is answered, or given up, within some time."""
        await self._wait_for(posting.answer, patience)
        return posting.answer.done()

    async def find_abandoned(self, posting: Posting, patience: timedelta) -> Optional[str]:
        """
        Find the task of an abandoned POST.

        Args:
            posting: The POST.
            patience: How long to wait for its answer alone; after that, the task is looked for by its mark as well. The
                caller limits the time.

        Returns:
            The URL of the task; None if there is none.

        Raises:
            SchedulerError: Whether there is one could not be found out.
        """
        await self._wait_for(posting.answer, patience)
        while not posting.answer.done():
            if posting.mark is not None:
                with suppress(SchedulerError):
                    hrefs = await self._find(posting.lead, posting.mark, Purpose.CANCEL)
                    for other in hrefs[1:]:
                        await self._cancel_other(other)
                    if hrefs:
                        return hrefs[0]
            await self._wait_for(posting.answer, timedelta(seconds=LAST_LOOKS))
        try:
            return posting.answer.result()
        except SchedulerError as error:
            if not _may_have_arrived(error):
                return None
            raise

    async def _wait_for(self, answer: asyncio.Task[str], patience: timedelta) -> None:
        """Wait for an answer, for some time at most."""
        timer = asyncio.ensure_future(self._session.clock.sleep(patience.total_seconds()))
        try:
            await asyncio.wait({answer, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()


def _answer(href: str) -> Reply:
    """Return the answer that was lost."""
    return Reply(OK, {}, json.dumps(href).encode())


def _as_it_is(outcome: Outcome) -> Reply:
    if isinstance(outcome, Reply):
        return outcome
    raise outcome


def _error_of(outcome: Outcome, url: str) -> Optional[SchedulerError]:
    """Return why an outcome does not say where the task is; None if it does."""
    if not isinstance(outcome, Reply):
        return outcome
    try:
        decipher_task_href(outcome, url=url)
    except SchedulerError as error:
        return error
    return None


def _may_have_arrived(error: SchedulerError) -> bool:
    """Return whether a task may be on a server although its POST failed."""
    if isinstance(error, UnreachableError):
        return error.sent
    if isinstance(error, RefusedError):
        # Whatever else a server refuses, it says so with another status; 201 and the like are odd ways to accept.
        return error.status_code < REDIRECTION or error.status_code >= INTERNAL
    # An answer that cannot be understood, where the server meant to say where the task is.
    return True


def _with_hint(error: SchedulerError, hint: str) -> SchedulerError:
    """Return the same error with a hint; one that was an answer stays as it is."""
    if not isinstance(error, UnreachableError):
        return error
    return UnreachableError(error.reason, doing=DOING, url=error.url, hint=f"; {hint}", sent=True)
