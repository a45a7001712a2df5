"""The pages of the API about the server itself (recordings of group a, n23 to n25)."""

from __future__ import annotations

from typing import Any, Dict, Optional

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pscheduler_batch.embedded.api.descriptions import LIMITS, moment
from pscheduler_batch.embedded.api.replies import RefusalError, host_of, json_parameter, json_reply, root_url
from pscheduler_batch.embedded.scheduling.scheduler import HORIZON
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.iso8601 import format_duration

# The services of a pScheduler server; here one event loop does their work.
_SERVICES = ("archiver", "runner", "scheduler", "ticker")

_REDIRECTION = (
    "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n"
    '<p>You should be redirected automatically to the target URL: <a href="{url}">{url}</a>. If not, click the link.\n'
)


class ServerPages:
    """The pages about the server."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._started = state.now()

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/pscheduler", self.redirection),
            Route("/pscheduler/", self.greeting),
            Route("/pscheduler/api", self.api),
            Route("/pscheduler/hostname", self.hostname),
            Route("/pscheduler/clock", self.clock),
            Route("/pscheduler/limits", self.limits),
            Route("/pscheduler/schedule-horizon", self.horizon),
            Route("/pscheduler/status", self.status),
        ]

    async def redirection(self, request: Request) -> Response:
        """Redirect the client to the root (recording a02)."""
        url = f"{root_url(request)}/"
        return HTMLResponse(_REDIRECTION.format(url=url), 308, headers={"Location": url})

    async def greeting(self, request: Request) -> Response:
        """Return a greeting (recording a01)."""
        return json_reply(request, f"This is the pScheduler API server on {host_of(request)} ({self._state.hostname})")

    async def api(self, request: Request) -> Response:
        """Return the version of the API (recording a03)."""
        return json_reply(request, 6)

    async def hostname(self, request: Request) -> Response:
        """Return the name of the host (recording a05)."""
        return json_reply(request, self._state.hostname)

    async def clock(self, request: Request) -> Response:
        """Return the time (recording a07)."""
        time = self._state.now().isoformat()
        return json_reply(request, {"time": time, "synchronized": False, "source": "unknown"})

    async def limits(self, request: Request) -> Response:
        """Accept every proposal (recording n23)."""
        try:
            proposal = json_parameter(request, "proposal")
        except ValueError as error:
            raise RefusalError(400, str(error)) from error
        if proposal is None:
            raise RefusalError(400, "No proposal provided")
        return json_reply(request, {"passed": True, "diags": LIMITS})

    async def horizon(self, request: Request) -> Response:
        """Return how far ahead runs are scheduled (recording n25)."""
        return json_reply(request, format_duration(HORIZON))

    async def status(self, request: Request) -> Response:
        """Return that everything works, and when runs were last scheduled and finished (recording n24)."""
        now = self._state.now()
        runs = [run for task in self._state.tasks.values() for run in task.runs]
        service: Dict[str, Any] = {
            "last": moment(self._state, now),
            "uptime": format_duration(now - self._started),
            "overdue": None,
            "updates": 1,
            "expected": moment(self._state, now),
            "next_time": "P0D",
        }
        ended = [run.end_time for run in runs if run.is_done]
        return json_reply(
            request,
            {
                "time": moment(self._state, now),
                "limits": {"ok": True},
                "services": dict.fromkeys(_SERVICES, service),
                "runs": {
                    "last-finished": _latest(self._state, ended),
                    "last-scheduled": _latest(self._state, [run.added for run in runs]),
                },
            },
        )


def _latest(state: State, times: list[Any]) -> Optional[str]:
    return moment(state, max(times)) if times else None
