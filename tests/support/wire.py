"""
A pScheduler server made of files, for tests of what goes over the wire.

``tests/replies/CASE/*.json`` are exchanges: a request, and the replies to its first, second … occurrence, of which the
last one stands for all later ones. A case has what differs from the case ``single``: a task with one result. A reply is
a ``status`` (200 where it says none) with ``json`` or ``text``, or a ``run``: what differs from ``single/run.json``. It
may take a number of seconds on the clock of the test (``takes``). URLs begin below the root of the API.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional
from urllib.parse import unquote

import httpx
import respx

from pscheduler_batch.events import Watch
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.model import Iteration, IterationResult, redactor_of_all
from pscheduler_batch.running.submitter import Submitter
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Session
from tests.support.clients import make_client
from tests.support.events import watch_nothing
from tests.support.server import Ending, FakeServer

REPLIES = Path(__file__).parents[1] / "replies"
CASES = sorted(folder.name for folder in REPLIES.iterdir())  # Each may be run with submit().

HOST = "ps.example.net"
ROOT = f"https://{HOST}/pscheduler"
IDLE = {"test": {"type": "idle", "spec": {"duration": "PT2S"}}, "schedule": {}}

ONE_HOST = Hosts(HOST, HOST, lead_named=True)

NAN = "NOT-A-NUMBER"  # In files for what Python servers write, although it is no JSON.


class Wire(FakeServer):
    """
    A server made of files.

    Attributes:
        sent: The requests as they came over the wire.
        changed: Replies instead of those in the files.
        broken: What goes wrong instead of the first replies to a request.
    """

    def __init__(self, case: str) -> None:
        """Read the files of a case."""
        super().__init__(self._reply)
        files = {path.name: path for name in ("single", case) for path in (REPLIES / name).glob("*.json")}
        documents = {name: json.loads(path.read_text()) for name, path in files.items()}
        self.sent: List[httpx.Request] = []
        self.changed: Dict[str, List[Mapping[str, Any]]] = {}
        self.broken: Dict[str, List[Exception]] = {}
        self.ahead = documents.pop("clock.json", {"ahead": 0})["ahead"]
        self._run = documents.pop("run.json")
        self._run.pop("about")
        self._replies = {document["request"]: list(document["replies"]) for document in documents.values()}

    @property
    def asked(self) -> List[str]:
        """What was asked for, as in the files, with the whole query."""
        return [_asked(request) for request in self.requests]

    @property
    def posts(self) -> List[httpx.Request]:
        """The POSTs among the requests."""
        return [request for request in self.sent if request.method == "POST"]

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of httpx, in no time but that of the clock."""
        self.sent.append(request)
        reply = await self.send(Request(request.method, str(request.url), "asking"), request.url.host)
        return httpx.Response(reply.status, content=reply.body, headers=reply.headers)

    async def _reply(self, request: Request) -> Ending:
        asked = _asked(request)
        date = format_datetime(self.clock.now() + timedelta(seconds=self.ahead), usegmt=True)
        known = asked if asked in self._replies else asked.partition("?")[0]
        if self.broken.get(known):
            return self.broken[known].pop(0)
        replies = self.changed.get(known) or self._replies.get(known, [{"status": 404, "text": "Resource not found."}])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        await self.clock.pass_by(reply.get("takes", 0))
        headers = {"Date": date, "Content-Type": reply.get("type", "text/plain"), **reply.get("headers", {})}
        return Reply(reply.get("status", 200), headers, self._body(reply, known.partition(" ")[2]).encode())

    def _body(self, reply: Mapping[str, Any], path: str) -> str:
        if "text" in reply:
            return str(reply["text"])
        value = reply["json"] if "json" in reply else self._whole_run(reply["run"], path)
        return json.dumps(_whole_urls(value)).replace(f'"{NAN}"', "NaN")

    def _whole_run(self, run: Mapping[str, Any], path: str) -> Mapping[str, Any]:
        href = run.get("href", path.replace("/runs/first", "/runs/0a"))
        hrefs = {"href": href, "result-href": f"{href}/result", "task-href": href.partition("/runs/")[0]}
        return {**self._run, **hrefs, **run}


@contextmanager
def serving() -> Iterator[Callable[..., Wire]]:
    """Yield a function that makes a server of a case; every request goes to the last one that was made."""
    with respx.mock(assert_all_called=False) as router:

        def make(case: str = "single") -> Wire:
            made = Wire(case)
            router.clear()
            router.route().mock(side_effect=made.exchange)
            return made

        yield make


def _asked(request: Request) -> str:
    return f"{request.method} {unquote(request.url).partition('/pscheduler')[2]}"


def _whole_urls(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("/tasks/"):
        return ROOT + value
    if isinstance(value, list):
        return [_whole_urls(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole_urls(item) for name, item in value.items()}
    return value


def submit(
    wire: Wire,
    *,
    task: Mapping[str, Any] = IDLE,
    start: Optional[datetime] = None,
    hosts: Hosts = ONE_HOST,
    told: Optional[List[str]] = None,
    patience: Optional[WaitLimits] = None,
    new_mark: Optional[Callable[[], str]] = None,
    measured: Callable[[], None] = lambda: None,
) -> IterationResult:
    """Run one iteration on a server made of files; see :func:`serving`."""
    iteration = Iteration(0, 0, "idle/0", timedelta(0), task)
    (result,) = submit_all(
        wire,
        [iteration],
        start=start,
        hosts=hosts,
        told=told,
        patience=patience,
        new_mark=new_mark,
        measured=measured,
    )
    return result


def submit_all(
    wire: Wire,
    iterations: List[Iteration],
    *,
    start: Optional[datetime] = None,
    hosts: Hosts = ONE_HOST,
    told: Optional[List[str]] = None,
    patience: Optional[WaitLimits] = None,
    max_connections: int = 8,
    serially: bool = False,
    new_mark: Optional[Callable[[], str]] = None,
    watch: Watch = watch_nothing,
    measured: Callable[[], None] = lambda: None,
) -> List[IterationResult]:
    """Run iterations, side by side or one after another, on a server made of files; see :func:`serving`."""
    lines: List[str] = [] if told is None else told

    async def run() -> List[IterationResult]:
        session = Session(wire.clock.clock, lines.append, (watch,), redactor=redactor_of_all(iterations))
        client = make_client(None, session, max_connections=max_connections)
        submitter = Submitter(client, hosts, patience, new_mark=new_mark)
        try:
            running = (submitter.submit(iteration, start, measured=measured) for iteration in iterations)
            if serially:
                return [await iteration for iteration in running]
            return list(await asyncio.gather(*running))
        finally:
            await client.aclose()

    return asyncio.run(run())
