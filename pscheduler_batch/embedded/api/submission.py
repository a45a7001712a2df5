"""Turn the body of a POST into a task, or refuse it with the reason."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from functools import lru_cache
from importlib.resources import files
from typing import Any, Dict, Mapping, Optional, Sequence
from urllib.parse import quote_plus

from jsonschema_rs import validator_for

from pscheduler_batch.embedded.api.descriptions import CONTEXTS
from pscheduler_batch.embedded.api.replies import TOO_LONG, RefusalError, internal_problem, is_too_long
from pscheduler_batch.embedded.documents import load_json, without_comments, without_secrets
from pscheduler_batch.embedded.offers import MethodError, OfferedTest, OfferedTool
from pscheduler_batch.embedded.scheduling.schedule import Schedule, UnusableScheduleError
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.scheduling.tasks_and_runs import Task
from pscheduler_batch.embedded.test import SpecError

HIGHEST_VERSION = 5

logger = logging.getLogger("pscheduler_batch.embedded")

_ALONE = "the embedded server of pscheduler-batch runs plug-ins with one participant only."

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class TaskError(Exception):
    """An invalid task; the text is worded as pScheduler words it (recordings c06 to c15)."""


async def accept_task(state: State, body: bytes, content_type: str, *, requester: str, server: str) -> Task:
    """
    Return the task that was posted.

    Args:
        state: The state of the server.
        body: The body.
        content_type: Its media type, "" if there was none.
        requester: The client's address.
        server: The address that the client used.

    Raises:
        RefusalError: The task cannot be accepted.
    """
    document = _load_task(body, content_type)
    test = await _check_test(state, document["test"]["type"], document["test"]["spec"])
    participants = await _participants(test, document["test"]["spec"])
    await _check_lead_bind(document.get("lead-bind"))
    _check_contexts(document)
    _check_length(state, document["test"])
    tool = await _choose_tool(state, document)
    if tool.is_plugin and len(participants) > 1:
        raise RefusalError(500, f"Error getting tools from {participants[1]}: {_ALONE}")
    try:
        schedule = Schedule.load(document["schedule"])
        start = schedule.first_start(state.now())
    except (KeyError, UnusableScheduleError):
        # A missing schedule is the last error that pScheduler notices (recordings c04 and c22).
        raise internal_problem() from None
    document["tool"] = tool.name
    try:
        cli = tuple(await test.to_cli(document["test"]["spec"]))
        duration = await tool.duration(document["test"])
    except MethodError as error:
        # In pScheduler, these methods run in the database, and their errors are in its log.
        logger.warning("Unable to post a task of the test %s: %s", test.name, error)
        raise internal_problem() from error
    return Task(
        test=test,
        tool=tool,
        participants=participants,
        document=document,
        schedule=schedule,
        start=start,
        added=state.now(),
        duration=duration,
        cli=cli,
        requester=requester,
        server=server,
    )


async def _check_test(state: State, name: str, spec: Any) -> OfferedTest:
    """
    Return a test whose specification was checked.

    Raises:
        RefusalError: 500 for an unknown test (recording c13), 400 for an invalid specification (c11).
    """
    test = state.offers.test(name)
    if test is None:
        raise RefusalError(500, f"Unable to validate test spec: Unknown test plugin '{name}'")
    try:
        await test.check(spec)
    except MethodError as error:
        raise RefusalError(500, f"Unable to validate test spec: {error}\n") from error
    except SpecError as error:
        raise RefusalError(400, f"Invalid test specification: {error}") from error
    return test


async def _participants(test: OfferedTest, spec: Any) -> Sequence[Optional[str]]:
    try:
        found = await test.participants(spec)
    except MethodError as error:
        raise RefusalError(500, f"Unable to determine participants: {error}\n") from error
    return tuple(found["participants"])


def _load_task(body: bytes, content_type: str) -> Dict[str, Any]:
    if content_type.partition(";")[0].strip().lower() in _FORMS:
        body = b""  # The web framework of pScheduler consumes forms (recording c03).
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError:
        raise internal_problem() from None  # Recording c35.
    try:
        document = without_comments(load_json(text))
        check_task(document)
    except (TaskError, ValueError) as error:
        raise RefusalError(400, f"Invalid task specification: {error}") from error
    task: Dict[str, Any] = document
    return task


def check_task(task: Any) -> None:
    """
    Check a task against the schema that it declares.

    Raises:
        TaskError: It is not an object, declares an unknown version, or violates its schema. As in pScheduler, the text
            for the last repeats the whole task, but here without the values of its secrets.
    """
    if not isinstance(task, dict):
        raise TaskError("JSON must be an object")
    version = task.get("schema", 1)
    if isinstance(version, int) and version > HIGHEST_VERSION:
        raise TaskError(f"Schema version {version} is not supported (highest is {HIGHEST_VERSION})")
    if not isinstance(version, int) or version < 1 or not _is_valid(version, task):
        raise TaskError(f"At /: {without_secrets(task)} is not valid under any of the given schemas")


def _is_valid(version: int, task: Mapping[str, Any]) -> bool:
    return bool(_validator(version).is_valid(task))


@lru_cache(maxsize=HIGHEST_VERSION)
def _validator(version: int) -> Any:
    schema = files("pscheduler_batch").joinpath("input", "json_schemas", f"task-{version}.json")
    return validator_for(json.loads(schema.read_text(encoding="utf-8")))


async def _check_lead_bind(address: Optional[str]) -> None:
    if address is not None and not await _is_own_address(address):
        raise RefusalError(400, f"Lead bind '{address}' is not  on this host")  # Two spaces: recording c32.


async def _is_own_address(name: str) -> bool:
    """Return whether this machine can send from a name or address."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, 0, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind(address)
    except (OSError, ValueError):
        return False
    return True


