"""The client of a batch against the embedded server without sockets, in the server's time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import List, Optional

from pscheduler_batch.clock import Clock
from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.events import Event
from pscheduler_batch.http.client import HttpClient
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.model import Iteration, IterationResult
from pscheduler_batch.running.submitter import Submitter
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.session import Session
from tests.support.embedded_bench import Bench, nap_task

HOST = "ps.example.net"


class BenchTransport:
    """
    Sends requests to a server without sockets.

    Attributes:
        most: The maximum number of concurrent requests so far, by method.
    """

    def __init__(self, bench: Bench, timeout: float = 120.0) -> None:
        self._bench = bench
        self._timeout = timeout
        self._under_way: List[str] = []
        self.most = {"POST": 0, "GET": 0, "DELETE": 0}

    async def send(self, request: Request, _host: str) -> Reply:
        """Make a request."""
        start = self._bench.loop.time()
        self._under_way.append(request.method)
        self.most[request.method] = max(self.most[request.method], self._under_way.count(request.method))
        asking = self._bench._client.request(request.method, request.url, content=request.content)
        try:
            reply = await asyncio.wait_for(asking, self._timeout + request.wait)
        except asyncio.TimeoutError as error:
            raise UnreachableError("no answer", doing=request.doing, url=request.url, too_slow=True) from error
        finally:
            self._under_way.remove(request.method)
        return Reply(reply.status_code, dict(reply.headers), reply.content, self._bench.loop.time() - start)

    async def aclose(self) -> None:
        """Do nothing."""


class BenchBatch:
    """
    Parallel tasks, carried out as by a batch.

    Attributes:
        results: The results of the iterations.
        seconds: How long all of it took.
        events: The events.
        transport: What the requests went through.
    """

    def __init__(self, bench: Bench, count: int, max_connections: int = 8, *, start: Optional[datetime] = None) -> None:
        """Run them."""
        self.events: List[Event] = []
        self.transport = BenchTransport(bench)
        session = Session(Clock(bench.now), watches=(self.events.append,))
        client = HttpClient(self.transport, session, RetryPolicy(draw=lambda: 0.5), max_connections)
        submitter = Submitter(client, Hosts(HOST, HOST, lead_named=True))
        schedule = {} if start is None else {"start": start.isoformat(), "slip": "PT10M"}
        task = nap_task("PT3S", schedule=schedule)
        iterations = [Iteration(0, number, f"nap/{number}", timedelta(0), task) for number in range(count)]

        async def run() -> List[IterationResult]:
            results = await asyncio.gather(*(submitter.submit(item, start) for item in iterations))
            await submitter.aclose()
            return results

        began = bench.loop.time()
        self.results = bench.loop.run_until_complete(run())
        self.seconds = bench.loop.time() - began

    @property
    def succeeded(self) -> int:
        """The number of iterations with nothing but good results."""
        return sum(result.succeeded for result in self.results)
