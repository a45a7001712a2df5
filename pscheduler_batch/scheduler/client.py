"""What all steps of an iteration share to ask servers: the HTTP client, the hosts, and how long to wait."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Awaitable, Optional

from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.http.client import HttpClient
from pscheduler_batch.http.request import OutageLimits, Purpose, Request
from pscheduler_batch.http.response import INTERNAL, TOO_MANY, Reply
from pscheduler_batch.scheduler.api import UNSUPPORTED
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.scheduler.waiting import Looks, WaitLimits


class SchedulerClient:
    """
    Asks pScheduler servers about the tasks of one batch.

    Attributes:
        http: Makes the requests.
        hosts: Where they go.
        limits: How long to wait for what.
        looks: When to look at runs that are not due yet.
        session: The session that it is part of.
    """

    def __init__(self, http: HttpClient, hosts: Hosts, limits: WaitLimits) -> None:
        self.http = http
        self.hosts = hosts
        self.limits = limits
        self.session = http.session
        self.looks = Looks(self.session.clock, limits)
        # A server whose database is not back yet answers 500.
        self._outage = OutageLimits(limits.outage, limits.pause, frozenset({INTERNAL, TOO_MANY}))
        self._outage_refusable = OutageLimits(limits.outage, limits.pause, frozenset({TOO_MANY}))

    def ask_lead(
        self,
        url: str,
        *,
        doing: str,
        wait: float = 0,
        refusable: bool = False,
        purpose: Purpose = Purpose.OTHER,
    ) -> Awaitable[Reply]:
        """
        Send a request about a task that exists; as the task keeps running, a server may be unreachable for a while.

        A server that says when it wants to be asked again is asked then, or once more when no more time is left.

        Args:
            url: What to ask for.
            doing: The step, for messages.
            wait: How many seconds the server is asked to wait before it answers.
            refusable: Whether a 500 may be its last word, as there is something that it may be unable to do.
            purpose: What the request is for.

        Raises:
            UnreachableError: The server was out of reach for longer than the limit.
        """
        outage = self._outage_refusable if refusable else self._outage
        words = UNSUPPORTED if refusable else ""
        bind = self.hosts.bind
        purpose = Purpose.WAIT if wait else purpose
        return self.http.request(
            Request("GET", url, doing, purpose, bind=bind, wait=wait, outage=outage, final_words=words)
        )

    async def look(
        self, url: str, *, doing: str, within: timedelta, purpose: Purpose = Purpose.OTHER
    ) -> Optional[Reply]:
        """
        Look at a run that is not due yet; a look that fails does no harm, and is not retried.

        Args:
            url: What to ask for.
            doing: The step, for messages.
            within: For how long to wait for the answer.
            purpose: What the request is for.

        Returns:
            None if there was no usable answer.
        """
        request = Request("GET", url, doing, purpose, bind=self.hosts.bind, retried=False)
        looking = asyncio.ensure_future(self.http.request(request))
        timer = asyncio.ensure_future(self.session.clock.sleep(within.total_seconds()))
        try:
            await asyncio.wait({looking, timer}, return_when=asyncio.FIRST_COMPLETED)
            return looking.result() if looking.done() else None
        except (UnreachableError, ReplyError):
            return None
        finally:
            looking.cancel()
            timer.cancel()
            await asyncio.gather(looking, timer, return_exceptions=True)
