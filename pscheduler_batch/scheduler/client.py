"""What all steps of an iteration share to ask servers: the HTTP client, the hosts, and how long to wait."""

from __future__ import annotations

from typing import Awaitable

from pscheduler_batch.http.client import HttpClient
from pscheduler_batch.http.request import Outage, Purpose, Request
from pscheduler_batch.http.response import INTERNAL, OVERLOADED, TOO_MANY, Reply
from pscheduler_batch.scheduler.api import RESTARTING, UNSUPPORTED
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.scheduler.waiting import WaitLimits


class SchedulerClient:
    """
    Asks pScheduler servers about the tasks of one batch.

    Attributes:
        http: Makes the requests.
        hosts: Where they go.
        limits: How long to wait for what.
        session: The session that it is part of.
    """

    def __init__(self, http: HttpClient, hosts: Hosts, limits: WaitLimits) -> None:
        self.http = http
        self.hosts = hosts
        self.limits = limits
        self.session = http.session
        pause = limits.pause
        self._outage = Outage(limits.outage, pause, RESTARTING | {INTERNAL, TOO_MANY})
        self._outage_refusable = Outage(limits.outage, pause, RESTARTING | {TOO_MANY})
        self._outage_overload = Outage(limits.outage, pause, OVERLOADED | {INTERNAL, TOO_MANY})

    def ask_lead(
        self,
        url: str,
        *,
        doing: str,
        wait: float = 0,
        refusable: bool = False,
        overload: bool = False,
        purpose: Purpose = Purpose.OTHER,
    ) -> Awaitable[Reply]:
        """
        Ask about a task that exists and goes on, so that a server that is out of reach for a while does no harm.

        A server that says when it wants to be asked again is asked then, or once more when no more time is left.

        Args:
            url: What to ask for.
            doing: The step, for messages.
            wait: How many seconds the server is asked to wait before it answers.
            refusable: Whether a 500 may be its last word, as there is something that it may be unable to do.
            overload: Whether a 504 is an outage as well, which otherwise is an answer that took long.
            purpose: What the request is for.

        Raises:
            UnreachableError: The server was out of reach for longer than the limit.
        """
        outage = self._outage_refusable if refusable else self._outage_overload if overload else self._outage
        words = UNSUPPORTED if refusable else ""
        bind = self.hosts.bind
        return self.http.request(
            Request("GET", url, doing, purpose, bind=bind, wait=wait, outage=outage, final_words=words)
        )
