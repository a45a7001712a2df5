"""The pages of the API about tests, tools, archivers and contexts (recordings of group b, n01 to n22)."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Dict, Iterable, List, Mapping, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pscheduler_batch.embedded.api.descriptions import ARCHIVERS, CONTEXTS
from pscheduler_batch.embedded.api.replies import (
    RefusalError,
    flag,
    internal_problem,
    json_parameter,
    json_reply,
    root_url,
    whole_number,
)
from pscheduler_batch.embedded.documents import load_json
from pscheduler_batch.embedded.offers import MethodError, OfferedTest, describe_plugin
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.spec import SpecChecker, object_schema
from pscheduler_batch.embedded.test import SpecError, UsageError

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
        return _listing(request, "tests", [test.document for test in self._state.offers.tests()])

    async def test(self, request: Request) -> Response:
        """Describe a test (recordings b02 and b03)."""
        return _single(request, "tests", self._known_test(request).document)

    async def participants(self, request: Request) -> Response:
        """Return the participants, the lead first (recordings b10 to b38)."""
        text = request.query_params.get("spec")
        if text is None:
            raise RefusalError(400, "No test spec provided")
        test = self._state.offers.test(request.path_params["test"])
        if test is None:
            raise internal_problem()
        await self._state.sleep(self._state.pace.participants)
        try:
            return json_reply(request, await test.participants(load_json(text)))
        except (MethodError, SpecError, ValueError) as error:
            raise RefusalError(400, f"{error}\n") from error

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
            return json_reply(request, await test.from_cli(arguments))
        except UsageError as error:
            raise RefusalError(400, f"{error}\n") from error

    async def validity(self, request: Request) -> Response:
        """Return whether a specification is valid (recordings b40 to b42)."""
        try:
            return await _verdict(request, "spec", self._known_test(request).check, missing="No test spec provided")
        except MethodError as error:
            raise RefusalError(500, f"Unable to validate test spec: {error}\n") from error

    async def tools_of_test(self, request: Request) -> Response:
        """List the tools for a test (recordings b43 and n22)."""
        tools = self._state.offers.tools_for(self._known_test(request).name)
        return _listing(request, "tools", [tool.document for tool in tools])

    async def tools(self, request: Request) -> Response:
        """List all tools (recordings n10 and n11), or return what they say to a test."""
        text = request.query_params.get("test")
        if text is not None:
            return await self._tools_for(text, request)
        return _listing(request, "tools", [tool.document for tool in self._state.offers.tools().values()])

    async def tool(self, request: Request) -> Response:
        """Describe a tool (recordings n12 and n13)."""
        return _single(
            request, "tools", _known(self._state.offers.tools(), "tool", request.path_params["tool"]).document
        )

    async def _tools_for(self, text: str, request: Request) -> Response:
        """Return what the tools for a test say to it; before API 6, they were listed only if they can run it."""
        try:
            document = load_json(text)
            name = document["type"]
            tools = self._state.offers.tools_for(name) if self._state.offers.test(name) is not None else []
            api = whole_number(request, "api")
        except (AttributeError, KeyError, TypeError, ValueError):
            raise internal_problem() from None
        if not tools:
            return json_reply(request, [])
        await self._state.sleep(self._state.pace.participants)
        answers = [(tool.document, await tool.reasons_against(document)) for tool in tools]
        if api is None or api < _WITH_REASONS:
            return json_reply(request, [described for described, reasons in answers if not reasons])
        return json_reply(
            request,
            [
                {"can-run": {"can-run": False, "reasons": reasons} if reasons else {"can-run": True}, "tool": described}
                for described, reasons in answers
            ],
        )

    def _known_test(self, request: Request) -> OfferedTest:
        name = request.path_params["test"]
        test = self._state.offers.test(name)
        if test is None:
            raise _not_available("test", name)
        return test


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
        return await _verdict(request, "data", _check_no_data, missing=f"No {self._kind} data provided")

    def _known(self, request: Request) -> Dict[str, Any]:
        return _known(self._plugins, self._kind, request.path_params["name"])


async def _check_no_data(data: Any) -> None:
    _NO_DATA.check(data)


def _known(things: Mapping[str, Thing], kind: str, name: str) -> Thing:
    if name not in things:
        raise _not_available(kind, name)
    return things[name]


def _not_available(kind: str, name: str) -> RefusalError:
    return RefusalError(404, f'No {kind} "{name}" is available.')


def _single(request: Request, kinds: str, document: Mapping[str, Any]) -> Response:
    return json_reply(request, _with_href(request, kinds, document))


def _listing(request: Request, kinds: str, documents: Iterable[Mapping[str, Any]]) -> Response:
    """Return the URLs of some documents, or the documents if the query says ``expanded``."""
    described = [_with_href(request, kinds, document) for document in documents]
    return json_reply(request, described if flag(request, "expanded") else [each["href"] for each in described])


def _with_href(request: Request, kinds: str, document: Mapping[str, Any]) -> Dict[str, Any]:
    return {**document, "href": f"{root_url(request)}/{kinds}/{document['name']}"}


async def _verdict(request: Request, name: str, check: Callable[[Any], Awaitable[None]], *, missing: str) -> Response:
    """Return whether a JSON document of the query is valid."""
    text = request.query_params.get(name)
    if text is None:
        raise RefusalError(400, missing)
    try:
        await check(load_json(text))
    except (SpecError, ValueError) as error:
        return json_reply(request, {"valid": False, "error": str(error)})
    return json_reply(request, {"valid": True})
