"""When the tasks of a parallel job leave, if look-ups and submissions take their time (ADR 10 and 20)."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Callable, List, NamedTuple, Optional
from urllib.parse import parse_qs, urlsplit

import pytest

from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.model import Iteration
from pscheduler_batch.running.submitter import Submitter
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.session import Session
from tests.support.clients import make_client
from tests.support.clock import NOON
from tests.support.server import FakeServer

ASSIST = "assist.example.net"
START = 600.0
LOOK_UP = 0.5
POST = 3.0


class Asked(NamedTuple):
    """A request: when it was made, in seconds, where, how, and of which iteration it was, if that can be seen."""

    at: float
    host: str
    method: str
    number: Optional[int]


def looks_up(request: Request) -> bool:
    """Return whether a request looks up participants."""
    return urlsplit(request.url).path.endswith("/participants")


def number_of(request: Request) -> Optional[int]:
    """Return the number in the test of a request; None if it has no test."""
    if looks_up(request):
        return int(json.loads(parse_qs(urlsplit(request.url).query)["spec"][0])["number"])
    return None if request.content is None else int(json.loads(request.content)["test"]["spec"]["number"])


def all_asked(server: FakeServer) -> List[Asked]:
    """Return the requests as they came."""
    return [Asked(at, urlsplit(sent.url).netloc, sent.method, number_of(sent)) for at, sent in server.received]


def run(
    count: int,
    *,
    different: int = 1,
    lead_of: Callable[[int], str] = lambda _number: ASSIST,
    takes: Callable[[str], float] = lambda _host: POST,
) -> FakeServer:
    """
    Run a parallel job with a synchronized start.

    Args:
        count: How many iterations there are.
        different: How many different tests there are, by turns; the participants of each are to be looked up.
        lead_of: Who leads the task with a number.
        takes: Says how many seconds a host needs for a task.
    """

    def answer(request: Request) -> Reply:
        if looks_up(request):
            return Reply(200, {}, json.dumps({"participants": [lead_of(number_of(request))]}).encode())
        if request.method == "POST":
            host = urlsplit(request.url).netloc
            return Reply(200, {}, json.dumps(f"https://{host}/pscheduler/tasks/{number_of(request)}").encode())
        return Reply(403, {}, b"no more of it")

    def seconds(request: Request) -> float:
        return LOOK_UP if looks_up(request) else takes(urlsplit(request.url).netloc)

    server = FakeServer(answer, takes=seconds)
    client = make_client(server, Session(server.clock.clock), policy=RetryPolicy())
    submitter = Submitter(client, Hosts(ASSIST, ASSIST, lead_named=True), new_mark=None)
    tasks = [{"test": {"type": "idle", "spec": {"number": n % different}}, "schedule": {}} for n in range(count)]
    iterations = [Iteration(0, n, f"a/{n}", timedelta(0), {**tasks[n], "reference": n}) for n in range(count)]

    async def main() -> None:
        await asyncio.gather(*(submitter.submit(item, NOON + timedelta(seconds=START)) for item in iterations))
        await submitter.aclose()

    asyncio.run(main())
    return server


def posts(server: FakeServer, host: str = ASSIST) -> List[Asked]:
    """Take the submissions to a host."""
    return [asked for asked in all_asked(server) if asked.method == "POST" and asked.host == host]


@pytest.mark.parametrize("different", [50, 1])
def test_tasks_leave_in_the_order_of_their_iterations(different):
    """At most eight at a time, and as soon as there is a slot."""
    server = run(50, different=different)
    left = posts(server)

    assert len(left) == 50
    assert [asked.number for asked in left] == [number % different for number in range(50)]
    assert {asked.host for asked in all_asked(server)} == {ASSIST}
    assert server.most_at_once == 8


def test_tasks_that_have_a_slot_each_leave_together():
    """As soon as it is known where they go; two at first, and twice as many when those were accepted (ADR 49)."""
    first, second, third = (LOOK_UP + rounds * POST for rounds in range(3))

    assert [asked.at for asked in posts(run(14))] == [first] * 2 + [second] * 4 + [third] * 8


def test_slots_are_never_empty():
    """The last of fifty tasks is in as early as after two and four at once eight at a time can be."""

    assert posts(run(50))[-1].at == LOOK_UP + 7 * POST


def test_tasks_that_can_leave_do_not_wait_for_the_look_ups_of_others():
    """Of fifty different ones the first are on their way when most are still to be asked about."""
    server = run(50, different=50)
    looked_up = [asked.at for asked in all_asked(server) if asked.method == "GET" and asked.number is not None]

    assert posts(server)[1].at <= 2 * LOOK_UP
    assert sum(at > 2 * LOOK_UP for at in looked_up) >= 30


def test_other_hosts_have_something_to_do_while_the_assist_takes_tasks_itself():
    """Of what it is asked, what leads to a task for them does not wait for its own tasks."""
    server = run(400, different=20, lead_of=lambda number: f"{number}.example.net" if number else ASSIST)
    first = {asked.host: asked.at for asked in reversed(all_asked(server)) if asked.method == "POST"}

    assert len(posts(server)) == 20
    assert posts(server)[-1].at >= 2 * POST
    assert len(first) == 20
    # The first eight look-ups leave together, the twelve others by twos, with one in between that was under way.
    assert max(first.values()) <= (1 + 12 / 2 + 1) * LOOK_UP


def test_no_more_time_is_lost_with_that():
    """The last task is in as early as if look-ups took no slots, or one look-up later."""

    assert posts(run(48, different=48))[-1].at <= LOOK_UP + 7 * POST + LOOK_UP


def test_a_slow_host_holds_no_other_one_up():
    """Each has slots of its own."""
    server = run(
        40,
        different=40,
        lead_of=lambda number: "slow.example.net" if number % 2 else "quick.example.net",
        takes=lambda host: 100.0 if host.startswith("slow") else 1.0,
    )

    assert posts(server, "quick.example.net")[-1].at < 6
    assert posts(server, "slow.example.net")[-1].at > 200


def test_nothing_else_is_asked_before_the_start():
    """The slots are for what is to be in by then."""
    server = run(50, different=50)
    others = [asked.at for asked in all_asked(server) if asked.number is None]

    assert len(others) >= 50
    assert min(others) >= START
