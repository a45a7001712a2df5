"""Fetching what a run gave, and keeping what is there already."""

from __future__ import annotations

import asyncio

import pytest

from pscheduler_batch.scheduler.api import run_of
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.run_results import Fetcher
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Session
from tests.support.clients import a_client
from tests.support.wire import ONE_HOST, ROOT, serving

TASK = f"{ROOT}/tasks/5f1c"


@pytest.fixture
def wire():
    """Make servers of a case."""
    with serving() as make:
        yield make


def fetch(server, **run):
    """Fetch the results of a run; give all that was kept on the way, and what came out."""
    kept = []
    href = f"{TASK}/runs/0a"
    document = {"href": href, "result-href": f"{href}/result", "state": "finished", **run}

    async def go():
        async with a_client(session=Session(server.clock.clock)) as client:
            fetcher = Fetcher(SchedulerClient(client, ONE_HOST, WaitLimits()))
            return await fetcher.fetch_results(TASK, run_of(document, doing="", url=href), kept.append)

    runs, failure = asyncio.run(go())
    return kept, runs, failure


def test_each_format_is_kept_as_soon_as_it_is_there(wire):
    """JSON first, which was in the run; so an interruption costs only what is still missing."""
    kept, runs, failure = fetch(wire(), **{"result-merged": {"succeeded": True}})

    assert [len(run.formats) for (run,) in kept] == [1, 2, 3]
    assert list(kept[0][0].formats) == ["application/json"]
    assert (kept[-1], failure) == (runs, None)


def test_a_format_that_cannot_be_had_is_kept_as_a_failure(wire):
    """Beside the others."""
    server = wire("no-html")
    kept, _, _ = fetch(server, **{"result-merged": {"succeeded": True}})

    assert set(kept[-1][0].failures) == {"text/html"}


def test_several_results_are_kept_one_by_one_in_order_of_time(wire):
    """Whatever comes first."""
    kept, runs, _ = fetch(wire("several-results"), **{"result-merged": None})
    orders = [[run.run.start_time for run in found] for found in kept]

    assert all(order == sorted(order) for order in orders)
    assert (kept[-1], len(runs)) == (runs, 3)
