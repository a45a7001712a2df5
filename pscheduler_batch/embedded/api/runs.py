"""The pages of the API for runs and results, including waiting for them (recordings of groups e, g, h and i)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, List, Mapping, Optional

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pscheduler_batch.embedded.api.descriptions import describe_run, merged_result, run_href, signed_html, signed_plain
from pscheduler_batch.embedded.api.replies import (
    HTML,
    TEXT,
    RefusalError,
    database_reply,
    flag,
    internal_problem,
    json_reply,
    not_found,
    root_url,
    text_reply,
    waiting_time,
    whole_number,
)
from pscheduler_batch.embedded.api.tasks import identifier, may_see_secrets
from pscheduler_batch.embedded.documents import without_secrets
from pscheduler_batch.embedded.offers import PLAIN, MethodError
from pscheduler_batch.embedded.scheduling.scheduler import Scheduler
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.scheduling.tasks_and_runs import UPCOMING_STATES, Run, Task
from pscheduler_batch.embedded.test import UnsupportedFormatError
from pscheduler_batch.iso8601 import parse_timestamp

# How long a request for a result waits for it, in seconds (recordings g01 and h11).
_RESULT_WAIT = 0.25

_JSON = "application/json"


class RunPages:
    """The pages that find runs, wait for them and return their results."""

    def __init__(self, state: State, scheduler: Scheduler) -> None:
        self._state = state
        self._scheduler = scheduler

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        runs = "/pscheduler/tasks/{task}/runs"
        return [
            Route(runs, self.listing, methods=["GET"]),
            Route(f"{runs}/first", self.first, methods=["GET"]),
            Route(f"{runs}/next", self.next, methods=["GET"]),
            Route(f"{runs}/{{run}}", self.run, methods=["GET"]),
            Route(f"{runs}/{{run}}", self.cancel, methods=["DELETE"]),
            Route(f"{runs}/{{run}}/result", self.result, methods=["GET"]),
        ]

    async def listing(self, request: Request) -> Response:
        """List the runs of a task; an unknown task has none (recordings d13, e01, h14 and h15)."""
        task = self._state.tasks.get(identifier(request, "task"))
        runs = [] if task is None else _selected(task.runs, request)
        return json_reply(request, [run_href(task, run, root_url(request)) for run in runs if task is not None])

    async def first(self, request: Request) -> Response:
        """Return the first run, waiting for it (recordings e02 to e04)."""
        return await self._await_run(request, lambda task: task.runs[0] if task.runs else None)

    async def next(self, request: Request) -> Response:
        """Return the next run or the one under way, waiting for it (recordings e03, e06 and e09)."""
        return await self._await_run(request, Task.next_run)

    async def _await_run(self, request: Request, choose: Callable[[Task], Optional[Run]]) -> Response:
        """
        Wait twice as long as the request says, then give up (recordings d14 and e20).

        Waiting for the result of that run then works as for any other run, which was not recorded.
        """
        _require_one_result(request)
        seconds = 2.0 * waiting_time(request)
        task = self._state.tasks.get(identifier(request, "task"))
        if task is None:
            await self._state.sleep(seconds)
            raise not_found()
        may_see_secrets(task, request)
        await task.news.until(lambda: choose(task) is not None, seconds)
        run = choose(task)
        if run is None:
            raise not_found()
        return await self._describe_when_ready(request, task, run)

    async def run(self, request: Request) -> Response:
        """Return a run, on request as soon as it has a result (recordings g05b to g05f, g17, g18, g32 and g33)."""
        _require_one_result(request)
        # An invalid one is refused even if there is no such run.
        waiting_time(request)
        return await self._describe_when_ready(request, *self._known_run(request))

    async def _describe_when_ready(self, request: Request, task: Task, run: Run) -> Response:
        """Return a run as soon as it has the result that the request waits for."""
        local, merged = flag(request, "wait-local"), flag(request, "wait-merged")
        seconds = waiting_time(request)
        secrets = may_see_secrets(task, request)
        if local or merged:
            if seconds == 0:
                raise internal_problem()
            await task.news.until(lambda: _has_result(run, merged=merged) or run not in task.runs, seconds)
            if run not in task.runs:
                raise not_found()
        return json_reply(request, describe_run(self._state, task, run, root_url(request), secrets=secrets))

    async def cancel(self, request: Request) -> Response:
        """Cancel a run (recording i42)."""
        self._scheduler.cancel_run(*self._known_run(request))
        return text_reply("OK", content_type=HTML)

    async def result(self, request: Request) -> Response:
        """Return a result in the requested format (recordings g01 to g16, and the others of group g)."""
        task, run = self._known_run(request)
        secrets = may_see_secrets(task, request)
        form = request.query_params.get("format", _JSON)
        if form not in {_JSON, PLAIN, "text/html"}:
            raise RefusalError(400, f"Unsupported format {form}")
        if run.result_merged is None:
            await self._await_result(request, task, run, form)
        if form == _JSON:
            merged = merged_result(self._state, task, run)
            return database_reply(request, merged if secrets else without_secrets(merged))
        result = run.result_merged or {}
        return await self._rendered(task, result if secrets else without_secrets(result), form)

    async def _await_result(self, request: Request, task: Task, run: Run, form: str) -> None:
        """Wait a moment for a result, then answer 404; with ``wait``, answer null at once (g01, g02 and g05)."""
        if flag(request, "wait"):
            if form != _JSON:
                raise internal_problem()
            return
        if not await task.news.until(lambda: run.result_merged is not None, _RESULT_WAIT):
            raise not_found()

    async def _rendered(self, task: Task, result: Mapping[str, Any], form: str) -> Response:
        """Render a result (recordings g12, g13 and g-dnsfail), without secrets, unlike recording j25."""
        plain = form == PLAIN
        if result.get("succeeded") is not True:
            return text_reply("Run failed.") if plain else text_reply("<p>Run failed.</p>", content_type=HTML)
        try:
            text = await task.test.render(task.spec, result, form)
        except (MethodError, UnsupportedFormatError) as error:
            reason = str(error) or f"Unsupported format {form}"
            raise RefusalError(500, f"Failed to format result: {reason}\n") from error
        if task.tool.is_plugin:
            return text_reply(text.rstrip(), content_type=TEXT if plain else HTML)
        if plain:
            return text_reply(signed_plain(text, self._state.hostname), content_type=TEXT)
        return text_reply(signed_html(text, self._state.hostname), content_type=HTML)

    def _known_run(self, request: Request) -> tuple[Task, Run]:
        task = self._state.tasks.get(identifier(request, "task"))
        run = None if task is None else task.run(identifier(request, "run"))
        if task is None or run is None:
            raise not_found()
        return task, run


def _require_one_result(request: Request) -> None:
    """Refuse a request that waits for both results (recording g05d)."""
    if flag(request, "wait-local") and flag(request, "wait-merged"):
        raise RefusalError(400, "Cannot wait on local and merged results")


def _has_result(run: Run, *, merged: bool) -> bool:
    return run.is_done if merged else run.result is not None


def _selected(runs: List[Run], request: Request) -> List[Run]:
    """Return the runs that the query selects."""
    start, end = _time(request, "start"), _time(request, "end")
    selected = [
        run for run in runs if (start is None or run.start_time >= start) and (end is None or run.end_time <= end)
    ]
    if flag(request, "upcoming"):
        selected = [run for run in selected if run.state in UPCOMING_STATES]
    return selected[: whole_number(request, "limit")]


def _time(request: Request, name: str) -> Optional[datetime]:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return parse_timestamp(text)
    except ValueError:
        raise internal_problem() from None
