"""Asking about tasks that go on, whatever happens to the network for a while; finding leads; fetching results."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Session
from tests.support.clients import a_client
from tests.support.events import watch_nothing
from tests.support.wire import ONE_HOST, ROOT, serving

URL = f"{ROOT}/tasks/5f1c/runs"
LIST = "GET /tasks/5f1c/runs"
REFUSED = httpx.ConnectError("refused")


@pytest.fixture
def server():
    """A server made of files."""
    with serving() as make:
        yield make()


def ask(server, *, wait=0.0, watch=watch_nothing):
    """Ask about a task."""

    async def run():
        async with a_client(session=Session(server.clock.clock, watches=(watch,))) as http:
            client = SchedulerClient(http, ONE_HOST, WaitLimits())
            return await client.ask_lead(URL, doing="listing the runs", wait=wait)

    return asyncio.run(run())


def test_an_outage_is_waited_out(server):
    """The task goes on meanwhile."""
    server.broken[LIST] = [REFUSED] * 20

    assert ask(server).status == 200
    assert server.clock.seconds >= 20 * 5


def test_who_watches_learns_of_an_outage_and_of_its_end(server):
    """With the reason, each time that it is waited."""
    server.broken[LIST] = [REFUSED] * 3
    watched = []
    ask(server, watch=watched.append)

    assert ["refused" in (event.reason or "") for event in watched] == [True, True, True, False]
    assert watched[-1].reason is None


def test_an_outage_without_an_end_is_an_error(server):
    """After the time that is allowed for it."""
    server.broken[LIST] = [REFUSED] * 1000

    with pytest.raises(UnreachableError, match="refused"):
        ask(server)
    assert 300 <= server.clock.seconds < 310


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_being_started_is_waited_for(server, status):
    """The web server in front of it answers first, then pScheduler, whose database is not there yet."""
    server.changed[LIST] = [*[{"status": status, "text": "later"}] * 20, {"json": []}]

    assert ask(server).status == 200


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_one_that_never_comes_gives_its_last_answer(server, status):
    """What it means is known where the URL's meaning is."""
    server.changed[LIST] = [{"status": status, "text": "later"}]

    assert ask(server).status == status
    assert 300 <= server.clock.seconds < 310


@pytest.mark.parametrize("status", [429, 502, 503])
@pytest.mark.parametrize("wait", [0, 5])
@pytest.mark.parametrize(("says", "seconds"), [("90", 90), ("1000", 300)])
def test_a_server_that_says_when_is_not_asked_before(server, status, wait, says, seconds):
    """A long poll neither; one that wants more time than there is is asked when that is over, as the task goes on."""
    later = {"status": status, "text": "later", "headers": {"retry-after": says}}
    server.changed[LIST] = [later, {"json": []}]

    assert ask(server, wait=wait).status == 200
    assert len(server.asked) == 2
    assert server.clock.seconds == seconds


@pytest.mark.parametrize("status", [400, 403, 404])
def test_other_answers_are_answers(server, status):
    """Asking again would not help."""
    server.changed[LIST] = [{"status": status, "text": "no"}]

    assert ask(server).status == status
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_long_poll_that_was_cut_is_an_answer(server, status):
    """The caller asks again anyway."""
    server.changed[LIST] = [{"status": status, "text": "cut", "takes": 1}]

    assert ask(server, wait=5).status == status
    assert len(server.asked) == 1
