"""POSTs of which there are far more than a host has request slots."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from pscheduler_batch.http.request import Purpose, Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.model import Iteration
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.posting import TURNS, Poster
from pscheduler_batch.scheduler.waiting import WaitLimits
from tests.support.clients import make_client
from tests.support.lost_posts import MARKED
from tests.support.server import FakeServer
from tests.support.wire import ONE_HOST


async def answer_later_ones_sooner(request):
    """Answer a POST, a later one sooner than an earlier one."""
    number = json.loads(request.content)["number"]
    for _ in range(number % 3, 5):
        await asyncio.sleep(0)
    return Reply(200, {}, f'"https://ps.example.net/pscheduler/tasks/{number}"'.encode(), 0.0)


async def answer_nothing(_request):
    """Answer as soon as others have had their turn."""
    await asyncio.sleep(0)
    return Reply(200, {}, b"", 0.0)


@pytest.mark.parametrize("max_connections", [1, 8])
def test_tasks_are_posted_in_the_order_of_iterations(max_connections):
    """However many there are, and never more at once than there are slots (ADR 20)."""
    count = 1000

    async def run():
        server = FakeServer(answer_later_ones_sooner)
        client = make_client(server, policy=RetryPolicy(), max_connections=max_connections)
        poster = Poster(SchedulerClient(client, ONE_HOST, WaitLimits()))
        items = [Iteration(0, number, f"a/{number}", timedelta(0), {"number": number}) for number in range(count)]
        await asyncio.gather(*(poster.post("ps.example.net", item, None) for item in items))
        return server

    server = asyncio.run(run())

    assert [json.loads(request.content)["number"] for request in server.requests] == list(range(count))
    assert server.most_at_once == max_connections


def test_what_ends_an_iteration_goes_before_what_is_only_asked():
    """Until then its result is in memory, and there may be thousands that ask."""
    asked = [f"https://ps.example.net/pscheduler/tasks/{number}/runs/first" for number in range(5)]
    formats = "https://ps.example.net/pscheduler/tasks/0/runs/1/result?format=text%2Fhtml"

    async def run():
        server = FakeServer(answer_nothing)
        client = make_client(server, policy=RetryPolicy(), max_connections=1)
        requests = [(url, Purpose.OTHER) for url in asked] + [(formats, Purpose.FINISH)]
        await asyncio.gather(*(client.request(Request("GET", url, "", purpose)) for url, purpose in requests))
        return [request.url for request in server.requests]

    assert asyncio.run(run()) == [asked[0], formats, *asked[1:]]


class TestTurns:
    """POSTs of which there are far more than a host has request slots."""

    @staticmethod
    async def post_all(count, end):
        """Post so many tasks to a silent server, cancel them, and do something before all is over."""
        silent = FakeServer(lambda _request: None)
        client = make_client(silent, policy=RetryPolicy(), max_connections=1)
        poster = Poster(SchedulerClient(client, ONE_HOST, WaitLimits()))
        before = len(asyncio.all_tasks())
        iterations = [replace(MARKED, number=number) for number in range(count)]
        posting = [asyncio.ensure_future(poster.post("ps.example.net", each, "m0")) for each in iterations]
        await asyncio.sleep(0)
        made_ready = len(asyncio.all_tasks()) - before - count
        for each in posting:
            each.cancel()
        await asyncio.wait(posting)
        try:
            return silent.requests, made_ready, await end(poster)
        finally:
            for each in poster.abandoned.values():
                each.answer.cancel()
            await asyncio.gather(*(each.answer for each in poster.abandoned.values()), return_exceptions=True)

    def test_no_more_are_made_ready_than_keep_the_slots_busy(self):
        """What is made ready takes memory, and there may be ten thousand."""

        async def nothing_more(_poster):
            pass

        requests, made_ready, _ = asyncio.run(self.post_all(1000, nothing_more))

        assert made_ready == TURNS
        assert len(requests) == 1

    def test_one_that_had_no_turn_yet_has_no_task(self):
        """However long the server takes for the one before it, that is known at once and for certain."""

        async def end(poster):
            _, *others = poster.abandoned.values()
            return [await poster.find_abandoned(each, timedelta(0)) for each in others]

        requests, _, were_there = asyncio.run(self.post_all(TURNS + 5, end))

        assert were_there == [None] * (TURNS + 4)
        assert len(requests) == 1
