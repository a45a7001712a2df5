"""
Faults on demand, and the requests that they are for.

A fault is a rule that selects requests and has an action instead of the usual answer. :class:`FaultyApp` looks for the
rule of each request; the first that matches is used. The actions are in
:mod:`pscheduler_batch.embedded.faults.actions`; :class:`Faults` has a method for each of them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Callable, List, Mapping, Optional, Tuple, TypedDict, Union

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pscheduler_batch.embedded.faults import actions
from pscheduler_batch.embedded.faults.actions import Action, Sent
from pscheduler_batch.embedded.faults.garbling import Change

if TYPE_CHECKING:
    from typing_extensions import Unpack

# A shell-like pattern or a regular expression, see Rule.
Where = Union[str, "re.Pattern[str]"]

Document = Mapping[str, Any]

# The task that a request must be about, see Rule.
Which = Union[str, Callable[[Document], bool]]

_ROOT = re.compile("^/pscheduler(?=/|$)")
_TASK = re.compile("^tasks/([^/]+)")


@dataclass(frozen=True)
class Asked:
    """
    A request, as rules examine it.

    Attributes:
        method: GET, POST or DELETE.
        path: The path below ``/pscheduler/``.
        query: The query, "" if there is none.
        task_id: The identifier of the task in the path, or None.
        task: The task as posted, with its secrets, or None if there is none or it is not an object.
    """

    method: str
    path: str
    query: str
    task_id: Optional[str]
    task: Optional[Document]


@dataclass
class Rule:
    """
    One fault.

    Attributes:
        where: A shell-like pattern for the whole path below ``/pscheduler/`` (``*`` also matches ``/``), or a regular
            expression that is searched for in path and query.
        action: What happens instead of the usual answer.
        method: The method of the requests.
        times: The maximum number of uses; None is unlimited.
        uses: How often the rule was used.
        after: How many matching requests to skip first.
        task: For requests about one task only, including its POST: a function that takes the posted task and returns
            whether it is meant, or a task's identifier or URL.
        seen: How many requests have matched.
    """

    where: Where
    action: Action
    method: Optional[str] = None
    times: Optional[int] = None
    uses: int = 0
    after: int = 0
    task: Optional[Which] = None
    seen: int = 0

    def matches(self, asked: Asked) -> bool:
        """Return whether the rule is for a request, regardless of ``after`` and ``times``."""
        if self.method is not None and self.method.upper() != asked.method:
            return False
        return self._is_place(asked) and self._is_task(asked)

    @property
    def is_due(self) -> bool:
        """Whether ``after`` and ``times`` include the last request that matched."""
        return self.seen > self.after and (self.times is None or self.uses < self.times)

    def _is_place(self, asked: Asked) -> bool:
        if isinstance(self.where, str):
            return fnmatchcase(asked.path, self.where.lstrip("/"))
        return self.where.search(f"/{asked.path}?{asked.query}" if asked.query else f"/{asked.path}") is not None

    def _is_task(self, asked: Asked) -> bool:
        if self.task is None:
            return True
        if isinstance(self.task, str):
            return asked.task_id is not None and self.task.rpartition("/")[2].lower() == asked.task_id
        return asked.task is not None and bool(self.task(asked.task))


class Selection(TypedDict, total=False):
    """Which requests a fault is for; the defaults and meanings are those of :class:`Rule`."""

    method: Optional[str]
    after: int
    times: Optional[int]
    task: Optional[Which]


class Faults:
    """
    The rules of one server, in the order in which they were added.

    They may be changed from any thread, before the server starts and while it runs. Each method that adds a rule takes
    the keywords of :class:`Selection`. The third to fifth POST, for example, are ``method="POST", after=2, times=3``.

    Args:
        document_of: Returns the posted task with an identifier, or None if there is none.
    """

    def __init__(self, document_of: Callable[[str], Optional[Document]] = lambda _task_id: None) -> None:
        self._rules: List[Rule] = []
        self._document_of = document_of

    def add(self, rule: Rule) -> Rule:
        """Add a rule; its counters can be read later."""
        self._rules.append(rule)
        return rule

    def refuse(
        self,
        where: Where,
        status: int,
        body: str,
        *,
        content_type: str = "text/plain; charset=utf-8",
        **selection: Unpack[Selection],
    ) -> Rule:
        """
        Answer with a status and a body, without executing the request.

        Args:
            where: See :class:`Rule`; ``"tasks"`` is only the collection of tasks, ``"tasks/*"`` everything below it.
            status: The HTTP status.
            body: The whole body.
            content_type: Its media type.
            selection: See the class.
        """
        return self.add(Rule(where, actions.answering(status, body, content_type), **selection))

    def delay(self, where: Where, seconds: float, *, done: bool = False, **selection: Unpack[Selection]) -> Rule:
        """Answer as usual, but so many seconds later; with ``done``, the request is executed without delay."""
        return self.add(Rule(where, actions.delaying(seconds, done=done), **selection))

    def hang(self, where: Where, *, done: bool = False, sent: Sent = "nothing", **selection: Unpack[Selection]) -> Rule:
        """
        Never answer, or never finish the answer, until the client gives up or the server stops.

        Args:
            where: See :class:`Rule`.
            done: Whether the request is executed.
            sent: What is sent before: ``"nothing"``, the ``"head"`` (status and headers), or the head and ``"half"`` of
                the body. The last two need the answer, so the request is executed.
            selection: See the class.
        """
        return self.add(Rule(where, actions.hanging(done=done, sent=sent), **selection))

    def reset(
        self, where: Where, *, done: bool = False, sent: Sent = "nothing", **selection: Unpack[Selection]
    ) -> Rule:
        """Abort the connection instead of answering, or during the answer; for the arguments see :meth:`hang`."""
        return self.add(Rule(where, actions.aborting(done=done, sent=sent), **selection))

    def slow(self, where: Where, bytes_per_second: float, **selection: Unpack[Selection]) -> Rule:
        """Answer as usual, but send the body at so many bytes per second; the head is sent at once."""
        return self.add(Rule(where, actions.slowing(bytes_per_second), **selection))

    def garble(
        self, where: Where, change: Change, *, content_type: Optional[str] = None, **selection: Unpack[Selection]
    ) -> Rule:
        """
        Answer as usual, but with a changed body.

        Args:
            where: See :class:`Rule`.
            change: Returns the changed body; :mod:`pscheduler_batch.embedded.faults.garbling` has some.
            content_type: Its media type, if that changes too; the status and all headers but the length stay.
            selection: See the class.
        """
        return self.add(Rule(where, actions.changing(change, content_type), **selection))

    def clear(self) -> None:
        """Remove all rules."""
        self._rules.clear()

    @property
    def need_tasks(self) -> bool:
        """Whether any rule examines tasks, so that the body of a POST must be read to find its rule."""
        return any(rule.task is not None for rule in self._rules)

    def find(self, method: str, path: str, query: str, posted: bytes = b"") -> Optional[Rule]:
        """Return the rule for a request and count its use; None is the usual answer."""
        asked = self._asked(method, _ROOT.sub("", path).lstrip("/"), query, posted)
        found = None
        for rule in tuple(self._rules):
            if rule.matches(asked):
                rule.seen += 1
                if found is None and rule.is_due:
                    found = rule
        if found is not None:
            found.uses += 1
        return found

    def _asked(self, method: str, path: str, query: str, posted: bytes) -> Asked:
        in_path = _TASK.match(path)
        if in_path is not None:
            task_id = in_path[1].lower()
            return Asked(method, path, query, task_id, self._document_of(task_id))
        return Asked(method, path, query, None, _object(posted))


class FaultyApp:
    """The application, with the faults in front of it."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        rule = None
        if scope["type"] == "http":
            posted = b""
            if scope["method"] == "POST" and self._faults.need_tasks:
                posted, receive = await _read_ahead(receive)
            rule = self._faults.find(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), posted)
        if rule is None:
            await self._app(scope, receive, send)
        else:
            await rule.action(self._app, scope, receive, send)


async def _read_ahead(receive: Receive) -> Tuple[bytes, Receive]:
    """Return the body of a request, and a function that receives the request again."""
    messages: List[Message] = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    left = list(messages)

    async def receive_again() -> Message:
        return left.pop(0) if left else await receive()

    return b"".join(message.get("body", b"") for message in messages), receive_again


def _object(posted: bytes) -> Optional[Document]:
    try:
        document: object = json.loads(posted)
    except (RecursionError, ValueError):
        return None
    return document if isinstance(document, dict) else None
