"""
Faults that a test asks of the embedded server.

A fault is a rule: which requests it is for, and what happens to them instead of the usual answer. All rules are
consulted for every request in one place, :class:`FaultyApp`; the first that matches wins. What can happen is in
:mod:`pscheduler_batch.embedded.faults.actions`; what is asked for often is a method of :class:`Faults`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Callable, List, Mapping, Optional, Tuple, Union

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pscheduler_batch.embedded.faults import actions
from pscheduler_batch.embedded.faults.actions import Action, Sent
from pscheduler_batch.embedded.faults.garbling import Change

# What a shell-like pattern or a regular expression picks out, see Rule.
Where = Union[str, "re.Pattern[str]"]

Document = Mapping[str, Any]

# Which task a request must be about, see Rule.
Which = Union[str, Callable[[Document], bool]]

_ROOT = re.compile("^/pscheduler(?=/|$)")
_TASK = re.compile("^tasks/([^/]+)")


@dataclass(frozen=True)
class Asked:
    """
    One request, as rules look at it.

    Attributes:
        method: GET, POST or DELETE.
        path: The path below ``/pscheduler/``.
        query: The query, "" where there is none.
        task_id: The identifier in the path, None where the request is about no task that has one.
        task: The task as it was or is being posted, with its secrets; None where there is none or it is no object.
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
        where: A shell-like pattern for the whole path below ``/pscheduler/`` (``*`` also stands for ``/``), or a
            regular expression that is searched for in path and query.
        action: What happens instead of the usual answer.
        method: For requests of this method only.
        times: How often at the most; None is always.
        uses: How often it has happened.
        after: How many requests that match are let by first, whatever is done with them.
        task: For requests about one task only, the POST of it included: a function that is given the task as it was
            posted and says whether it is meant, or a task's identifier or URL.
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
        """Say whether the rule is for a request, be it due or not."""
        if self.method is not None and self.method.upper() != asked.method:
            return False
        return self._is_place(asked) and self._is_task(asked)

    @property
    def is_due(self) -> bool:
        """Whether the last request that matched is neither too early nor too late."""
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


