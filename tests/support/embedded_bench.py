"""The embedded server on a virtual clock and without sockets, and tests for it that measure nothing."""

from __future__ import annotations

import asyncio
import json
import selectors
from datetime import datetime, timedelta, timezone

import httpx

from pscheduler_batch.embedded.api.app import make_app
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.scheduling.scheduler import Scheduler
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.test import Outcome, SpecError, Test, UnsupportedFormatError
from pscheduler_batch.iso8601 import format_duration, parse_duration

DAWN = datetime(2026, 3, 1, 6, tzinfo=timezone.utc)
# The keys of every run, in their order (recording e04).
RUN_KEYS = [
    *("added", "state", "errors", "result", "duration", "end-time", "priority", "start-time", "limit-diags"),
    *("participant", "result-full", "participants", "result-merged", "state-display", "participant-data"),
    *("participant-data-full", "href", "task-href", "result-href"),
]

PACE = Pace(scheduling=1, setup=4, cleanup=2)


class Nap(Test):
    """Takes the ``duration`` of its specification, and returns its ``data``."""

    name = "nap"
    description = "Take a nap"
    tool = "bed"

    def check(self, spec):
        """Require a duration."""
        if "duration" not in spec:
            raise SpecError("At /: 'duration' is a required property")
        try:
            parse_duration(spec["duration"])
        except ValueError as error:
            raise SpecError(f"At /duration: '{spec['duration']}' is not a valid ISO 8601 duration.") from error

    def duration(self, spec):
        """Return a second more than the nap takes."""
        return parse_duration(spec["duration"]) + timedelta(seconds=1)

    def unable(self, spec):
        """Refuse for the reason in the specification."""
        return spec.get("unable")

    async def measure(self, spec):
        """Sleep for the ``duration`` or until it "ends", then succeed or fail as the specification says."""
        await asyncio.sleep(parse_duration(spec.get("ends", spec["duration"])).total_seconds())
        if "raise" in spec:
            raise ValueError(spec["raise"])
        if "fail" in spec:
            report = {"succeeded": False, "result": None, "error": spec["fail"], "diags": ""}
            yield Outcome({"succeeded": False}, (report,), errors="tool: it failed")
        elif "nothing" not in spec:
            report = {"succeeded": True, "result": {}, "error": "", "diags": "slept"}
            merged = {"schema": 1, "duration": spec["duration"], "data": spec.get("data"), "succeeded": True}
            yield Outcome(merged, (report,))

    def plain(self, spec, result):
        """Render in two lines."""
        return f"Duration ... {result['duration']}\nData ....... {json.dumps(result['data'])}\n"

    def html(self, spec, result):
        """Refuse to render."""
        raise UnsupportedFormatError


class NapAlone(Nap):
    """A nap that does not run in parallel with others."""

    name = "nap-alone"
    scheduling_class = "exclusive"


class Naps(Nap):
    """Naps of five seconds; each is a result."""

    name = "naps"
    scheduling_class = "background-multi"

    def duration(self, spec):
        """Return the duration of all naps."""
        return parse_duration(spec["duration"])

    async def measure(self, spec):
        """Sleep several times, and fail at the nap that the specification names."""
        for number in range(int(parse_duration(spec["duration"]).total_seconds() / 5)):
            await asyncio.sleep(5)
            if number == spec.get("raise"):
                raise ValueError("woken up")
            yield Outcome({"succeeded": True, "nap": number}, ())

    def html(self, spec, result):
        """Render in one paragraph."""
        return f"<p>Nap {result['nap']}</p>"


TESTS = {test.name: test for test in (Nap(), NapAlone(), Naps())}


def nap_task(duration="PT10S", *, kind="nap", schedule=None, spec=None, **others):
    """Return a task for one of the tests above."""
    return {
        "test": {"type": kind, "spec": {"duration": duration, **(spec or {})}},
        "schedule": schedule or {},
        **others,
    }


def span(seconds):
    """Return seconds as an ISO 8601 duration."""
    return format_duration(timedelta(seconds=seconds))


def at(seconds):
    """Return the time so many seconds after the server's dawn, as text."""
    return (DAWN + timedelta(seconds=seconds)).isoformat()


def seconds_of(text):
    """Return a time as seconds after the server's dawn."""
    return (datetime.fromisoformat(text) - DAWN).total_seconds()


def outcomes(test, spec):
    """Run a test on its own and return all its outcomes."""

    async def collect():
        return [outcome async for outcome in test.measure(spec)]

    test.check(spec)
    return asyncio.run(collect())


class Bench:
    """
    The server without sockets, in a time that passes only when everything waits.

    Attributes:
        elapsed: How many seconds of that time the last request took.
    """

    def __init__(self, *, pace=PACE, keep_alive=False):
        self._selector = _LeapingSelector()
        self.loop = _LoneLoop(self._selector)
        self.loop.time = lambda: self._selector.now
        self.state = State(TESTS, pace, hostname="here", now=self.now)
        self.scheduler = Scheduler(self.state, chance=lambda: 0.5)
        app = make_app(self.state, self.scheduler, keep_alive=keep_alive)
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="https://ps.example.net/pscheduler/",
        )
        self.elapsed = 0.0

    def now(self):
        """Return the server's time."""
        return DAWN + timedelta(seconds=self._selector.now)

    def request(self, method, url, **kwargs):
        """Make a request; URLs are relative to the root of the API."""
        begin = self._selector.now
        reply = self.loop.run_until_complete(self._client.request(method, url, **kwargs))
        self.elapsed = self._selector.now - begin
        return reply

    def get(self, url, **params):
        """Make a GET request; underscores in the names of the query stand for hyphens."""
        return self.request(
            "GET", url, params={name.replace("_", "-"): value for name, value in params.items()} or None
        )

    def delete(self, url):
        """Make a DELETE request."""
        return self.request("DELETE", url)

    def post(self, task):
        """Post a task that is accepted, and return its URL."""
        reply = self.request("POST", "tasks", json=task)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def first_run(self, href):
        """Return the first run of a task, waiting for it."""
        return self.get(f"{href}/runs/first").json()

    def finished_run(self, href):
        """Return the first run of a task, waiting until it has ended."""
        return self.get(self.first_run(href)["href"], wait_merged="true", wait=600).json()

    def wait(self, seconds):
        """Let so many seconds of the server's time pass."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def close(self):
        """Stop the server and close the event loop."""
        self.loop.run_until_complete(self.scheduler.close())
        self.loop.run_until_complete(self._client.aclose())
        self.loop.close()


class _LeapingSelector(selectors.DefaultSelector):
    """Advances the time to the next event instead of waiting for it."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        """Return the files that are ready, without waiting for them."""
        events = super().select(0)
        if not events:
            assert timeout is not None, "everything waits, and nothing will ever happen"
            self.now += max(0.0, timeout)
        return events


class _LoneLoop(asyncio.SelectorEventLoop):
    """An event loop without threads, so that nothing depends on their speed."""

    def run_in_executor(self, executor, func, *args):
        """Run a function at once."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except OSError as error:
            future.set_exception(error)
        return future
