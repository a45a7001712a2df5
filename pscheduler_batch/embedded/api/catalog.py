"""The pages of the API about tests, tools, archivers and contexts (recordings of group b, n01 to n22)."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Mapping, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pscheduler_batch.embedded.api.descriptions import (
    ARCHIVERS,
    CONTEXTS,
    describe_plugin,
    describe_test,
    describe_tool,
)
from pscheduler_batch.embedded.api.replies import (
    RefusalError,
    flag,
    internal_problem,
    json_parameter,
    json_reply,
    root_url,
    whole_number,
)
from pscheduler_batch.embedded.api.submission import unable
from pscheduler_batch.embedded.documents import load_json
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.spec import SpecChecker, object_schema
from pscheduler_batch.embedded.test import SpecError, Test, UsageError

# The first version of the API that returns the tools that cannot run a test as well.
_WITH_REASONS = 6

Thing = TypeVar("Thing")

_NO_DATA = SpecChecker([object_schema({}, version=1, required=[])])


class CatalogPages:
    """The pages about what the server can measure."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        return [
            Route("/pscheduler/tests", self.tests),
            Route("/pscheduler/tests/{test}", self.test),
            Route("/pscheduler/tests/{test}/participants", self.participants),
            Route("/pscheduler/tests/{test}/spec", self.spec),
            Route("/pscheduler/tests/{test}/spec/is-valid", self.validity),
            Route("/pscheduler/tests/{test}/tools", self.tools_of_test),
            Route("/pscheduler/tools", self.tools),
            Route("/pscheduler/tools/{tool}", self.tool),
            *BuiltInPages("archiver", ARCHIVERS).routes(),
            *BuiltInPages("context", CONTEXTS).routes(),
        ]

    async def tests(self, request: Request) -> Response:
        """List the tests (recordings b01, b04 and n14)."""
        return _listing(
            request, "tests", [describe_test(self._state.tests[name]) for name in sorted(self._state.tests)]
        )

    async def test(self, request: Request) -> Response:
        """Describe a test (recordings b02 and b03)."""
        return _single(request, "tests", describe_test(self._known_test(request)))

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
        return json_reply(request, {"participants": hosts, **reason})

    async def spec(self, request: Request) -> Response:
        """Return the specification that arguments of the ``task`` command describe (recordings n01 to n08)."""
        test = self._known_test(request)
        try:
            arguments = json_parameter(request, "args")
        except ValueError as error:
            raise RefusalError(400, f"JSON passed to 'args': {error} ") from error
        if not isinstance(arguments, list) or not all(isinstance(word, (str, int, float)) for word in arguments):
            raise RefusalError(400, "Invalid JSON for this operation\n")
        await self._state.sleep(self._state.pace.participants)
        try:
            return json_reply(request, test.from_cli([str(word) for word in arguments]))
        except UsageError as error:
            raise RefusalError(400, f"{error}\n") from error

    async def validity(self, request: Request) -> Response:
        """Return whether a specification is valid (recordings b40 to b42)."""
        return _verdict(request, "spec", self._known_test(request).check, missing="No test spec provided")

    async def tools_of_test(self, request: Request) -> Response:
        """List the tools for a test (recordings b43 and n22)."""
        return _listing(request, "tools", [self._tools()[self._known_test(request).tool]])

    async def tools(self, request: Request) -> Response:
        """List all tools (recordings n10 and n11), or return what they say to a test."""
        text = request.query_params.get("test")
        if text is not None:
            return await self._tools_for(text, request)
        return _listing(request, "tools", list(self._tools().values()))

    async def tool(self, request: Request) -> Response:
        """Describe a tool (recordings n12 and n13)."""
        return _single(request, "tools", _known(self._tools(), "tool", request.path_params["tool"]))

    def _tools(self) -> Dict[str, Dict[str, Any]]:
        names = {test.tool for test in self._state.tests.values()}
        return {name: describe_tool(self._state, name) for name in sorted(names)}

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
            return json_reply(request, [])
        await self._state.sleep(self._state.pace.participants)
        try:
            test.check(spec)
            reason = await unable(test, spec)
        except SpecError as error:
            reason = str(error)
        described = describe_tool(self._state, test.tool)
        if api is None or api < _WITH_REASONS:
            return json_reply(request, [described] if reason is None else [])
        answer = {"can-run": True} if reason is None else {"can-run": False, "reasons": [reason]}
        return json_reply(request, [{"can-run": answer, "tool": described}])

    def _known_test(self, request: Request) -> Test:
        return _known(self._state.tests, "test", request.path_params["test"])


class BuiltInPages:
    """
    The pages about plug-ins that are built into the server and take no data (recordings n15 to n21).

    Args:
        kind: ``archiver`` or ``context``.
        plugins: The description of each, by name.
    """

    def __init__(self, kind: str, plugins: Mapping[str, str]) -> None:
        self._kind = kind
        self._plugins = {name: describe_plugin(name, plugins[name]) for name in sorted(plugins)}

    def routes(self) -> List[Route]:
        """Return the routes of the pages."""
        root = f"/pscheduler/{self._kind}s"
        return [
            Route(root, self.listing),
            Route(f"{root}/{{name}}", self.plugin),
            Route(f"{root}/{{name}}/data-is-valid", self.validity),
        ]

    async def listing(self, request: Request) -> Response:
        """List the plug-ins."""
        return _listing(request, f"{self._kind}s", list(self._plugins.values()))

    async def plugin(self, request: Request) -> Response:
        """Describe a plug-in."""
        return _single(request, f"{self._kind}s", self._known(request))

    async def validity(self, request: Request) -> Response:
        """Return whether data for a plug-in is valid."""
        self._known(request)
        return _verdict(request, "data", _NO_DATA.check, missing=f"No {self._kind} data provided")

    def _known(self, request: Request) -> Dict[str, Any]:
        return _known(self._plugins, self._kind, request.path_params["name"])


def _known(things: Mapping[str, Thing], kind: str, name: str) -> Thing:
    if name not in things:
        raise RefusalError(404, f'No {kind} "{name}" is available.')
    return things[name]


def _single(request: Request, kinds: str, document: Mapping[str, Any]) -> Response:
    return json_reply(request, _with_href(request, kinds, document))


def _listing(request: Request, kinds: str, documents: Iterable[Mapping[str, Any]]) -> Response:
    """Return the URLs of some documents, or the documents if the query says ``expanded``."""
    described = [_with_href(request, kinds, document) for document in documents]
    return json_reply(request, described if flag(request, "expanded") else [each["href"] for each in described])


def _with_href(request: Request, kinds: str, document: Mapping[str, Any]) -> Dict[str, Any]:
    return {**document, "href": f"{root_url(request)}/{kinds}/{document['name']}"}


def _verdict(request: Request, name: str, check: Callable[[Any], None], *, missing: str) -> Response:
    """Return whether a JSON document of the query is valid."""
    text = request.query_params.get(name)
    if text is None:
        raise RefusalError(400, missing)
    try:
        check(load_json(text))
    except (SpecError, ValueError) as error:
        return json_reply(request, {"valid": False, "error": str(error)})
    return json_reply(request, {"valid": True})
