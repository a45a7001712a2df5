"""Finding leads when the batch is ended before its time (tests/unit/running/test_submitter.py has who leads)."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from pscheduler_batch.clock import Clock
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.participants import LeadFinder
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Session
from tests.support.clients import make_client
from tests.support.clock import NOON
from tests.support.server import FakeServer
from tests.support.wire import IDLE, ONE_HOST


@pytest.mark.parametrize("failure", [None, httpx.ReadError("reset")])
def test_questions_that_nobody_waits_for_are_ended_quietly(failure):
    """Asyncio has nothing to complain of, be they answered or not."""
    complaints = []

    async def run():
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        silent = FakeServer(lambda _request: failure)
        finder = LeadFinder(SchedulerClient(make_client(silent, Session(Clock(lambda: NOON))), ONE_HOST, WaitLimits()))
        asking = [asyncio.ensure_future(finder.find_lead(IDLE)) for _ in range(3)]
        await asyncio.sleep(0)
        for item in asking:
            item.cancel()
        await asyncio.wait(asking)
        await finder.aclose()
        return len(silent.requests)

    assert asyncio.run(run()) == 1
    assert complaints == []
