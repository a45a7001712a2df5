"""
Exactly one task for each iteration.

A POST that was not answered may have arrived all the same, and one more would be one task too many. So each task
carries a mark, and a task whose POST was lost is looked for by it before it is posted again.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Callable, Dict, List, Optional, Set

from pscheduler_batch.errors import RefusedError, SchedulerError, UnreachableError
from pscheduler_batch.http.request_slots import Purpose, Slots
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.urls import shown
from pscheduler_batch.model import Iteration, JSONObject
from pscheduler_batch.scheduler.api import decipher_hrefs, decipher_task_href, marked_tasks_url, tasks_url
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.tasks import mark_pattern
from pscheduler_batch.scheduler.waiting import CUT

DOING = "posting the task"
REDIRECTED = 300
INTERNAL = 500
NOT_FOUND = 404

# How often a task is posted altogether whose POST is lost again and again.
ATTEMPTS = 3

# How many tasks are made ready to be posted to a host for each of its request slots; what is made ready takes memory.
TURNS = 16

# How often a lost task is looked for when the batch is being ended, in seconds.
LAST_LOOKS = 0.5


@dataclass(frozen=True)
class Posting:
    """
    A POST that is under way.

    Attributes:
        iteration: Whose task it is.
        lead: Where it goes.
        answer: Gives the URL of the task in the end.
    """

    iteration: Iteration
    lead: str
    answer: asyncio.Task[str]


class Poster:
    """
    Posts tasks.

    Attributes:
        abandoned: POSTs that nobody waits for any more, whose tasks may be on a server all the same.
        found: The URLs of tasks that were found by their marks.
    """

    def __init__(self, asker: SchedulerClient, tell: Callable[[str], None]) -> None:
        self._asker = asker
        self._tell = tell
        self.abandoned: List[Posting] = []
        self.found: Set[str] = set()
        self._turns: Dict[str, Slots] = {}

    async def post(
        self, lead: str, iteration: Iteration, mark: Optional[str], *, lost_at: Optional[datetime] = None
    ) -> str:
        """
        Post the task of an iteration.

        Args:
            lead: Where to.
            iteration: Whose task it is.
            mark: The mark that is in the task; None where there is none.
            lost_at: When it was posted before, if nobody remembers an answer; then it is looked for first.

        Returns:
            The URL of the task.

        Raises:
            SchedulerError: It was refused, or could not be posted.
        """
        turns = self._turns.get(lead)
        if turns is None:
            turns = self._turns[lead] = Slots(self._asker.max_connections * TURNS)
        answer: Optional[asyncio.Task[str]] = None
        try:
            await turns.take()
            answer = asyncio.ensure_future(self._post_until_known(lead, iteration, mark, lost_at))
            answer.add_done_callback(lambda _: turns.give_back())
            # A POST that was begun is not broken off: its answer says what is to be canceled.
            await asyncio.wait([answer])
        except asyncio.CancelledError:
            self._asker.ending.begin()
            # Where it was not begun, that is found out in the same way.
            answer = answer or asyncio.ensure_future(self._post_until_known(lead, iteration, mark, lost_at))
            self.abandoned.append(Posting(iteration, lead, answer))
            raise
        return answer.result()

    async def _post_until_known(
        self, lead: str, iteration: Iteration, mark: Optional[str], lost_at: Optional[datetime]
    ) -> str:
        lost: Optional[SchedulerError] = None
        attempts = 0
        while True:
            if lost_at is not None and mark is not None:
                href = await self._find_lost(lead, mark, lost_at, lost)
                if href is not None:
                    self._tell(f"{iteration.label}: found by its mark as {href}")
                    self.found.add(href)
                    return href
            if lost is not None and (attempts == ATTEMPTS or self._asker.ending.begun):
                raise lost
            attempts += 1
            try:
                href = await self._post_once(lead, iteration.task)
            except SchedulerError as error:
                kept = await self._see_what_came_of(error, lead, iteration, mark)
                if kept is not None:
                    return kept
                lost, lost_at = error, self._asker.clock.now()
            else:
                if lost_at is not None and mark is not None:
                    await self._cancel_others(lead, mark, href)
                return href

    async def _see_what_came_of(
        self, error: SchedulerError, lead: str, iteration: Iteration, mark: Optional[str]
    ) -> Optional[str]:
        """
        See what came of a POST that failed.

        Returns:
            The URL of the task, if the server kept it all the same; None where it is to be looked for.

        Raises:
            SchedulerError: There is no task, or there is no way to know.
        """
        if not _may_have_arrived(error):
            raise error
        if mark is None:
            hint = "the task may be there all the same; without a mark it cannot be found"
            raise _with_hint(error, hint) from error
        if not _is_lost(error):
            return await self._demand_kept(lead, mark, error)
        self._tell(f"{iteration.label}: {error}; looking for the task by its mark")
        return None

    async def _post_once(self, lead: str, task: JSONObject) -> str:
        url = tasks_url(lead)
        hosts = self._asker.hosts
        hint = ""
        if lead == hosts.lead and not hosts.lead_named:
            hint = "; the task names no other host, so this one would run it: name a --lead that runs pScheduler"
        try:
            content = json.dumps(task)
            reply = await self._asker.request(
                "POST", url, doing=DOING, content=content, bind=hosts.bind, purpose=Purpose.URGENT
            )
        except UnreachableError as error:
            raise UnreachableError(error.reason, doing=DOING, url=error.url, hint=hint, sent=error.sent) from error
        try:
            return decipher_task_href(reply, url=url)
        except RefusedError as error:
            if reply.status != NOT_FOUND:
                raise
            # No pScheduler server answers a POST of a task like that.
            raise RefusedError(NOT_FOUND, error.body + hint, doing=DOING, url=error.url) from error

    async def _find_lost(
        self, lead: str, mark: str, lost_at: datetime, lost: Optional[SchedulerError]
    ) -> Optional[str]:
        """Look for a task whose POST was not answered, for a while: the server may still be busy with it."""
        clock, patience, ending = self._asker.clock, self._asker.patience, self._asker.ending
        while True:
            try:
                hrefs = await self._find(lead, mark, patiently=True)
            except SchedulerError as error:
                if not _is_overworked(error) or clock.now() >= lost_at + patience.outage:
                    if lost is None:
                        raise
                    raise _with_hint(lost, f"whether the task is there could not be found out: {error}") from error
            else:
                for other in hrefs[1:]:
                    await self._cancel_other(other)
                if hrefs:
                    return hrefs[0]
                if clock.now() >= lost_at + patience.lost_post:
                    return None
            pause = min(patience.pause.total_seconds(), LAST_LOOKS) if ending.begun else patience.pause.total_seconds()
            await ending.sleep(clock, pause)

    async def _find(self, lead: str, mark: str, *, patiently: bool = False) -> List[str]:
        """List the tasks with a mark; patiently, however long the server may be away."""
        url = marked_tasks_url(lead, mark_pattern(mark))
        doing = "looking for the task by its mark"
        if patiently:
            reply = await self._asker.ask_lead(url, doing=doing)
        else:
            reply = await self._asker.request("GET", url, doing=doing, bind=self._asker.hosts.bind)
        return decipher_hrefs(reply, doing=doing, url=url)

    async def _demand_kept(self, lead: str, mark: str, error: SchedulerError) -> str:
        """See whether a server kept a task in spite of its answer, which is the error if it did not."""
        try:
            hrefs = await self._find(lead, mark)
        except SchedulerError:
            raise error from None
        if not hrefs:
            raise error
        return hrefs[0]

    async def _cancel_others(self, lead: str, mark: str, href: str) -> None:
        """Cancel the tasks of earlier POSTs that arrived after all, when the task had been posted again."""
        try:
            others = [other for other in await self._find(lead, mark) if other != href]
        except SchedulerError as error:
            # The task itself is there, and that is what counts.
            self._tell(f"{error}; so it is not known whether an earlier POST of it arrived as well")
            return
        for other in others:
            await self._cancel_other(other)

    async def _cancel_other(self, href: str) -> None:
        try:
            await self.cancel(href)
        except SchedulerError as error:
            self._tell(f"{error}; it is the task of a POST that was lost, and another one took its place")
        else:
            self._tell(f"canceled {href}, the task of a POST that was lost")

    async def cancel(self, task_href: str) -> bool:
        """
        Cancel a task; one that is not there any more is no error.

        Returns:
            Whether it was there.

        Raises:
            SchedulerError: The server did not do it.
        """
        doing = "canceling the task"
        reply: Reply = await self._asker.request("DELETE", task_href, doing=doing, bind=self._asker.hosts.bind)
        if reply.status not in (200, 204, NOT_FOUND):
            raise RefusedError(reply.status, reply.text.strip()[:300], doing=doing, url=shown(task_href))
        return reply.status != NOT_FOUND

    async def cancel_abandoned(self, posting: Posting) -> bool:
        """
        Cancel the task of a POST that nobody waited for, as soon as it is known.

        Returns:
            Whether there was one.

        Raises:
            SchedulerError: Whether there is one could not be found out, or it could not be canceled.
        """
        try:
            task_href = await posting.answer
        except SchedulerError as error:
            if not _may_have_arrived(error):
                return False
            raise
        return await self.cancel(task_href)


def _may_have_arrived(error: SchedulerError) -> bool:
    """Say whether a task may be on a server although its POST failed."""
    if isinstance(error, UnreachableError):
        return error.sent
    if isinstance(error, RefusedError):
        # Whatever else a server refuses, it says so with another status; 201 and the like are odd ways to accept.
        return error.status_code < REDIRECTED or error.status_code >= INTERNAL
    # An answer that cannot be understood, where the server meant to say where the task is.
    return True


def _is_lost(error: SchedulerError) -> bool:
    """Say whether there was no answer of the server itself; a server that answered is done with the task."""
    return isinstance(error, UnreachableError) or (isinstance(error, RefusedError) and error.status_code in CUT)


def _is_overworked(error: SchedulerError) -> bool:
    """Say whether the web server in front of pScheduler answered for it, which may pass."""
    return isinstance(error, RefusedError) and error.status_code in CUT


def _with_hint(error: SchedulerError, hint: str) -> SchedulerError:
    """Give the same error with something more to say; one that was an answer stays as it is."""
    if not isinstance(error, UnreachableError):
        return error
    return UnreachableError(error.reason, doing=DOING, url=error.url, hint=f"; {hint}", sent=True)
