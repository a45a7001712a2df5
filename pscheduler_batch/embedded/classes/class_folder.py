"""Reading a class folder: which plug-ins it has, and what they say about themselves."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, List, Mapping, Sequence, Tuple

from pscheduler_batch.embedded.classes.methods import TEST_METHODS, TIME_LIMITS, TOOL_METHODS, Methods
from pscheduler_batch.embedded.classes.plugin_test import PluginTest
from pscheduler_batch.embedded.classes.plugin_tool import PluginTool
from pscheduler_batch.embedded.classes.processes import Processes
from pscheduler_batch.embedded.documents import in_database_order
from pscheduler_batch.embedded.offers import MethodError, OfferedTest, OfferedTool
from pscheduler_batch.embedded.spec import INTEGER, STRING, Schema, SpecChecker, object_schema
from pscheduler_batch.embedded.test import SpecError
from pscheduler_batch.errors import BatchError

_CLASS: Schema = {"type": "string", "enum": ["background", "background-multi", "exclusive", "normal"]}
_COMMON = {
    "name": STRING,
    "description": STRING,
    "version": {"type": "string", "pattern": r"^[0-9]+([.][0-9]+)*[A-Za-z0-9+-]*$"},
    "maintainer": {
        "type": "object",
        "properties": {"name": STRING, "email": STRING, "href": STRING},
        "required": ["name"],
        "additionalProperties": False,
    },
    "scheduling-class": _CLASS,
}
_REQUIRED = ("name", "description", "version", "maintainer")
_TEST = SpecChecker([object_schema(_COMMON, version=1, required=[*_REQUIRED, "scheduling-class"])])
_TOOL = SpecChecker(
    [
        object_schema(
            {**_COMMON, "tests": {"type": "array", "items": STRING}, "preference": INTEGER},
            version=1,
            required=[*_REQUIRED, "tests", "preference"],
        )
    ]
)


@dataclass
class ClassFolder:
    """
    The plug-ins of a class folder, for one server at a time.

    Attributes:
        tests: The tests that can be offered.
        tools: The tools that can be offered.
        problems: What is wrong with a plug-in, which is not offered or lacks a method.
        processes: The running methods.
    """

    tests: List[OfferedTest] = field(default_factory=list)
    tools: List[OfferedTool] = field(default_factory=list)
    problems: List[str] = field(default_factory=list)
    processes: Processes = field(default_factory=Processes)


def load_classes(directory: Path, *, time_limits: Mapping[str, float] = TIME_LIMITS) -> ClassFolder:
    """
    Read a class folder of pScheduler, with plug-ins as ``test/NAME/METHOD`` and ``tool/NAME/METHOD``.

    Args:
        directory: The class folder.
        time_limits: How long each method but ``run`` may take, in seconds; by default as long as in pScheduler.

    Raises:
        BatchError: It is not a class folder.
    """
    found = ClassFolder()
    plugins = [
        Methods(plugin, found.processes, time_limits)
        for kind in ("test", "tool")
        for plugin in _directories(directory / kind)
    ]
    if not plugins:
        raise BatchError(f"{directory}: not a directory of classes: it has no plug-ins in test/ or tool/")
    # Not on the event loop of the caller, if there is one.
    with ThreadPoolExecutor(1) as thread:
        described = thread.submit(lambda: asyncio.run(_describe_all(plugins))).result()
    for methods, answer in zip(plugins, described):
        _add(found, methods, answer)
    return found


def _directories(parent: Path) -> Sequence[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BatchError(f"{parent}: {error.strerror}") from error


async def _describe_all(plugins: Sequence[Methods]) -> Sequence[Any]:
    return await asyncio.gather(*(methods.json("enumerate", None) for methods in plugins), return_exceptions=True)


def _add(found: ClassFolder, methods: Methods, answer: Any) -> None:
    """Offer a plug-in with the answer of ``enumerate``, or note what is wrong with it."""
    place = f"{methods.kind}/{methods.name}"
    checker, wanted = _needs(methods.kind)
    missing = [name for name in wanted if not methods.has(name)]
    if missing:
        found.problems.append(f"{place}: no executable file {', '.join(missing)}")
    try:
        if isinstance(answer, BaseException):
            raise answer
        checker.check(answer)
    except MethodError as error:
        found.problems.append(f"{place}: not offered, as enumerate failed: {error}")
        return
    except SpecError as error:
        found.problems.append(f"{place}: not offered, as the output of enumerate is invalid: {error}")
        return
    if answer["name"] != methods.name:
        found.problems.append(f"{place}: not offered, as enumerate names it {answer['name']}")
        return
    document = in_database_order(answer)
    if methods.kind == "test":
        found.tests.append(PluginTest(methods, document))
    else:
        found.tools.append(PluginTool(methods, document))


def _needs(kind: str) -> Tuple[SpecChecker, Sequence[str]]:
    return (_TEST, TEST_METHODS) if kind == "test" else (_TOOL, TOOL_METHODS)
