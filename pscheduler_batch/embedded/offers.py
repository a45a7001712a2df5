"""
What a server offers: tests and the tools that run them, all with one interface (ADR 65).

A test checks specifications and renders results, a tool measures. A :class:`.Test` is both; the plug-ins of a class
folder are one or the other. Every call may take a while, as a method of a plug-in is a process.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, AsyncIterator, Dict, Iterable, List, Mapping, Optional, Sequence

from pscheduler_batch.embedded.documents import in_database_order, without_secrets
from pscheduler_batch.embedded.test import Outcome, SpecError, Test

_MAINTAINER = {"href": "", "name": "pscheduler-batch", "email": ""}

PLAIN = "text/plain"


class MethodError(Exception):
    """A method of a plug-in failed; the text is what it wrote to its standard error."""


@dataclass(frozen=True)
class Assignment:
    """
    A run that a tool is to carry out.

    Attributes:
        task_id: The identifier of the task.
        test: ``type`` and ``spec``, as in the task.
        start: The announced start.
        duration: From the announced start to the announced end.
        multi_result: Whether the test gives several results.
        lead_time: How long before the start a plug-in is started, in seconds.
        participant_data: What :meth:`OfferedTool.participant_data` returned for this run.
        host: The host and port of this server.
    """

    task_id: str
    test: Mapping[str, Any]
    start: datetime
    duration: timedelta
    multi_result: bool
    lead_time: float
    participant_data: Mapping[str, Any]
    host: str


class OfferedTest(ABC):
    """
    A test as the API shows it.

    Attributes:
        name: Its ``type``.
        document: Its description, as ``GET /tests/NAME`` returns it, without its URL.
    """

    name: str
    document: Mapping[str, Any]

    @property
    def scheduling_class(self) -> str:
        """``background``, ``background-multi``, ``normal`` or ``exclusive``, in pScheduler's sense."""
        return str(self.document["scheduling-class"])

    @property
    def multi_result(self) -> bool:
        """Whether one task of this test gives several results, each as a run of its own."""
        return self.scheduling_class == "background-multi"

    @abstractmethod
    async def check(self, spec: Any) -> None:
        """
        Check a specification.

        Raises:
            SpecError: It is invalid.
            MethodError: The plug-in failed.
        """

    @abstractmethod
    async def participants(self, spec: Any) -> Mapping[str, Any]:
        """
        Return the ``participants``, the lead first, null being this host; and why it is null, if it is.

        Raises:
            SpecError: The specification is invalid.
            MethodError: The plug-in failed.
        """

    @abstractmethod
    async def to_cli(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """
        Return the options of pScheduler's ``task`` command for a valid specification.

        Raises:
            MethodError: The plug-in failed.
        """

    @abstractmethod
    async def from_cli(self, arguments: Sequence[Any]) -> Mapping[str, Any]:
        """
        Return the specification that arguments of pScheduler's ``task`` command describe; it need not be valid.

        Raises:
            UsageError: The arguments are wrong or ask for help.
        """

    @abstractmethod
    async def render(self, spec: Mapping[str, Any], result: Mapping[str, Any], form: str) -> str:
        """
        Render a successful merged result.

        Args:
            spec: The specification.
            result: The merged result.
            form: ``text/plain`` or ``text/html``.

        Raises:
            UnsupportedFormatError: The test cannot render its result in this format.
            MethodError: The plug-in failed.
        """


class OfferedTool(ABC):
    """
    A tool as the API shows it.

    Attributes:
        name: Its name.
        document: Its description, as ``GET /tools/NAME`` returns it, without its URL.
        is_plugin: Whether it is a plug-in, which waits for the start of its run itself, and whose results are its own.
    """

    name: str
    document: Mapping[str, Any]
    is_plugin: bool

    @property
    def preference(self) -> int:
        """How much it is preferred to other tools for the same test."""
        return int(self.document["preference"])

    @property
    def tests(self) -> Sequence[str]:
        """The names of the tests that it can run."""
        return tuple(self.document["tests"])

    @abstractmethod
    async def reasons_against(self, test: Mapping[str, Any]) -> Sequence[str]:
        """Return why it cannot run a test (``type`` and ``spec``) on this host; nothing if it can."""

    @abstractmethod
    async def duration(self, test: Mapping[str, Any]) -> timedelta:
        """
        Return the maximum duration of a run.

        Raises:
            MethodError: The plug-in failed.
        """

    async def participant_data(self, test: Mapping[str, Any]) -> Mapping[str, Any]:
        """
        Return what the participant has to say to all of them before a run.

        Raises:
            MethodError: The plug-in failed.
        """
        del test
        return {}

    @abstractmethod
    def run(self, assignment: Assignment) -> AsyncIterator[Outcome]:
        """
        Measure: an asynchronous generator of one outcome, or of several if the test gives several results.

        Raises:
            MethodError: A plug-in whose test gives several results failed.
        """

    async def merge(self, assignment: Assignment, outcome: Outcome) -> Mapping[str, Any]:
        """Return the merged result of a run."""
        del assignment
        return outcome.merged


class BuiltInTest(OfferedTest):
    """A test that runs in the process of the server."""

    def __init__(self, test: Test) -> None:
        self.name = test.name
        self.document = describe_plugin(test.name, test.description, **{"scheduling-class": test.scheduling_class})
        self._test = test

    async def check(self, spec: Any) -> None:
        """Check a specification."""
        self._test.check(spec)

    async def participants(self, spec: Any) -> Mapping[str, Any]:
        """Return the participants of a specification, which is checked as well (recordings b10 to b38)."""
        self._test.check(spec)
        hosts = list(self._test.participants(spec))
        return {"participants": hosts, **(self._test.null_reason() if hosts[0] is None else {})}

    async def to_cli(self, spec: Mapping[str, Any]) -> Sequence[str]:
        """Return the options, without secrets, unlike recording j21."""
        return tuple(self._test.cli(without_secrets(spec)))

    async def from_cli(self, arguments: Sequence[Any]) -> Mapping[str, Any]:
        """Return the specification of some arguments."""
        return self._test.from_cli([str(word) for word in arguments])

    async def render(self, spec: Mapping[str, Any], result: Mapping[str, Any], form: str) -> str:
        """Render a result."""
        return self._test.plain(spec, result) if form == PLAIN else self._test.html(spec, result)


class BuiltInTool(OfferedTool):
    """The tool of one or more tests that run in the process of the server."""

    is_plugin = False

    def __init__(self, name: str, tests: Mapping[str, Test]) -> None:
        """Take its name and its tests by their names."""
        description = f"What the embedded server measures {', '.join(sorted(tests))} with"
        self.name = name
        self.document = describe_plugin(name, description, tests=sorted(tests), preference=0)
        self._tests = tests

    async def reasons_against(self, test: Mapping[str, Any]) -> Sequence[str]:
        """Return why a test is invalid or cannot be run on this machine; a test may look up names for that."""
        found = self._tests[test["type"]]
        try:
            found.check(test.get("spec"))
        except SpecError as error:
            return (str(error),)
        reason = await asyncio.get_running_loop().run_in_executor(None, found.unable, test["spec"])
        return () if reason is None else (reason,)

    async def duration(self, test: Mapping[str, Any]) -> timedelta:
        """Return the maximum duration of the measurement."""
        return self._tests[test["type"]].duration(test["spec"])

    def run(self, assignment: Assignment) -> AsyncIterator[Outcome]:
        """Measure."""
        return self._tests[assignment.test["type"]].measure(assignment.test["spec"])


class Offers:
    """
    The tests and tools of one server.

    A test of a class folder takes the place of a built-in one of the same name, and a tool likewise.

    Args:
        built_in: The built-in tests by name. They may change at any time.
        tests: The tests of a class folder.
        tools: The tools of a class folder.
    """

    def __init__(
        self, built_in: Mapping[str, Test], tests: Iterable[OfferedTest] = (), tools: Iterable[OfferedTool] = ()
    ) -> None:
        self._built_in = built_in
        self._tests = {test.name: test for test in tests}
        self._tools = {tool.name: tool for tool in tools}

    def test(self, name: str) -> Optional[OfferedTest]:
        """Return a test, or None if there is none of this name."""
        if name in self._tests:
            return self._tests[name]
        return BuiltInTest(self._built_in[name]) if name in self._built_in else None

    def tests(self) -> List[OfferedTest]:
        """Return all tests, in order of their names."""
        offered = {**{name: BuiltInTest(test) for name, test in self._built_in.items()}, **self._tests}
        return [offered[name] for name in sorted(offered)]

    def tools(self) -> Dict[str, OfferedTool]:
        """Return all tools by name, in order of their names."""
        names = {test.tool for name, test in self._built_in.items() if name not in self._tests}
        offered = {**{name: self._built_in_tool(name) for name in names}, **self._tools}
        return {name: offered[name] for name in sorted(offered)}

    def tools_for(self, test: str) -> List[OfferedTool]:
        """Return the tools for a test, the preferred ones first."""
        tools = [tool for tool in self._tools.values() if test in tool.tests]
        if test in self._built_in and test not in self._tests and self._built_in[test].tool not in self._tools:
            tools.append(self._built_in_tool(self._built_in[test].tool))
        return sorted(tools, key=lambda tool: (-tool.preference, tool.name))

    def _built_in_tool(self, name: str) -> OfferedTool:
        tests = {each: test for each, test in self._built_in.items() if test.tool == name and each not in self._tests}
        return BuiltInTool(name, tests)


def describe_plugin(name: str, description: str, **more: Any) -> Dict[str, Any]:
    """Return the description of a built-in plug-in of any kind, without its URL (recordings b02, n12 and n17)."""
    document = {"name": name, "schema": 1, "version": "1.0", "maintainer": _MAINTAINER, "description": description}
    described: Dict[str, Any] = in_database_order({**document, **more})
    return described
