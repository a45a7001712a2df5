"""The pages of the API about the server, its tests and its tools (recordings of groups a and b)."""

from __future__ import annotations

from typing import List

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from pscheduler_batch.embedded.api.descriptions import describe_test, describe_tool
from pscheduler_batch.embedded.api.replies import (
    RefusalError,
    flag,
    host_of,
    internal_problem,
    json_reply,
    not_found,
    root_url,
    whole_number,
)
from pscheduler_batch.embedded.api.submission import load_json, unable
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.test import SpecError, Test

# The first version of the API that returns the tools that cannot run a test as well.
_WITH_REASONS = 6

_REDIRECTION = (
    "<!doctype html>\n<html lang=en>\n<title>Redirecting...</title>\n<h1>Redirecting...</h1>\n"
    '<p>You should be redirected automatically to the target URL: <a href="{url}">{url}</a>. If not, click the link.\n'
)


class CatalogPages:
    """The pages about the server and about what it can measure."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/pscheduler", self.redirection),
            Route("/pscheduler/", self.greeting),
            Route("/pscheduler/api", self.api),
            Route("/pscheduler/hostname", self.hostname),
            Route("/pscheduler/clock", self.clock),
            Route("/pscheduler/tests", self.tests),
            Route("/pscheduler/tests/{test}", self.test),
            Route("/pscheduler/tests/{test}/participants", self.participants),
            Route("/pscheduler/tests/{test}/spec/is-valid", self.validity),
            Route("/pscheduler/tests/{test}/tools", self.tools_of_test),
            Route("/pscheduler/tools", self.tools),
            Route("/pscheduler/tools/{tool}", self.tool),
        ]

    async def redirection(self, request: Request) -> Response:
        """Redirect the client to the root (recording a02)."""
        url = f"{root_url(request)}/"
        return HTMLResponse(_REDIRECTION.format(url=url), 308, headers={"Location": url})

    async def greeting(self, request: Request) -> Response:
        """Return a greeting (recording a01)."""
        return json_reply(f"This is the pScheduler API server on {host_of(request)} ({self._state.hostname})")

    async def api(self, _request: Request) -> Response:
        """Return the version of the API (recording a03)."""
        return json_reply(6)

    async def hostname(self, _request: Request) -> Response:
        """Return the name of the host (recording a05)."""
        return json_reply(self._state.hostname)

    async def clock(self, _request: Request) -> Response:
        """Return the time (recording a07)."""
        return json_reply({"time": self._state.now().isoformat(), "synchronized": False, "source": "unknown"})

    async def tests(self, request: Request) -> Response:
        """List the tests (recordings b01 and b04)."""
        root = root_url(request)
        known = [describe_test(self._state.tests[name], root) for name in sorted(self._state.tests)]
        return json_reply(known if flag(request, "expanded") else [test["href"] for test in known])

    async def test(self, request: Request) -> Response:
        """Describe a test (recordings b02 and b03)."""
        return json_reply(describe_test(self._known_test(request), root_url(request)))

    async def participants(self, request: Request) -> Response:
        """Return the participants, the lead first (recordings b10 to b38)."""
        text = request.query_params.get("spec")
        if text is None:
            raise RefusalError(400, "No test spec provided")
        test = self._state.tests.get(request.path_params["test"])
        if test is None:
            raise internal_problem()
        await self._state.sleep(self._state.pace.participants)
        try:
            spec = load_json(text)
            test.check(spec)
        except (SpecError, ValueError) as error:
            raise RefusalError(400, f"{error}\n") from error
        hosts = list(test.participants(spec))
        reason = test.null_reason() if hosts[0] is None else {}
        return json_reply({"participants": hosts, **reason})

    async def validity(self, request: Request) -> Response:
        """Return whether a specification is valid (recordings b40 to b42)."""
        test = self._known_test(request)
        text = request.query_params.get("spec")
        if text is None:
            raise RefusalError(400, "No test spec provided")
        try:
            test.check(load_json(text))
        except (SpecError, ValueError) as error:
            return json_reply({"valid": False, "error": str(error)})
        return json_reply({"valid": True})

    async def tools_of_test(self, request: Request) -> Response:
        """List the tools for a test (recording b43)."""
        return json_reply([f"{root_url(request)}/tools/{self._known_test(request).tool}"])

    async def tools(self, request: Request) -> Response:
        """List all tools, or return what they say to a test."""
        text = request.query_params.get("test")
        if text is not None:
            return await self._tools_for(text, request)
        root = root_url(request)
        return json_reply(
            [f"{root}/tools/{name}" for name in sorted({test.tool for test in self._state.tests.values()})]
        )

    async def tool(self, request: Request) -> Response:
        """Describe a tool."""
        name = request.path_params["tool"]
        tests = self._tests_of(name)
        if not tests:
            raise not_found()
        return json_reply(describe_tool(name, tests, root_url(request)))

    async def _tools_for(self, text: str, request: Request) -> Response:
        """Return what the tool of a test says to it; before API 6, it was listed only if it can run it."""
        try:
            document = load_json(text)
            name, spec = document["type"], document.get("spec")
            test = self._state.tests.get(name)
            api = whole_number(request, "api")
        except (AttributeError, KeyError, TypeError, ValueError):
            raise internal_problem() from None
        if test is None:
            return json_reply([])
        await self._state.sleep(self._state.pace.participants)
        try:
            test.check(spec)
            reason = await unable(test, spec)
        except SpecError as error:
            reason = str(error)
        described = describe_tool(test.tool, self._tests_of(test.tool), root_url(request))
        del described["href"]
        if api is None or api < _WITH_REASONS:
            return json_reply([described] if reason is None else [])
        answer = {"can-run": True} if reason is None else {"can-run": False, "reasons": [reason]}
        return json_reply([{"can-run": answer, "tool": described}])

    def _tests_of(self, tool: str) -> List[str]:
        return sorted(test.name for test in self._state.tests.values() if test.tool == tool)

    def _known_test(self, request: Request) -> Test:
        name = request.path_params["test"]
        test = self._state.tests.get(name)
        if test is None:
            raise RefusalError(404, f'No test "{name}" is available.')
        return test
