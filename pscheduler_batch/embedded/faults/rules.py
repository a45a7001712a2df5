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
from typing import TYPE_CHECKING, Any, Callable, List, Mapping, Optional, TypedDict, Union

from starlette.types import ASGIApp, Receive, Scope, Send

from pscheduler_batch.embedded.faults import actions
from pscheduler_batch.embedded.faults.actions import Action, Sent
from pscheduler_batch.embedded.faults.cores import TOO_LONG, Cores
from pscheduler_batch.embedded.faults.garbling import Change

if TYPE_CHECKING:
    from typing_extensions import Unpack

# A shell-like pattern or a regular expression, see Rule.
Where = Union[str, "re.Pattern[str]"]

Document = Mapping[str, Any]

# The task that a request must be about, see Rule.
Which = Union[str, Callable[[Document], bool]]

# What requests and runs cost the recorded servers of two cores, in seconds of one core (recordings b10 to b24,
# g-future-result-plain and -html, o00 to o11; groups d, e and n). One POST alone takes 1.3 seconds, eight at once take
# more than ten; of 24 parallel tasks, posted two to four at a time, all have a result after some 50 seconds.
_POST_WORK = 2.6  # divided among two processes at a time
_PARTICIPANTS_WORK = 0.45
_TEXT_WORK = 0.4  # for rendering a result as text or HTML
_OTHER_WORK = 0.01
_START_WORK = 0.6
_MERGE_WORK = 0.4

# The seconds after which a request is killed, which can be several processes one after the other, and one process.
_REQUEST_LIMIT = 12.0
_PROCESS_LIMIT = 6.0

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
        return _is_meant(self.task, asked.task_id, asked.task)


@dataclass
class RunRule:
    """
    The work of runs on shared cores, in seconds of one core.

    A run that is not started in time fails; one that is not merged in time fails too, but the reports of its
    participants are kept (recording o11).

    Attributes:
        cores: The cores.
        start: The work for starting the measurement, which begins when the run gets the state "running".
        merge: The work for merging the results of a measurement that succeeded.
        limit: The time after which either is killed, in seconds.
        task: For the runs of one task only, see :class:`Rule`.
        failed: The number of times that one was killed.
    """

    cores: Cores
    start: float
    merge: float
    limit: float
    task: Optional[Which] = None
    failed: int = 0


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
        self._run_rules: List[RunRule] = []
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
        content_type: str = actions.TEXT,
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

    def share(
        self,
        where: Where,
        cores: Cores,
        work: float,
        *,
        limit: float = _REQUEST_LIMIT,
        processes: int = 1,
        body: str = TOO_LONG,
        done: bool = False,
        **selection: Unpack[Selection],
    ) -> Rule:
        """
        Answer as usual, but only after some work on cores that it shares with other work.

        If that takes too long, the request is refused with status 500, and not executed unless ``done`` is true.

        Args:
            where: See :class:`Rule`.
            cores: The cores; each of n processes on them gets the n-th part.
            work: The work, in seconds of one core.
            limit: The time after which the work is killed, in seconds.
            processes: The number of processes that it is divided among.
            body: The body of a refusal, without its last line break.
            done: Whether the request is executed in any case, before the work.
            selection: See the class.
        """
        return self.add(Rule(where, actions.working(cores, work, limit, processes, body, done=done), **selection))

    def share_runs(
        self, cores: Cores, *, start: float, merge: float, limit: float = _PROCESS_LIMIT, task: Optional[Which] = None
    ) -> RunRule:
        """Make starting runs and merging their results work on shared cores; see :class:`RunRule`."""
        rule = RunRule(cores, start, merge, limit, task)
        self._run_rules.append(rule)
        return rule

    def shrink(self, cores: float = 2, *, speed: float = 1.0) -> Cores:
        """
        Behave like a recorded server with few cores, which requests and runs share, and kill what takes too long.

        A server of two cores accepts a task in 1.3 seconds; eight at once take more than ten, so that some are killed,
        as are runs that start meanwhile. The server's :class:`~pscheduler_batch.embedded.pace.Pace` is not changed.
        Add other faults before, because the first fault that matches is used.

        Args:
            cores: The number of cores.
            speed: The speed as a multiple of that of a recorded server, time limits included.
        """
        shared = Cores(cores)
        limit = _REQUEST_LIMIT / speed
        finding = f"Unable to determine participants: {TOO_LONG}"
        self.share("tasks", shared, _POST_WORK / speed, limit=limit, processes=2, body=finding, method="POST")
        self.share("tests/*/participants", shared, _PARTICIPANTS_WORK / speed, limit=limit, body=finding)
        self.share(re.compile(r"/result\?(.*&)?format=text"), shared, _TEXT_WORK / speed, limit=limit)
        self.share("*", shared, _OTHER_WORK / speed, limit=limit)
        self.share_runs(shared, start=_START_WORK / speed, merge=_MERGE_WORK / speed, limit=_PROCESS_LIMIT / speed)
        return shared

    async def start_run(self, task_id: str) -> bool:
        """Do the work of starting a run, and return whether it was done in time."""
        rule = self._rule_for_runs(task_id)
        return rule is None or await self._work(rule, rule.start)

    async def merge(self, task_id: str) -> bool:
        """Do the work of merging the results of a run, and return whether it was done in time."""
        rule = self._rule_for_runs(task_id)
        return rule is None or await self._work(rule, rule.merge)

    def clear(self) -> None:
        """Remove all rules."""
        self._rules.clear()
        self._run_rules.clear()

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

    def _rule_for_runs(self, task_id: str) -> Optional[RunRule]:
        document = self._document_of(task_id)
        return next((rule for rule in tuple(self._run_rules) if _is_meant(rule.task, task_id, document)), None)

    async def _work(self, rule: RunRule, work: float) -> bool:
        in_time = await rule.cores.work(work, limit=rule.limit)
        rule.failed += not in_time
        return in_time

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
                posted, receive = await actions.read_ahead(receive)
            rule = self._faults.find(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), posted)
        if rule is None:
            await self._app(scope, receive, send)
        else:
            await rule.action(self._app, scope, receive, send)


def _is_meant(which: Optional[Which], task_id: Optional[str], task: Optional[Document]) -> bool:
    """Return whether the condition of a rule is for a task."""
    if which is None:
        return True
    if isinstance(which, str):
        return task_id is not None and which.rpartition("/")[2].lower() == task_id
    return task is not None and bool(which(task))


def _object(posted: bytes) -> Optional[Document]:
    try:
        document: object = json.loads(posted)
    except (RecursionError, ValueError):
        return None
    return document if isinstance(document, dict) else None
