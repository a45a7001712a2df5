"""A time and a network of the tests' own, and a client over them."""

from __future__ import annotations

import asyncio

from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.session import Session
from tests.support.clients import make_client
from tests.support.clock import VirtualClock

URL = "https://ps.example.net/pscheduler/x?secret=1"
OK = Reply(200, {}, b"ok")
# Without chance: every pause is as long as it may be.
LONGEST = RetryPolicy(draw=lambda: 1.0)


class Network:
    """
    Makes requests that end as they are told to: in turn, the last way for ever.

    A way is a reply, an error, or a function of the URL that gives either; each request takes some seconds.
    """

    def __init__(self, time, *ways, takes=0.0):
        self.time = time
        self.ways = list(ways)
        self.takes = takes
        self.requests = []
        self.at_once = 0
        self.most_at_once = 0
        self.closed = False

    async def send(self, request, _host):
        """Make a request that ends as it was told to."""
        self.requests.append((self.time.seconds, request))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.takes:
                await self.time.pass_by(self.takes)
        finally:
            self.at_once -= 1
        way = self.ways.pop(0) if len(self.ways) > 1 else self.ways[0]
        outcome = way(request.url) if callable(way) else way
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def aclose(self):
        """Close."""
        self.closed = True


def lost(reason="Connection reset", *, sent=True, transient=True):
    """Make the error of a request without an answer."""
    return UnreachableError(reason, doing="asking", url="https://ps.example.net/x", sent=sent, transient=transient)


def refused():
    """Make the error of a request that never left."""
    return lost("Connection refused", sent=False)


class World:
    """A time, a network in it, and a client over that."""

    def __init__(self, *ways, policy=LONGEST, takes=0.0, max_connections=8):
        self.time = VirtualClock()
        self.network = Network(self.time, *ways, takes=takes)
        self.told = []
        self.watched = []
        session = Session(self.time.clock, self.told.append, (self.watched.append,))
        self.client = make_client(self.network, session, policy=policy, max_connections=max_connections)

    async def outcome(self, method="GET", url=URL, **given):
        """Make a request; give its reply or the error."""
        try:
            return await self.client.request(Request(method, url, "asking", **given))
        except (UnreachableError, ReplyError) as error:
            return error

    def run(self, coroutine):
        """Run something to its end in this world's time."""
        return asyncio.run(coroutine)

    def ask(self, method="GET", url=URL, **given):
        """Make a request; give its reply or the error."""
        return self.run(self.outcome(method, url, **given))

    @property
    def times(self):
        """When requests were made, in seconds since the beginning."""
        return [round(request[0], 3) for request in self.network.requests]
