"""
What can happen to a request instead of the usual answer.

Each function here returns an action, which controls the whole connection: it may answer, wait, abort, or let the server
answer and change the answer. :mod:`pscheduler_batch.embedded.faults.rules` selects the requests of an action.
"""

from __future__ import annotations

import asyncio
from typing import Awaitable, Callable, Dict, List, Literal, Optional, Tuple

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pscheduler_batch.embedded.faults.cores import Cores

Action = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]

# How much of an answer is sent: nothing, status and headers, or these and the first half of the body.
Sent = Literal["nothing", "head", "half"]

# The name under which a connection's scope has the function that aborts it.
ABORT = "pscheduler_batch.abort"

# The media type of pScheduler's texts, refusals among them.
TEXT = "text/plain; charset=utf-8"

_PORTIONS = 10  # of a slow body per second, if that is at least one byte each


def answering(status: int, body: str, content_type: str) -> Action:
    """Answer with a status and a body, without executing the request."""

    async def action(_app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await Response(body, status, headers={"Content-Type": content_type})(scope, receive, send)

    return action


def delaying(seconds: float, *, done: bool) -> Action:
    """Answer so many seconds later; the request is executed after that time, or before it if ``done`` is true."""

    async def action(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if done:
            reply = await _Reply.of(app, scope, receive)
            await asyncio.sleep(seconds)
            await reply.send(send)
        else:
            await asyncio.sleep(seconds)
            await app(scope, receive, send)

    return action


def hanging(*, done: bool, sent: Sent) -> Action:
    """Send nothing more after some point, until the client gives up or the server stops."""

    async def action(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await _begin(app, scope, receive, send, done=done, sent=sent)
        await _until_gone(receive)

    return action


def aborting(*, done: bool, sent: Sent) -> Action:
    """Abort the connection at some point."""

    async def action(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await _begin(app, scope, receive, send, done=done, sent=sent)
        scope["extensions"][ABORT]()
        await _until_gone(receive)

    return action


def slowing(bytes_per_second: float) -> Action:
    """Answer as usual, but send the body slowly; status and headers are sent at once."""

    async def action(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        reply = await _Reply.of(app, scope, receive)
        size = max(1, round(bytes_per_second / _PORTIONS))
        await send(reply.head)
        for start in range(0, len(reply.body), size):
            await asyncio.sleep(size / bytes_per_second)
            await send(_portion(reply.body[start : start + size], more=True))
        await send(_portion(b"", more=False))

    return action


def changing(change: Callable[[bytes], bytes], content_type: Optional[str]) -> Action:
    """Answer as usual, but with a changed body, and media type if one is given."""

    async def action(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        reply = await _Reply.of(app, scope, receive)
        reply.body = change(reply.body)
        headers = {"content-length": str(len(reply.body))}
        if content_type is not None:
            headers["content-type"] = content_type
        reply.set_headers(headers)
        await reply.send(send)

    return action


def working(cores: Cores, seconds: float, limit: float, processes: int, body: str, *, done: bool) -> Action:
    """
    Answer when some work is done on shared cores, or with status 500 and a body if it takes too long.

    The request is executed after the work, and not if that took too long; if ``done`` is true, before the work. As in
    pScheduler, a client that disconnects does not end the work.
    """

    async def action(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        _, receive = await read_ahead(receive)
        reply = await _Reply.of(app, scope, receive) if done else None
        if not await cores.work(seconds, limit=limit, processes=processes):
            await answering(500, f"{body}\n", TEXT)(app, scope, receive, send)
        elif reply is not None:
            await reply.send(send)
        else:
            await app(scope, receive, send)

    return action


async def read_ahead(receive: Receive) -> Tuple[bytes, Receive]:
    """Return the body of a request, and a function that receives the request again."""
    messages: List[Message] = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    left = list(messages)

    async def receive_again() -> Message:
        return left.pop(0) if left else await receive()

    return b"".join(message.get("body", b"") for message in messages), receive_again


class _Reply:
    """A complete answer of the application that is not sent yet."""

    def __init__(self, head: Message, body: bytes) -> None:
        self.head = head
        self.body = body

    @classmethod
    async def of(cls, app: ASGIApp, scope: Scope, receive: Receive) -> _Reply:
        """Return the answer of the application."""
        heads: List[Message] = []
        bodies: List[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                heads.append(message)
            else:
                bodies.append(message.get("body", b""))

        await app(scope, receive, keep)
        return cls(heads[0], b"".join(bodies))

    def set_headers(self, headers: Dict[str, str]) -> None:
        """Set headers, given by their names in lower case."""
        new = {name.encode("latin-1"): value.encode("latin-1") for name, value in headers.items()}
        kept = [(name, value) for name, value in self.head["headers"] if name.lower() not in new]
        self.head = {**self.head, "headers": [*kept, *new.items()]}

    async def send(self, send: Send) -> None:
        """Send the complete answer."""
        await send(self.head)
        await send(_portion(self.body, more=False))


async def _begin(app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, done: bool, sent: Sent) -> None:
    """Execute the request if needed, and send the first part of the answer."""
    if sent == "nothing" and not done:
        return
    reply = await _Reply.of(app, scope, receive)
    if sent != "nothing":
        await send(reply.head)
    if sent == "half":
        await send(_portion(reply.body[: len(reply.body) // 2], more=True))


def _portion(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
