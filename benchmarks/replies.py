"""
The responses of the minimal server: the part of pScheduler's API that a batch uses, from prepared texts.

No state is kept between requests. The identifier of a task contains its start, so any thread can answer any request at
hardly any cost. The keys, their order and the sizes are those of recorded responses
(b12, c01, t-idle2-first, t-idle2-waitmerged, g-rttok-result-plain, g-rttok-result-html).
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import formatdate
from typing import Any, Dict, Iterator, Optional
from urllib.parse import parse_qs, urlsplit

from pscheduler_batch.iso8601 import parse_timestamp

# The kinds of requests that are counted separately.
PARTICIPANTS, POST, SEARCH, FIRST, RUN, RUNS, PLAIN, HTML, OTHER = (
    "participants",
    "post",
    "search",
    "first",
    "run",
    "runs",
    "text/plain",
    "text/html",
    "other",
)

LIMIT_DIAGS = (
    "Hints:\n  requester: 127.0.0.1\n  server: 127.0.0.1\nIdentified as everybody\nClassified as all\n"
    "Application: Everything but the demo denials\n  Group 1: Limit 'demo-deny' passed\n"
    "  Group 1: Want all, 1/1 passed, 0/1 failed: PASS\n  Application PASSES\n"
    "Passed one application.  Stopping.\nProposal meets limits\nPriority set to default of 0"
)
PLAIN_LINE = "1       localhost (127.0.0.1)  64 Bytes  TTL 64  RTT 0.0340 ms\n"
HTML_ROW = "<tr>\n    <td>1</td>\n  <td>localhost</td><td>127.0.0.1</td>\n      <td>64</td>\n  </tr>\n"

_NOT_FOUND = b"Resource not found.\n"
_TASK = re.compile(r"/pscheduler/tasks/([0-9a-f]{8})-0000-4000-8000-([0-9a-f]{12})(/runs(?:/([^/]+)(/result)?)?)?")
_PARTICIPANTS = re.compile(r"/pscheduler/tests/[^/]+/participants")


@dataclass(frozen=True)
class Request:
    """
    An HTTP request.

    Attributes:
        target: The path and the query.
        host: Its ``Host`` header; all URLs in the response are on that host.
    """

    method: str
    target: str
    host: str
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """
    A response.

    Attributes:
        kind: The kind of the request, for the counts.
        delay: How many seconds the server waits before it.
        start: The start of the posted task, in seconds since 1970.
    """

    kind: str
    body: bytes
    status: str = "200 OK"
    media_type: str = "application/json"
    delay: float = 0.0
    start: Optional[float] = None

    def encode(self, *, keep: bool) -> bytes:
        """
        Encode it as HTTP, with the header fields of stock servers.

        Args:
            keep: Whether the connection is kept open.
        """
        head = (
            f"HTTP/1.1 {self.status}\r\nDate: {formatdate(usegmt=True)}\r\nServer: Apache/2.4\r\n"
            f"Content-Length: {len(self.body)}\r\nConnection: {'Keep-Alive' if keep else 'close'}\r\n"
            f"Content-Type: {self.media_type}\r\n\r\n"
        )
        return head.encode("ascii") + self.body


@dataclass
class Pages:
    """
    The responses of a server.

    Attributes:
        length: The length of a run, in seconds.
        result_bytes: The approximate size of the JSON of a result.
        post_delay: How long the server takes to accept a task, in seconds.
    """

    length: float = 0.0
    result_bytes: int = 0
    post_delay: float = 0.0
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _templates: Dict[bool, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prepare the texts."""
        self._templates = {done: _run_template(self.result_bytes, done=done) for done in (False, True)}
        self._plain = (PLAIN_LINE * max(3, self.result_bytes // 600)).encode()
        self._html = f"<table>\n{HTML_ROW * max(5, self.result_bytes // 600)}</table>\n".encode()

    def answer(self, request: Request, now: float) -> Answer:
        """
        Answer a request.

        Args:
            request: The request.
            now: The time, in seconds since 1970.
        """
        path = urlsplit(request.target).path
        if request.method == "POST" and path == "/pscheduler/tasks":
            return self._accept(request, now)
        if request.method == "GET":
            if path == "/pscheduler/tasks":
                return Answer(SEARCH, b"[]\n")
            if _PARTICIPANTS.fullmatch(path):
                return _participants(request)
            task = _TASK.fullmatch(path)
            if task is not None and task[3]:
                return self._describe(request, task, now)
        return _not_found()

    def _accept(self, request: Request, now: float) -> Answer:
        # Several threads use this iterator.
        number = next(self._numbers)
        schedule = json.loads(request.body).get("schedule", {})
        start = parse_timestamp(schedule["start"]).timestamp() if "start" in schedule else now
        identifier = f"{number % 2**32:08x}-0000-4000-8000-{int(start * 1000):012x}"
        href = f'"https://{request.host}/pscheduler/tasks/{identifier}"\n'
        return Answer(POST, href.encode("ascii"), delay=self.post_delay, start=start)

    def _describe(self, request: Request, task: re.Match[str], now: float) -> Answer:
        query = parse_qs(urlsplit(request.target).query)
        start = int(task[2], 16) / 1000
        left = start + self.length - now
        if task[4] is None:
            return Answer(RUNS, json.dumps([self._run_href(request, task)]).encode())
        if task[5] is not None:
            return self._render(query.get("format", [""])[0]) if left <= 0 else _not_found()
        kind = FIRST if task[4] == "first" else RUN
        waits = query.get("wait-merged") == ["true"]
        delay = min(max(left, 0.0), float(query.get("wait", ["30"])[0])) if waits else 0.0
        return Answer(kind, self._run(request, task, start, done=left <= delay), delay=delay)

    def _render(self, media_type: str) -> Answer:
        bodies = {PLAIN: self._plain, HTML: self._html}
        if media_type not in bodies:
            return _not_found()
        return Answer(media_type, bodies[media_type], media_type=f"{media_type}; charset=utf-8")

    def _run_href(self, request: Request, task: re.Match[str]) -> str:
        identifier = f"{task[1]}-0000-4000-8000-{task[2]}"
        return f"https://{request.host}/pscheduler/tasks/{identifier}/runs/{identifier}"

    def _run(self, request: Request, task: re.Match[str], start: float, *, done: bool) -> bytes:
        href = self._run_href(request, task)
        text = self._templates[done]
        for name, value in (
            ("@START", _timestamp(start)),
            # Whole seconds, as everywhere in pScheduler; the end is rounded up.
            ("@END", _timestamp(-(-(start + self.length) // 1) if self.length else start)),
            ("@TASK", href.rpartition("/runs/")[0]),
            ("@RUN", href),
        ):
            text = text.replace(name, value)
        return text.encode("ascii")


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat()


def _participants(request: Request) -> Answer:
    """Return the ``host`` of the spec as the only participant; null without one (recordings b10, b11)."""
    spec = json.loads(parse_qs(urlsplit(request.target).query)["spec"][0])
    host: Optional[str] = spec.get("host")
    return Answer(PARTICIPANTS, json.dumps({"participants": [host]}).encode())


def _not_found() -> Answer:
    return Answer(OTHER, _NOT_FOUND, "404 NOT FOUND", "text/plain; charset=utf-8")


def _run_template(result_bytes: int, *, done: bool) -> str:
    """Return a run with placeholders for what differs between runs."""
    merged: Dict[str, Any] = {"schema": 1, "duration": "PT0S", "succeeded": True}
    if result_bytes:
        line = {"seq": 1, "ip": "127.0.0.1", "rtt": "PT0.000034S", "length": 64, "ttl": 64}
        merged["roundtrips"] = [line] * max(1, result_bytes // len(json.dumps(line)))
    report = {"diags": "", "error": "", "result": merged, "succeeded": True}
    run: Dict[str, Any] = {
        "added": "@START",
        "state": "finished" if done else "running",
        "errors": None,
        "result": report if done else None,
        "duration": "PT1S",
        "end-time": "@END",
        "priority": None,
        "start-time": "@START",
        "limit-diags": LIMIT_DIAGS,
        "participant": 0,
        "result-full": [report] if done else None,
        "participants": ["localhost"],
        "result-merged": merged if done else None,
        "state-display": "Finished" if done else "Running",
        "participant-data": {},
        "participant-data-full": [{}],
        "href": "@RUN",
        "task-href": "@TASK",
        "result-href": "@RUN/result",
    }
    return json.dumps(run) + "\n"
