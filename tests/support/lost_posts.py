"""A server that loses POSTs."""

from __future__ import annotations

from datetime import timedelta

import httpx

from pscheduler_batch.model import Iteration
from tests.support.wire import IDLE, ROOT

LIST = "GET /tasks"
POST = "POST /tasks"
HREF = f"{ROOT}/tasks/5f1c"
EARLIER = f"{ROOT}/tasks/0ld"
LOST = httpx.ReadError("reset")
UNSENT = httpx.ConnectError("refused")

MARKED = Iteration(0, 0, "idle/0", timedelta(0), {**IDLE, "reference": {"pscheduler-batch": "m0"}})

there = {"json": ["/tasks/5f1c"]}
nothing = {"json": []}


def broken(server, *posts, listed=(nothing,)):
    """Lose some POSTs, and list the given tasks."""
    server.broken[POST] = list(posts)
    server.changed[LIST] = list(listed)
