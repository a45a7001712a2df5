"""The embedded server as an ASGI application: its pages, and what applies to every request."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pscheduler_batch.embedded.api.catalog import CatalogPages
from pscheduler_batch.embedded.api.replies import (
    TOO_LONG,
    RefusalError,
    internal_problem,
    is_too_long,
    not_found,
    text_reply,
)
from pscheduler_batch.embedded.api.runs import RunPages
from pscheduler_batch.embedded.api.schedule import SchedulePages
from pscheduler_batch.embedded.api.server import ServerPages
from pscheduler_batch.embedded.api.tasks import TaskPages
from pscheduler_batch.embedded.faults.rules import FaultyApp
from pscheduler_batch.embedded.scheduling.scheduler import Scheduler
from pscheduler_batch.embedded.scheduling.state import State

logger = logging.getLogger("pscheduler_batch.embedded")


def make_app(state: State, scheduler: Scheduler, *, keep_alive: bool) -> ASGIApp:
    """
    Return the application.

    Args:
        state: The state of the server.
        scheduler: Creates the runs of the posted tasks.
        keep_alive: Whether connections are kept open; stock pScheduler servers close them after each reply.
    """
    pages = Starlette(
        routes=[
            *ServerPages(state).routes(),
            *CatalogPages(state).routes(),
            *SchedulePages(state).routes(),
            *TaskPages(state, scheduler).routes(),
            *RunPages(state, scheduler).routes(),
        ],
        exception_handlers={
            RefusalError: _refused,
            404: _unknown,
            405: _wrong_method,
            ClientDisconnect: _disconnected,
            Exception: _failed,
        },
    )
    pages.router.redirect_slashes = False
    return FrontDoor(FaultyApp(pages, state.faults), state, keep_alive=keep_alive)


class FrontDoor:
    """The first step for each request: records it, refuses long ones, and closes the connection afterwards."""

    def __init__(self, app: ASGIApp, state: State, *, keep_alive: bool) -> None:
        self._app = app
        self._state = state
        self._keep_alive = keep_alive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        target = _target(scope)
        self._state.requests.append((scope["method"], target))

        async def send_and_close(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        app = _refuse_long if is_too_long(scope["method"], target) else self._app
        await app(scope, receive, send if self._keep_alive else send_and_close)


def _target(scope: Scope) -> str:
    path: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query: str = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


async def _refuse_long(scope: Scope, receive: Receive, send: Send) -> None:
    reply = Response(TOO_LONG, 414, headers={"Content-Type": "text/html; charset=iso-8859-1"})
    await reply(scope, receive, send)


async def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RefusalError):
        raise error
    return text_reply(error.body, status=error.status)


async def _unknown(request: Request, _error: Exception) -> Response:
    return await _refused(request, not_found())


async def _wrong_method(request: Request, _error: Exception) -> Response:
    """Answer as pScheduler does to unsupported methods (recording c41)."""
    return await _refused(request, internal_problem())


async def _disconnected(_request: Request, _error: Exception) -> Response:
    """Answer a client that disconnected during its request, such as a batch that was killed; this is not sent."""
    return Response(status_code=400)


async def _failed(request: Request, error: Exception) -> Response:
    """Answer a request that failed because of a bug in this program, and log the traceback."""
    if isinstance(error, HTTPException):
        return text_reply(error.detail, status=error.status_code)
    logger.error("the embedded server failed", exc_info=error)
    return await _refused(request, internal_problem())