class Faults:
    """
    The rules of one server, in the order in which they were set.

    May be changed from any thread, before the server starts and while it runs. All methods that set a rule take the
    same keywords for the requests that are meant: ``method``, ``after``, ``times`` and ``task``, see :class:`Rule`.
    The third to fifth POST, for example, are ``method="POST", after=2, times=3``.

    Args:
        document_of: Finds the task with an identifier as it was posted, None where there is none.
    """

    def __init__(self, document_of: Callable[[str], Optional[Document]] = lambda _task_id: None) -> None:
        self._rules: List[Rule] = []
        self._document_of = document_of

    def add(self, rule: Rule) -> Rule:
        """Set a rule; what it counts can be read from it later."""
        self._rules.append(rule)
        return rule

    def refuse(
        self,
        where: Where,
        status: int,
        body: str,
        *,
        content_type: str = "text/plain; charset=utf-8",
        method: Optional[str] = None,
        after: int = 0,
        times: Optional[int] = None,
        task: Optional[Which] = None,
    ) -> Rule:
        """
        Answer with a status and a body of one's own; what is asked for is not done.

        Args:
            where: See :class:`Rule`; ``"tasks"`` is the collection of tasks only, ``"tasks/*"`` everything below it.
            status: The HTTP status.
            body: The whole body.
            content_type: Its media type.
            method: See the class, as for all that follow.
            after: See the class.
            times: See the class.
            task: See the class.
        """
        action = actions.answering(status, body, content_type)
        return self.add(Rule(where, action, method, times, after=after, task=task))

    def delay(
        self,
        where: Where,
        seconds: float,
        *,
        done: bool = False,
        method: Optional[str] = None,
        after: int = 0,
        times: Optional[int] = None,
        task: Optional[Which] = None,
    ) -> Rule:
        """Answer as usual, but so many seconds later; with ``done``, what is asked for is done without delay."""
        action = actions.delaying(seconds, done=done)
        return self.add(Rule(where, action, method, times, after=after, task=task))

    def hang(
        self,
        where: Where,
        *,
        done: bool = False,
        sent: Sent = "nothing",
        method: Optional[str] = None,
        after: int = 0,
        times: Optional[int] = None,
        task: Optional[Which] = None,
    ) -> Rule:
        """
        Never answer, or never finish the answer, until the client gives up or the server stops.

        Args:
            where: See :class:`Rule`.
            done: Whether what is asked for is done.
            sent: What leaves the server before: ``"nothing"``, the ``"head"`` (status and headers), or the head and
                ``"half"`` of the body. The last two need the answer, so what is asked for is done.
            method: See the class, as for all that follow.
            after: See the class.
            times: See the class.
            task: See the class.
        """
        action = actions.hanging(done=done, sent=sent)
        return self.add(Rule(where, action, method, times, after=after, task=task))

    def reset(
        self,
        where: Where,
        *,
        done: bool = False,
        sent: Sent = "nothing",
        method: Optional[str] = None,
        after: int = 0,
        times: Optional[int] = None,
        task: Optional[Which] = None,
    ) -> Rule:
        """
        Break the connection off instead of answering, or in the middle of the answer.

        Args:
            where: See :class:`Rule`.
            done: Whether what is asked for is done first, so that only the answer is lost.
            sent: What leaves the server before, see :meth:`hang`.
            method: See the class, as for all that follow.
            after: See the class.
            times: See the class.
            task: See the class.
        """
        action = actions.breaking_off(done=done, sent=sent)
        return self.add(Rule(where, action, method, times, after=after, task=task))

    def slow(
        self,
        where: Where,
        bytes_per_second: float,
        *,
        method: Optional[str] = None,
        after: int = 0,
        times: Optional[int] = None,
        task: Optional[Which] = None,
    ) -> Rule:
        """Answer as usual, but with a body that comes at so many bytes a second; the head comes at once."""
        action = actions.slowing(bytes_per_second)
        return self.add(Rule(where, action, method, times, after=after, task=task))

    def garble(
        self,
        where: Where,
        change: Change,
        *,
        content_type: Optional[str] = None,
        method: Optional[str] = None,
        after: int = 0,
        times: Optional[int] = None,
        task: Optional[Which] = None,
    ) -> Rule:
        """
        Answer as usual, but with the body changed.

        Args:
            where: See :class:`Rule`.
            change: Makes another body of the usual one, as :mod:`pscheduler_batch.embedded.faults.garbling` has some.
            content_type: Its media type, where that changes too; status and other headers stay, save for the length.
            method: See the class, as for all that follow.
            after: See the class.
            times: See the class.
            task: See the class.
        """
        action = actions.changing(change, content_type)
        return self.add(Rule(where, action, method, times, after=after, task=task))

    def clear(self) -> None:
        """Forget all rules."""
        self._rules.clear()

    @property
    def ask_for_tasks(self) -> bool:
        """Whether any rule looks at tasks, so that what is posted must be read before one is looked for."""
        return any(rule.task is not None for rule in self._rules)

    def find(self, method: str, path: str, query: str, posted: bytes = b"") -> Optional[Rule]:
        """Find the rule for a request and count its use; None is the usual answer."""
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
    """The application with the faults in front of it."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or whatever else the server wants of an application."""
        rule = None
        if scope["type"] == "http":
            posted = b""
            if scope["method"] == "POST" and self._faults.ask_for_tasks:
                posted, receive = await _read_ahead(receive)
            rule = self._faults.find(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), posted)
        if rule is None:
            await self._app(scope, receive, send)
        else:
            await rule.action(self._app, scope, receive, send)


async def _read_ahead(receive: Receive) -> Tuple[bytes, Receive]:
    """Read the body of a request; give it, and what receives all of it once more."""
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
