"""Two batches for each fault, in which it hits every step of some iteration: once in the one, for good in the other."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, partial
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from pscheduler_batch import AsyncBatchProcessor
from pscheduler_batch.embedded.faults.actions import hanging
from pscheduler_batch.embedded.faults.garbling import cut_off, of_another_type, web_page
from pscheduler_batch.embedded.faults.rules import Rule
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.embedded.test import Outcome, Test
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.scheduler.waiting import WaitLimits

HTML = "text/html; charset=iso-8859-1"
ONCE, FOR_GOOD = "once", "for good"
UNDISTURBED = "undisturbed"
TIMEOUT = timedelta(seconds=1)
PATIENCE = WaitLimits(
    first_run_wait=0,
    scheduling=timedelta(seconds=0.7),
    result=timedelta(seconds=2),
    waits=(1,),
    pause=timedelta(seconds=0.05),
    outage=timedelta(seconds=0.5),
    lost_post=timedelta(seconds=0.2),
)
POLICY = RetryPolicy(
    attempts=4,
    internal_attempts=2,
    limit=timedelta(seconds=2.2),
    first=timedelta(seconds=0.05),
    longest=timedelta(seconds=0.2),
    patience_with_host=10_000,
    draw=lambda: 1.0,
)
# What passes is waited for until it has passed, however busy the machine is that runs the tests.
LONG = timedelta(seconds=30)
PATIENT = replace(PATIENCE, scheduling=LONG, result=LONG, outage=LONG)
PERSISTENT = replace(POLICY, limit=LONG)
LONG_TIMEOUT = timedelta(seconds=5)


class Tick(Test):
    """Takes the seconds of its specification; gives one result, or as many as it says."""

    name = "tick"
    description = "Let a clock tick"
    tool = "clock"

    def check(self, spec):
        """Accept anything."""

    def duration(self, spec):
        """Take the time that it takes."""
        return timedelta(seconds=spec["seconds"])

    async def measure(self, spec):
        """Wait for each result."""
        for number in range(spec.get("results", 1)):
            await asyncio.sleep(spec["seconds"] / spec.get("results", 1))
            yield Outcome({"succeeded": True, "tick": number}, ())

    def plain(self, spec, result):
        """Render in a line."""
        return f"The clock ticked: {result['tick']}\n"

    def html(self, spec, result):
        """Render as a paragraph."""
        return f"<p>The clock ticked: {result['tick']}</p>"


class Ticks(Tick):
    """Several results, each a run of its own."""

    name = "ticks"
    scheduling_class = "background-multi"


TESTS = {test.name: test for test in (Tick(), Ticks())}
PACE = Pace(scheduling=0, setup=0.02, cleanup=0.01)
WAITING = {"hang", "hang after the head", "hang in the body", "too slow"}
LEISURELY = Pace(scheduling=0, setup=0.5, cleanup=0.01)  # so that no run is due while the server is away
OUTAGE_TIMEOUT = timedelta(seconds=0.5)  # Only where nothing comes: a connection that is refused is so at once.
OUTAGE = 0.05  # seconds for which a server is away that comes back


# Each by its step, and by how often the fault comes.
Cases = List[Tuple[str, str]]


@dataclass(frozen=True)
class Step:
    """
    A step of an iteration.

    Attributes:
        where: What is asked for there.
        method: And how.
        doing: What messages call it.
        kind: The test that has this step.
    """

    where: Any
    doing: str
    method: str = "GET"
    kind: str = "tick"


STEPS = {
    "participants": Step(None, "finding participants"),
    "POST": Step("tasks", "posting the task", "POST"),
    "first run": Step("tasks/*/runs/first", "waiting for the first run"),
    "waiting": Step(re.compile("/runs/[0-9a-f-]{36}([?]wait|$)"), "waiting for the result"),
    "list of runs": Step(re.compile("^/tasks/[^/]*/runs$"), "listing the runs", kind="ticks"),
    "text/plain": Step(re.compile("format=text%2Fplain"), "fetching the result as text/plain"),
    "text/html": Step(re.compile("format=text%2Fhtml"), "fetching the result as text/html"),
    "cancel": Step("tasks/*", "canceling the task", "DELETE"),
}


def _page(status: int) -> Callable[..., Any]:
    return lambda faults, where, **which: faults.refuse(
        where, status, f"<h1>{status}</h1><p>Sorry.</p>", content_type=HTML, **which
    )


FAULTS: Dict[str, Callable[..., Any]] = {
    "reset before it is done": lambda faults, where, **which: faults.reset(where, **which),
    "reset after it is done": lambda faults, where, **which: faults.reset(where, done=True, **which),
    "reset in the body": lambda faults, where, **which: faults.reset(where, sent="half", **which),
    "hang": lambda faults, where, **which: faults.hang(where, **which),
    "hang after the head": lambda faults, where, **which: faults.hang(where, sent="head", **which),
    "hang in the body": lambda faults, where, **which: faults.hang(where, sent="half", **which),
    "too slow": lambda faults, where, **which: faults.slow(where, 1, **which),
    "500": lambda faults, where, **which: faults.refuse(where, 500, "Internal problem; see system logs.", **which),
    "500, too slow": lambda faults, where, **which: faults.refuse(
        where, 500, "Unable to determine participants: Process took too long to run.\n", **which
    ),
    "502": _page(502),
    "503": _page(503),
    "504": _page(504),
    "429": lambda faults, where, **which: faults.refuse(where, 429, "Too many requests", **which),
    "cut-off JSON": lambda faults, where, **which: faults.garble(where, cut_off, **which),
    "wrong types": lambda faults, where, **which: faults.garble(where, of_another_type(), **which),
    "HTML with 200": lambda faults, where, **which: faults.garble(where, web_page, content_type=HTML, **which),
}
# Those after which nothing comes until a limit of time.
SILENT = {"hang", "hang after the head", "hang in the body", "too slow"}
# What a text is not, that has no types.
TEXTS = {"text/plain", "text/html", "cancel"}


@dataclass(frozen=True)
class Ended:
    """
    What became of one iteration.

    Attributes:
        result: As in the output.
        tasks: How many tasks the server has of it.
        enabled: How many of these are not canceled.
    """

    result: Mapping[str, Any]
    tasks: int
    enabled: int

    @property
    def word(self) -> str:
        """What the table says."""
        if "interrupted" in self.result.get("error", ""):
            return "canceled" if self.result["error"].endswith("; its task was canceled") else "left"
        if "error" in self.result:
            return "fails"
        runs = self.result["runs"]
        texts = [run[media_type] for run in runs for media_type in ("text/plain", "text/html")]
        if None in texts:
            return "partly"
        return "ok" if all("The clock ticked: " in text for text in texts) else "as it is"

    @property
    def said(self) -> str:
        """What went wrong, in the words that the user gets."""
        errors = [words for run in self.result["runs"] for words in run.get("errors", {}).values()]
        return "; ".join([self.result.get("error", ""), *errors])


class Row:
    """All iterations of one fault; what became of each is found by step and by how often the fault came."""

    def __init__(self, set_fault: Callable[..., Any], *, silent: bool = False) -> None:
        self._set_fault = set_fault
        # Only where nothing comes is a limit waited for; the others have time on a busy machine.
        self._timeout = TIMEOUT if silent else LONG_TIMEOUT
        self.ended: Dict[Tuple[str, str], Ended] = {}
        self._run([name for name in STEPS if name != "cancel"], interrupt=False)
        self._run(["cancel"], interrupt=True)

    def _run(self, steps: List[str], *, interrupt: bool) -> None:
        passing, staying = ([(step, often) for step in steps] for often in (ONCE, FOR_GOOD))
        with EmbeddedServer(tests=TESTS, pace=PACE, keep_alive=True) as server:
            for case in (*passing, *staying):
                self._set(server, *case)
            for cases, often in ((passing, ONCE), (staying, FOR_GOOD)):
                cases.append((UNDISTURBED, f"{often}, then canceled" if interrupt else often))
            asyncio.run(self._run_both(server, passing, staying, interrupt=interrupt))

    async def _run_both(self, server: EmbeddedServer, passing: Cases, staying: Cases, *, interrupt: bool) -> None:
        """Run a batch of each, side by side: the end of a fault is then noticed without haste."""
        results = await asyncio.gather(
            run_batch(
                server,
                *_batch_of(passing, interrupt=interrupt),
                timeout=TIMEOUT if interrupt else LONG_TIMEOUT,  # Canceling has five seconds altogether.
                patience=PATIENT,
                retry=PERSISTENT,
            ),
            run_batch(
                server,
                *_batch_of(staying, interrupt=interrupt),
                timeout=TIMEOUT if interrupt else self._timeout,
            ),
        )
        for case, result in zip((*passing, *staying), (*results[0], *results[1])):
            self._note(server, case, result)

    def _note(self, server: EmbeddedServer, case: Tuple[str, str], result: Mapping[str, Any]) -> None:
        mine = [item for item in server.state.tasks.values() if item.document["test"]["spec"]["case"] == [*case]]
        enabled = [item for item in mine if item.enabled]
        self.ended[case] = Ended(result, len(mine), len(enabled))

    def _set(self, server: EmbeddedServer, step: str, often: str) -> None:
        where = STEPS[step].where
        which: Dict[str, Any] = {"times": 1 if often == ONCE else None, "method": STEPS[step].method}
        if where is None:
            pattern = f"participants.*{step}.*{often.replace(' ', '.')}"
            self._set_fault(server.state.faults, re.compile(pattern), **which)
        else:
            case = [step, often]
            self._set_fault(server.state.faults, where, task=lambda task: task["test"]["spec"]["case"] == case, **which)


def _task(step: str, often: str, *, hours: bool) -> Mapping[str, Any]:
    kind = "tick" if step == UNDISTURBED else STEPS[step].kind
    spec = {"seconds": 3600 if hours else 1.2 if step == "waiting" else 0.3, "case": [step, often]}
    if kind == "ticks":
        spec["results"] = 2
    return {"test": {"type": kind, "spec": spec}}


def _batch_of(cases: Cases, *, interrupt: bool) -> Tuple[Mapping[str, Any], Optional[int]]:
    """Return a batch with an iteration for each case, and when to interrupt it."""
    tasks = [_task(*case, hours=interrupt) for case in cases]
    job = {"label": "job", "iterations": len(cases), "parallel": True, "sync-start": False, "task": tasks}
    return {"jobs": [job]}, len(cases) if interrupt else None


class Interrupter:
    """Takes the place of signals."""

    def __init__(self) -> None:
        self.interrupt: Optional[Callable[[str], None]] = None

    @contextmanager
    def watching(self, interrupt, _hurry):
        """Take what ends the batch."""
        self.interrupt = interrupt
        yield


async def run_batch(
    server: EmbeddedServer,
    batch: Mapping[str, Any],
    interrupt_at: Optional[int] = None,
    *,
    timeout: timedelta,
    patience: WaitLimits = PATIENCE,
    retry: RetryPolicy = POLICY,
) -> List[Mapping[str, Any]]:
    """Run a batch on a server; interrupt it when so many runs are scheduled."""
    processor = AsyncBatchProcessor(
        batch,
        assist=server.netloc,
        lead=server.netloc,
        timeout=timeout,
        max_connections=100,
        patience=patience,
        retry=retry,
    )
    signals = Interrupter()
    scheduled: List[str] = []

    def tell(line: str) -> None:
        if ": scheduled as " in line:
            scheduled.append(line)
            if len(scheduled) == interrupt_at:
                asyncio.get_running_loop().call_soon(signals.interrupt, "interrupted")

    outcome = await processor.run(processor.plan(), tell, signals=signals)
    assert not outcome.bugs, outcome.bugs
    return processor.document(outcome)["jobs"][0]["results"]


class OutageRow(Row):
    """What happens where the whole server goes away at a step of one iteration, and comes back or does not."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self.ended = {}
        with ThreadPoolExecutor(4) as threads:
            ends = [threads.submit(self._go_away_at, step, often) for step in STEPS for often in (ONCE, FOR_GOOD)]
        for end in ends:
            end.result()
        # No other test could be disturbed by it.
        self.ended.update({(UNDISTURBED, often): self.ended["participants", ONCE] for often in (ONCE, FOR_GOOD)})

    def _go_away_at(self, step: str, often: str) -> None:
        interrupt = step == "cancel"
        with EmbeddedServer(tests=TESTS, pace=LEISURELY, keep_alive=True) as server, ExitStack() as stack:
            outage = stack.enter_context(_outage(server, silent=self._silent, for_good=often == FOR_GOOD))
            which = {"times": 1, "method": STEPS[step].method}
            where = STEPS[step].where or "tests/*/participants"
            server.state.faults.add(Rule(where, _Trigger(outage), **which))
            batch = {"jobs": [{"label": "job", "task": _task(step, often, hours=interrupt)}]}
            patience, retry = (PATIENT, PERSISTENT) if often == ONCE else (PATIENCE, POLICY)
            interrupt_at = 1 if interrupt else None
            timeout = OUTAGE_TIMEOUT if self._silent else LONG_TIMEOUT
            running = run_batch(server, batch, interrupt_at, timeout=timeout, patience=patience, retry=retry)
            (result,) = asyncio.run(running)
        self._note(server, (step, often), result)


