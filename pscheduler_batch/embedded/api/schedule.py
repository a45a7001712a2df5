"""The pages of the API about the runs of all tasks (recordings n26, n33 to n35)."""

from __future__ import annotations

from datetime import datetime
from typing import List, Optional, Tuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pscheduler_batch.embedded.api.descriptions import describe_monitored, describe_scheduled, tense
from pscheduler_batch.embedded.api.replies import RefusalError, json_reply, root_url, whole_number
from pscheduler_batch.embedded.api.tasks import is_identifier
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.scheduling.tasks_and_runs import Run, Task
from pscheduler_batch.iso8601 import parse_timestamp


class SchedulePages:
    """The pages that list runs by their time."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/pscheduler/schedule", self.schedule),
            Route("/pscheduler/monitor", self.monitor),
        ]

    async def schedule(self, request: Request) -> Response:
        """List the runs that overlap a time (recordings n33 and n34), on request those of one task (n35)."""
        start, end = _time(request, "start"), _time(request, "end")
        task = request.query_params.get("task")
        if task is not None and not is_identifier(task):
            raise RefusalError(400, "Invalid task UUID")
        form = request.query_params.get("format", "json")
        if form != "json":
            raise RefusalError(400, f"Invalid format '{form}'")
        return json_reply(
            request,
            [
                describe_scheduled(self._state, each, run, root_url(request))
                for each, run in self._runs()
                if (start is None or run.end_time > start)
                and (end is None or run.start_time < end)
                and (task is None or each.id == task.lower())
            ],
        )

    async def monitor(self, request: Request) -> Response:
        """
        List the runs of the present (recording n26).

        ``window`` is the number of runs before and after those; by default all.
        """
        window = whole_number(request, "window")
        if window is not None and window < 1:
            raise RefusalError(400, "window must be at least 1")
        runs = self._runs()
        by_tense = {each: [pair for pair in runs if tense(self._state, pair[1]) == each] for each in (-1, 0, 1)}
        past = by_tense[-1] if window is None else by_tense[-1][-window:]
        root = root_url(request)
        shown = [*past, *by_tense[0], *by_tense[1][:window]]
        return json_reply(request, [describe_monitored(self._state, task, run, root) for task, run in shown])

    def _runs(self) -> List[Tuple[Task, Run]]:
        """Return the runs of all tasks, in order of time."""
        pairs = [(task, run) for task in self._state.tasks.values() for run in task.runs]
        return sorted(pairs, key=lambda pair: (pair[1].start_time, pair[1].end_time))


def _time(request: Request, name: str) -> Optional[datetime]:
    text = request.query_params.get(name)
    try:
        return None if text is None else parse_timestamp(text)
    except ValueError:
        raise RefusalError(400, "Invalid start or end time") from None