def _check_contexts(document: Mapping[str, Any]) -> None:
    """Refuse contexts that the server does not have, as a run would take place without them."""
    for contexts in document.get("contexts", {}).get("contexts", []):
        for context in contexts:
            if context["context"] not in CONTEXTS:
                known = ", ".join(sorted(CONTEXTS))
                reason = f'Unknown context "{context["context"]}"; this server has {known}'
                raise RefusalError(400, f"Invalid task specification: {reason}")


def _check_length(state: State, test: Mapping[str, Any]) -> None:
    """Refuse a test that is too long for the URL with which pScheduler looks up its tools (recording c60)."""
    target = f"/pscheduler/tools?test={quote_plus(json.dumps(test))}"
    if is_too_long("GET", target):
        raise RefusalError(500, f"Error getting tools from {state.hostname}: 414: {TOO_LONG}")


async def _choose_tool(state: State, document: Mapping[str, Any]) -> OfferedTool:
    """
    Return the preferred tool, or the first of the requested ones.

    Raises:
        RefusalError: The test cannot be run here, or not with the requested tools (recording c16).
    """
    test = document["test"]
    answers = {tool: await tool.reasons_against(test) for tool in state.offers.tools_for(test["type"])}
    able = {tool.name: tool for tool, reasons in answers.items() if not reasons}
    wanted = _wanted_tools(document)
    chosen = next((able[name] for name in (able if wanted is None else wanted) if name in able), None)
    if chosen is not None:
        return chosen
    lines = ["Unable to complete request: None of the participants could run this test:", "", f"{state.hostname}:", ""]
    lines += ["  Offered", *(f"    {name}" for name in able)]
    declined = {tool.name: reasons for tool, reasons in answers.items() if reasons}
    if declined:
        lines.append("  Declined")
    for name, reasons in declined.items():
        lines += [f"    {name}", *(f"      - {reason}" for reason in reasons)]
    raise RefusalError(422, "\n".join([*lines, ""]))


def _wanted_tools(document: Mapping[str, Any]) -> Optional[Sequence[str]]:
    if "tools" in document:
        tools: Sequence[str] = document["tools"]
        return tools
    return [document["tool"]] if "tool" in document else None