class _Trigger:
    """Sets something off, and never answers."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    async def __call__(self, app: Any, scope: Any, receive: Any, send: Any) -> None:
        self._event.set()
        await hanging(done=False, sent="nothing")(app, scope, receive, send)


@contextmanager
def _outage(server: EmbeddedServer, *, silent: bool, for_good: bool) -> Iterator[threading.Event]:
    """Let a server go away when an event is set; its port is then closed, or does not answer."""
    begin, end = threading.Event(), threading.Event()
    port = int(server.netloc.rpartition(":")[2])

    def go_away() -> None:
        begin.wait()
        server.stop()
        if silent:
            with socket.socket() as listening:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.bind(("127.0.0.1", port))
                listening.listen()
                end.wait(None if for_good else OUTAGE)
        else:
            end.wait(None if for_good else OUTAGE)
        if not for_good:
            server.start()

    thread = threading.Thread(target=go_away)
    thread.start()
    try:
        yield begin
    finally:
        begin.set()
        end.set()
        thread.join()


# What makes the row of each fault.
ROWS: Dict[str, Callable[[], Row]] = {
    **{name: partial(Row, set_fault, silent=name in SILENT) for name, set_fault in FAULTS.items()},
    "server gone": partial(OutageRow, silent=False),
    "server silent": partial(OutageRow, silent=True),
}


@cache
def rows() -> Dict[str, Row]:
    """Run the batches of all faults, once for all their cells; many side by side, as they mostly wait."""
    waiting = [name for name in ROWS if name in WAITING]
    others = [name for name in ROWS if name not in WAITING]
    made: Dict[str, Row] = {}
    # Those in which a request may take a second only are not to be disturbed by the others.
    for names in (waiting, others):
        with ThreadPoolExecutor(4) as threads:
            made.update(zip(names, threads.map(lambda name: ROWS[name](), names)))
    return made
