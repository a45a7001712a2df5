"""Iterations on the embedded server, in a time that passes only when all in both wait (embedded_bench.py)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Callable, List, Optional, Tuple, Union

from pscheduler_batch.clock import Clock
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.embedded.tests.idlebgm import IdlebgmTest
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.iso8601 import format_timestamp
from pscheduler_batch.model import Iteration, IterationResult
from pscheduler_batch.running.submitter import Submitter
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Session
from tests.support import embedded_bench
from tests.support.clients import make_client
from tests.support.embedded_bench import Bench, nap_task
from tests.support.server import FakeServer

HOST = "ps.example.net"
TESTS = {test.name: test for test in (IdleTest(), IdlebgmTest(), *embedded_bench.TESTS.values())}

EMBEDDED = Pace()
# As recorded: one run is made soon after the POST, the other when the scheduler looks again, and begins as late as any
# did there [t-timings].
REAL = Pace(scheduling=1.5, setup=3.5, cleanup=1.5, whole_seconds=True, participants=0.5, posting=3.0)
REAL_LATE = Pace(scheduling=11.0, setup=3.8, cleanup=1.5, whole_seconds=True, participants=0.5, posting=3.0)


def idle_task(duration="PT2S", **schedule):
    """Make a task whose length is known."""
    return {"test": {"type": "idle", "spec": {"duration": duration}}, "schedule": schedule}


def unknown_task(duration="PT4S"):
    """Make a task of a test of unknown duration."""
    return nap_task(duration)


@dataclass
class Runs:
    """
    What was measured.

    Attributes:
        results: What became of the iterations.
        asked: Each request as "POST /tasks", without the identifiers; then its query, when it began, how long it took.
        seconds: How long all of it took.
        told: The lines for debugging.
    """

    results: List[IterationResult] = field(default_factory=list)
    asked: List[Tuple[str, str, float, float]] = field(default_factory=list)
    seconds: float = 0.0
    told: List[str] = field(default_factory=list)

    @property
    def each(self) -> float:
        """How many requests a run has cost, the look-up of participants apart."""
        return len([what for what, *_ in self.asked if "participants" not in what]) / len(self.results)

    def looks(self) -> List[Tuple[str, float, float]]:
        """Return the questions for first runs: the query, when they were asked, how long they took."""
        return [(query, at, took) for what, query, at, took in self.asked if what.endswith("/runs/first")]


# What comes instead of the server's answer to a request, at a time in seconds from the beginning; None for that answer.
Fault = Callable[[Request, float], Union[Reply, Exception, None]]


def _server(bench: Bench, runs: Runs, fault: Fault, *, plain_first: bool) -> FakeServer:
    """Return a transport to the embedded server, without sockets, that records how long each request takes."""

    async def answer(request: Request) -> Union[Reply, Exception]:
        url = request.url
        begin = bench.loop.time()
        instead = fault(request, (bench.now() - embedded_bench.DAWN).total_seconds())
        if instead is not None:
            return instead
        path, _, query = url.partition("/pscheduler")[2].partition("?")
        if plain_first and path.endswith("/runs/first"):
            url = url.replace("wait-merged=true&", "")
        reply = await bench.send(request.method, url, request.content)
        took = bench.loop.time() - begin
        runs.asked.append((f"{request.method} {re.sub('[0-9a-f-]{36}', 'ID', path)}", query, begin, took))
        return Reply(reply.status_code, dict(reply.headers.items()), reply.content, took)

    return FakeServer(answer)


class _Bench(Bench):
    """The server with more tests."""

    def __init__(self, pace: Pace) -> None:
        super().__init__(pace=pace)
        self.state.tests.update(TESTS)

    async def send(self, method, url, content):
        headers = {"Content-Type": "application/json"} if content else {}
        return await self._client.request(method, url, content=content, headers=headers)


def run(
    tasks,
    *,
    pace: Pace = EMBEDDED,
    serially: bool = False,
    start: Optional[float] = None,
    plain_first: bool = False,
    prepare=None,
    watch=lambda _: None,
    fault: Fault = lambda _request, _at: None,
    patience: Optional[WaitLimits] = None,
) -> Runs:
    """
    Run iterations.

    Args:
        tasks: What they run.
        pace: How fast the server is.
        serially: Whether they run one after another.
        start: Their synchronized start, in seconds from the beginning.
        plain_first: Whether the server does not know how to wait for the result of the first run.
        prepare: Is given the state of the server before anything else.
        watch: Is given the events.
        fault: Answers some requests instead of the server.
        patience: How long to wait for what.
    """
    bench = _Bench(pace)
    state: State = bench.state
    if prepare is not None:
        prepare(state)
    runs = Runs()
    at = None if start is None else bench.now() + timedelta(seconds=start)
    if at is not None:
        tasks = [{**task, "schedule": {**task["schedule"], "start": format_timestamp(at)}} for task in tasks]
    clock = Clock(bench.now, asyncio.sleep)
    server = _server(bench, runs, fault, plain_first=plain_first)
    hosts = Hosts(HOST, HOST, lead_named=True)
    client = make_client(server, Session(clock, runs.told.append, (watch,)))
    submitter = Submitter(client, hosts, patience, new_mark=None)
    iterations = [Iteration(0, number, f"x/{number}", timedelta(0), task) for number, task in enumerate(tasks)]

    async def go():
        if serially:
            return [await submitter.submit(iteration, at) for iteration in iterations]
        return list(await asyncio.gather(*(submitter.submit(iteration, at) for iteration in iterations)))

    try:
        runs.results = bench.loop.run_until_complete(go())
        runs.seconds = bench.loop.time()
        bench.loop.run_until_complete(submitter.aclose())
    finally:
        bench.close()
    return runs
