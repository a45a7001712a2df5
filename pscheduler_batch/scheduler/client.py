"""Asking servers about tasks that are there and go on, whatever happens to the network for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Dict, Optional

from pscheduler_batch.clock import Clock
from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.events import RequestHeldUp, Watch, watch_nothing
from pscheduler_batch.http.request_slots import Purpose
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.retry import Requester
from pscheduler_batch.http.urls import host_of
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.scheduler.waiting import WaitLimits, server_offset
from pscheduler_batch.session import Shutdown

# What a web server says in the place of a pScheduler that is being started again. A 504 is missing: that took long.
AWAY = frozenset({502, 503})
# What pScheduler says itself while it is being started, as its database is not there yet, and when it is overworked.
INTERNAL = 500
TOO_MANY = 429


class SchedulerClient:
    """
    Makes requests, and keeps what they say of the servers' clocks.

    Attributes:
        hosts: Where requests go.
        clock: The time, and how to wait.
        patience: How long to wait for what.
        ending: Says whether the batch is being ended.
        max_connections: How many requests go to any one host at once.
    """

    def __init__(
        self,
        exchange: Requester,
        hosts: Hosts,
        clock: Clock,
        patience: WaitLimits,
        ending: Optional[Shutdown] = None,
        *,
        watch: Watch = watch_nothing,
    ) -> None:
        self.hosts = hosts
        self.clock = clock
        self.patience = patience
        self.ending = ending or Shutdown()
        self.max_connections = exchange.max_connections
        self._exchange = exchange
        self._watch = watch
        self._offsets: Dict[str, timedelta] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        bind: Optional[str],
        content: Optional[str] = None,
        wait: float = 0,
        purpose: Purpose = Purpose.OTHER,
    ) -> Reply:
        """
        Make one request; the arguments are those of :meth:`pscheduler_batch.http.client.Exchange.request`.

        Raises:
            UnreachableError: There was no answer.
        """
        reply = await self._exchange.request(
            method, url, doing=doing, content=content, bind=bind, wait=wait, purpose=purpose
        )
        elapsed = timedelta(seconds=reply.elapsed)
        self._offsets[host_of(url)] = server_offset(reply.date, self.clock.now(), elapsed)
        return reply

    async def ask_lead(
        self, url: str, *, doing: str, wait: float = 0, refusable: bool = False, purpose: Purpose = Purpose.OTHER
    ) -> Reply:
        """
        Ask about a task that is there and goes on, so that a server that is out of reach for a while does no harm.

        A server that says when it wants to be asked again is asked then, or once more when no more time is left.

        Args:
            url: What to ask for.
            doing: The step, for messages.
            wait: How many seconds the server is asked to wait before it answers.
            refusable: Whether a 500 may be its last word, as there is something that it may not be able to do.
            purpose: What the request is for.

        Raises:
            UnreachableError: It was out of reach for longer than is waited for.
        """
        since = self.clock.now()
        held_up = False
        try:
            while True:
                asked_for: Optional[timedelta] = None
                try:
                    reply = await self.request(
                        "GET", url, doing=doing, bind=self.hosts.bind, wait=wait, purpose=purpose
                    )
                except UnreachableError as error:
                    if self.clock.now() - since >= self.patience.outage:
                        raise
                    reason = error.reason
                else:
                    asked_for = reply.retry_after(self.clock.now())
                    # What cuts a long poll short is dealt with by those who wait; it does not say when to ask again.
                    away = reply.status == TOO_MANY or (reply.status in AWAY and (not wait or asked_for is not None))
                    away = away or (reply.status == INTERNAL and not refusable)
                    if not away or self.clock.now() - since >= self.patience.outage:
                        return reply
                    reason = f"answered {reply.status}"
                left = since + self.patience.outage - self.clock.now()
                pause = max(self.patience.pause, min(asked_for or timedelta(0), left))
                now, held_up = self.clock.now(), True
                self._watch(RequestHeldUp(now, host_of(url), doing, reason, now + pause))
                await self.clock.sleep(pause.total_seconds())
        finally:
            if held_up:
                self._watch(RequestHeldUp(self.clock.now(), host_of(url), doing))

    def offset(self, url: str) -> timedelta:
        """Say how far ahead of ours the clock of a server is, by its last answer."""
        return self._offsets.get(host_of(url), timedelta(0))
