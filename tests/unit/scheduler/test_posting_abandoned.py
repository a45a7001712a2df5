"""POSTs that are not waited for any more, because the batch was interrupted."""

from __future__ import annotations

import asyncio

from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.posting import Poster
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Session
from tests.support.clients import make_client
from tests.support.lost_posts import HREF, LOST, MARKED, POST, UNSENT, broken, nothing, there
from tests.support.wire import ONE_HOST

PATIENCE = WaitLimits().cancel


class TestAbandoned:
    """POSTs that are not waited for any more, as the batch is ended."""

    @staticmethod
    def abandon(server):
        """Post, give up as soon as the server is reached, and say what becomes of the task."""

        async def run():
            client = make_client(None, Session(server.clock.clock))
            poster = Poster(SchedulerClient(client, ONE_HOST, WaitLimits()))
            posting = asyncio.ensure_future(poster.post("ps.example.net", MARKED, "m0"))
            while not server.posts:  # noqa: ASYNC110 - the server has no events
                await asyncio.sleep(0)
            posting.cancel()
            await asyncio.wait([posting])
            outcome = await asyncio.gather(
                *(poster.find_abandoned(each, PATIENCE) for each in poster.abandoned.values()), return_exceptions=True
            )
            await client.aclose()
            return posting.cancelled(), outcome

        return asyncio.run(run())

    def test_a_post_under_way_is_waited_for(self, wire):
        """Its answer says where the task is."""
        assert self.abandon(wire()) == (True, [HREF])

    def test_a_task_that_was_lost_is_found(self, wire):
        """By its mark; but it is not posted again."""
        server = wire()
        broken(server, LOST, listed=[nothing, nothing, there])

        assert self.abandon(server) == (True, [HREF])
        assert len(server.posts) == 1

    def test_a_task_that_never_turns_up_is_not_posted_again(self, wire):
        """What became of it is not known, and is reported."""
        server = wire()
        broken(server, LOST)
        _, (error,) = self.abandon(server)

        assert isinstance(error, UnreachableError)
        assert len(server.posts) == 1

    def test_one_that_never_left_has_no_task(self, wire):
        """Which is known for certain."""
        server = wire()
        broken(server, UNSENT)

        assert self.abandon(server) == (True, [None])

    def test_one_that_was_refused_has_no_task(self, wire):
        """Which is known as well."""
        server = wire()
        server.changed[POST] = [{"status": 403, "text": "no"}]

        assert self.abandon(server) == (True, [None])
