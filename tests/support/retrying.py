"""A fake server and a client with retries, in virtual time."""

from __future__ import annotations

import asyncio

from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.session import Session
from tests.support.clients import make_client
from tests.support.clock import VirtualClock
from tests.support.server import FakeServer, in_turn

URL = "https://ps.example.net/pscheduler/x?secret=1"
OK = Reply(200, {}, b"ok")
# Without chance: every pause is as long as it may be.
LONGEST = RetryPolicy(draw=lambda: 1.0)


def lost(reason="Connection reset", *, sent=True, transient=True, too_slow=False):
    """Make the error of a request without an answer."""
    url = "https://ps.example.net/x"
    return UnreachableError(reason, doing="asking", url=url, sent=sent, transient=transient, too_slow=too_slow)


def refused():
    """Make the error of a request that never left."""
    return lost("Connection refused", sent=False)


class World:
    """A virtual clock, a server in its time, and a client of that server."""

    def __init__(self, *ways, policy=LONGEST, takes=0.0, max_connections=8):
        self.time = VirtualClock()
        self.server = FakeServer(in_turn(*ways), self.time, lambda _request: takes)
        self.told = []
        self.watched = []
        session = Session(self.time.clock, self.told.append, (self.watched.append,))
        self.client = make_client(self.server, session, policy=policy, max_connections=max_connections)

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
        return [round(seconds, 3) for seconds in self.server.seconds]
