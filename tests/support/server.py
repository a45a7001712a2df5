"""The server of all tests without sockets: a transport that answers in virtual time."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import replace
from typing import Awaitable, Callable, List, Optional, Tuple, Union

from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from tests.support.clock import VirtualClock

# How a request ends: with a reply, with an error, or never.
Ending = Union[Reply, Exception, None]
Answer = Callable[[Request], Union[Ending, Awaitable[Ending]]]


class FakeServer:
    """
    All hosts at once, as the transport of an :class:`HttpClient`.

    Attributes:
        answer: Returns how a request ends, or waits for that.
        clock: The time; give the same clock to the code under test.
        received: Each request, and when it came, in seconds.
        most_at_once: Maximum number of concurrent requests so far.
        closed: Whether the client has closed the transport.
    """

    def __init__(
        self,
        answer: Answer,
        clock: Optional[VirtualClock] = None,
        takes: Callable[[Request], float] = lambda _request: 0.0,
    ) -> None:
        """
        Prepare to answer requests.

        Args:
            answer: Returns how a request ends, or waits for that.
            clock: The time.
            takes: Returns how many seconds pass before a request is answered.
        """
        self.answer = answer
        self.clock = clock or VirtualClock()
        self.received: List[Tuple[float, Request]] = []
        self.most_at_once = 0
        self.closed = False
        self._takes = takes
        self._at_once = 0

    @property
    def requests(self) -> List[Request]:
        """The requests as they came."""
        return [request for _, request in self.received]

    @property
    def seconds(self) -> List[float]:
        """When each of them came."""
        return [at for at, _ in self.received]

    async def send(self, request: Request, _host: str) -> Reply:
        """Answer a request."""
        start = self.clock.seconds
        self.received.append((start, request))
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            seconds = self._takes(request)
            if seconds:
                await self.clock.pass_by(seconds)
            ending = self.answer(request)
            if inspect.isawaitable(ending):
                ending = await ending
            if ending is None:
                await asyncio.Event().wait()
        finally:
            self._at_once -= 1
        if isinstance(ending, Exception):
            raise ending
        assert isinstance(ending, Reply)
        took = self.clock.seconds - start
        return replace(ending, elapsed=took) if took else ending

    async def aclose(self) -> None:
        """Record that the transport is closed."""
        self.closed = True


def in_turn(*endings: Union[Ending, Callable[[str], Ending]]) -> Answer:
    """Return an answer that ends requests in these ways in turn, the last one for ever; a way may depend on the URL."""
    left = list(endings)

    def answer(request: Request) -> Ending:
        ending = left.pop(0) if len(left) > 1 else left[0]
        return ending(request.url) if callable(ending) else ending

    return answer
