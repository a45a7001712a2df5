"""The local address that each request comes from (ADR 12)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pscheduler_batch.http.response import Reply
from pscheduler_batch.model import Iteration
from pscheduler_batch.running.submitter import Submitter
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.session import Session
from tests.support.clients import make_client
from tests.support.server import FakeServer
from tests.support.wire import HOST, IDLE


@pytest.mark.parametrize(
    ("assist_bind", "bind"), [("192.0.2.1", "192.0.2.2"), (None, "192.0.2.2"), ("192.0.2.1", None), (None, None)]
)
def test_each_side_has_an_address_of_its_own(assist_bind, bind):
    """The address for leads is not used towards the assist, nor the other way round."""
    server = FakeServer(lambda _request: Reply(200, {}, b'{"participants": [null]}'))
    hosts = Hosts(HOST, HOST, lead_named=True, assist_bind=assist_bind, bind=bind)
    submitter = Submitter(make_client(server, Session(server.clock.clock)), hosts)
    asyncio.run(submitter.submit(Iteration(0, 0, "idle/0", timedelta(0), IDLE)))

    binds = {request.doing: request.bind for request in server.requests}
    assert binds.pop("finding participants") == assist_bind
    assert binds == {"posting the task": bind, "looking for the task by its mark": bind}
