"""The pages of the API for tasks (recordings of groups c, d, i and j)."""

from __future__ import annotations

import re
from typing import Optional

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pscheduler_batch.embedded.api.descriptions import describe_task, task_href
from pscheduler_batch.embedded.api.replies import (
    HTML,
    RefusalError,
    flag,
    json_reply,
    json_text,
    not_found,
    root_url,
    text_reply,
)
from pscheduler_batch.embedded.api.submission import accept_task
from pscheduler_batch.embedded.documents import contains, load_json
from pscheduler_batch.embedded.scheduling.scheduler import Scheduler
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.scheduling.tasks_and_runs import Task

_IDENTIFIER = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class TaskPages:
    """The pages that post, return and cancel tasks."""

    def __init__(self, state: State, scheduler: Scheduler) -> None:
        self._state = state
        self._scheduler = scheduler

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/pscheduler/tasks", self.listing, methods=["GET"]),
            Route("/pscheduler/tasks", self.post, methods=["POST"]),
            Route("/pscheduler/tasks/{task}", self.task, methods=["GET"]),
            Route("/pscheduler/tasks/{task}", self.cancel, methods=["DELETE"]),
            Route("/pscheduler/tasks/{task}/cli", self.cli, methods=["GET"]),
        ]

    async def listing(self, request: Request) -> Response:
        """List the tasks, or only those that contain the given JSON (recording c40)."""
        part = _part(request)
        root, detail = root_url(request), flag(request, "detail")
        tasks = [task for task in self._state.tasks.values() if part is None or contains(task.document, part)]
        if flag(request, "expanded"):
            return json_reply(
                request, [describe_task(self._state, task, root, detail=detail, secrets=False) for task in tasks]
            )
        return json_reply(request, [task_href(task, root) for task in tasks])

    async def post(self, request: Request) -> Response:
        """Accept a task, or refuse it with the reason (recordings of group c)."""
        task = await accept_task(
            self._state,
            await request.body(),
            request.headers.get("content-type", ""),
            requester=request.client.host if request.client else "",
            server=str((request.scope.get("server") or ("",))[0]),
        )
        await self._state.sleep(self._state.pace.posting)
        self._scheduler.submit(task)
        href = task_href(task, root_url(request))
        if not flag(request, "expanded"):
            return json_reply(request, href)
        if flag(request, "detail"):
            href += "?detail"
        reply = text_reply(href, status=303, content_type=HTML)
        reply.headers["Location"] = href
        return reply

    async def task(self, request: Request) -> Response:
        """Return a task (recordings d01 to d12 and j01 to j04)."""
        task = known_task(self._state, request)
        secrets = may_see_secrets(task, request)
        root, detail = root_url(request), flag(request, "detail")
        return json_reply(request, describe_task(self._state, task, root, detail=detail, secrets=secrets))

    async def cli(self, request: Request) -> Response:
        """Return the arguments of pScheduler's ``task`` command (recording d18, including its odd media type)."""
        task = known_task(self._state, request)
        return text_reply(json_text([task.test.name, *task.cli]), content_type=HTML)

    async def cancel(self, request: Request) -> Response:
        """Cancel a task; all clients are local, so no key is needed (recordings i02, i09 and j12)."""
        self._scheduler.cancel(known_task(self._state, request))
        return text_reply("OK", content_type=HTML)


def identifier(request: Request, name: str) -> str:
    """
    Return an identifier in the path.

    Raises:
        RefusalError: 404 if it is not a UUID (recordings d12, d15 and g22).
    """
    text: str = request.path_params[name]
    if not is_identifier(text):
        raise not_found()
    return text.lower()


def is_identifier(text: str) -> bool:
    """Return whether a text is a UUID."""
    return _IDENTIFIER.fullmatch(text) is not None


def known_task(state: State, request: Request) -> Task:
    """
    Return the task in the path.

    Raises:
        RefusalError: 404 if it is unknown (recording d10).
    """
    task = state.tasks.get(identifier(request, "task"))
    if task is None:
        raise not_found()
    return task


def may_see_secrets(task: Task, request: Request) -> bool:
    """
    Return whether the request has the task's key.

    Raises:
        RefusalError: 403 if it has a wrong one (recordings j04, j07 and j10).
    """
    key = request.query_params.get("key")
    if key is None:
        return False
    if key != task.document.get("_key"):
        raise RefusalError(403, "Forbidden")
    return True


def _part(request: Request) -> Optional[object]:
    text = request.query_params.get("json")
    if text is None:
        return None
    try:
        part: object = load_json(text)
    except ValueError as error:
        raise RefusalError(400, str(error)) from error
    return part
