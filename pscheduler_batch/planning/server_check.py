"""
Ask pScheduler servers about a valid batch (``--check-server``). Nothing is submitted.

The assist is asked which tests it has, whether each specification is valid and who takes part; the participants are
asked whether they are available, and which of their tools can run the test. Each distinct test is asked about once, and
its errors are reported at all places using it.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Awaitable, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, TypeVar
from urllib.parse import unquote

from pscheduler_batch.errors import ERROR, WARNING, Problem, RefusedError, ReplyError, SchedulerError
from pscheduler_batch.http.client import HttpClient
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.http.urls import host_of, shown
from pscheduler_batch.planning.server_problems import (
    DistinctTest,
    ServerAnswers,
    ServerProblem,
    UsableTool,
    sum_up,
    sum_up_tools,
)
from pscheduler_batch.planning.server_tools import judge_tools
from pscheduler_batch.pointers import steps_of, value_at
from pscheduler_batch.scheduler.api import (
    ToolOffer,
    api_url,
    decipher_json,
    decipher_participants,
    decipher_tools,
    hostname_url,
    participants_url,
    tests_url,
    tools_url,
    validity_url,
)
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.text import closest, list_names, printable, shorten

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# Few retries: a user waits for the answers, and nothing is lost without them. A host that is silent is left alone soon.
RETRIES = RetryPolicy(attempts=2, limit=timedelta(seconds=20), patience_with_host=3)
# The time limit of a request, unless it is set to less.
TIME_LIMIT = timedelta(seconds=30)

# The most characters shown of a server's message.
_QUOTED = 1000
# The most tests listed if none is similar to the requested one.
_NAMED = 30
# How pScheduler reports a place in a specification and its error [b41].
_PLACE = re.compile(r"At (/[^\s:]*): *(.*)", re.DOTALL)

_NOTHING = object()


async def check_on_servers(questions: Sequence[DistinctTest], client: HttpClient, hosts: Hosts) -> ServerAnswers:
    """
    Ask the servers about the tests of a batch.

    Args:
        questions: The tests.
        client: Sends requests, with a limit per host (ADR 20).
        hosts: The servers to ask.

    Returns:
        What they say. Whatever servers do, nothing is raised.
    """
    if not questions:
        return ServerAnswers()
    assist = _Assist(client, hosts)
    try:
        known = await assist.tests()
    except SchedulerError as error:
        problem = Problem("/", f"cannot ask the assist {hosts.assist}: {_words(error)}{_hint(hosts)}")
        return ServerAnswers((problem,))
    answers = await _each(questions, lambda question: assist.ask(question, known), client.max_connections)
    problems = [problem for answer in answers for problem in answer.problems]
    silent = await _find_silent(answers, client, hosts)
    problems += _silence_problems(questions, answers, silent, hosts)
    tools = await _ask_tools(questions, answers, silent, client, hosts)
    problems += tools.problems
    return ServerAnswers(tuple(sum_up(problems)), tuple(sum_up_tools(tools.usable)))


@dataclass(frozen=True)
class _Answer:
    """The answer of the assist about a test: its errors, the lead and the other participants, if known."""

    problems: Tuple[ServerProblem, ...]
    lead: Optional[str] = None
    others: Tuple[str, ...] = ()

    @property
    def participants(self) -> Tuple[str, ...]:
        """All participants that are known, the lead first, each once."""
        return () if self.lead is None else tuple(dict.fromkeys((self.lead, *self.others)))


class _Assist:
    """The server that knows the tests."""

    def __init__(self, client: HttpClient, hosts: Hosts) -> None:
        self._client = client
        self._hosts = hosts

    async def _get(self, url: str, doing: str) -> Reply:
        return await self._client.request(Request("GET", url, doing, bind=self._hosts.assist_bind))

    async def tests(self) -> Set[str]:
        """Return the names of its tests."""
        url = tests_url(self._hosts.assist)
        doing = "listing the tests"
        hrefs = decipher_json(await self._get(url, doing), doing=doing, url=url)
        if not isinstance(hrefs, list):
            raise ReplyError("did not list its tests; is it pScheduler?", doing=doing, url=shown(url))
        return {unquote(href.rstrip("/").rpartition("/")[2]) for href in hrefs if isinstance(href, str)}

    async def ask(self, question: DistinctTest, known: Set[str]) -> _Answer:
        """Ask all questions about one test."""
        if question.test_type not in known:
            return _Answer((ServerProblem(question, "/test/type", self._why_unknown(question.test_type, known)),))
        try:
            invalid = await self._judge(question)
        except SchedulerError as error:
            reason = f"could not check whether the specification is valid: {_words(error, question)}"
            invalid = [ServerProblem(question, "/test/spec", reason, WARNING)]
        if any(problem.severity == ERROR for problem in invalid):
            return _Answer(tuple(invalid))
        try:
            lead, others = await self._participants(question)
        except SchedulerError as error:
            # A run asks the same question, so it would fail.
            reason = f"could not find out who takes part in the test: {_words(error, question)}"
            return _Answer((*invalid, ServerProblem(question, "/test", reason)))
        return _Answer(tuple(invalid), lead, others)

    def _why_unknown(self, test_type: str, known: Set[str]) -> str:
        reason = f'the assist {self._hosts.assist} has no test "{shorten(test_type)}"'
        meant = closest(test_type, sorted(known))
        if meant is not None:
            return f'{reason}; did you mean "{meant}"?'
        named = [shorten(name) for name in sorted(known)]
        more = [f"{len(named) - _NAMED} more"] if len(named) > _NAMED else []
        return (
            f"{reason}; its tests are {list_names([*named[:_NAMED], *more])}" if named else f"{reason}; it has no tests"
        )

    async def _judge(self, question: DistinctTest) -> List[ServerProblem]:
        url = validity_url(self._hosts.assist, question.test_type, question.spec)
        doing = "checking the specification"
        value = decipher_json(await self._get(url, doing), doing=doing, url=url)
        valid = value.get("valid") if isinstance(value, dict) else None
        if valid is True:
            return []
        if valid is not False:
            raise ReplyError("did not say whether it is valid", doing=doing, url=shown(url))
        said = value.get("error")
        words = _quote(said if isinstance(said, str) and said.strip() else "no reason given", question)
        match = _PLACE.fullmatch(words)
        inside = (
            match is not None
            and match[1] != "/"
            and value_at(question.spec, steps_of(match[1]), _NOTHING) is not _NOTHING
        )
        suffix, words = (match[1], match[2]) if match is not None and inside else ("", words)
        return [
            ServerProblem(question, f"/test/spec{suffix}", f"the assist {self._hosts.assist} refuses this: {words}")
        ]

    async def _participants(self, question: DistinctTest) -> Tuple[str, Tuple[str, ...]]:
        url = participants_url(self._hosts.assist, question.test_type, question.spec)
        first, *others = decipher_participants(await self._get(url, "finding participants"), url=url)
        if self._hosts.only is not None:
            return self._hosts.only, ()
        return self._hosts.lead if first is None else first, tuple(other for other in others if other is not None)


async def _find_silent(answers: Sequence[_Answer], client: HttpClient, hosts: Hosts) -> Mapping[str, str]:
    """
    Ask every participant of any test once whether it is available; the assist has answered already.

    Returns:
        Those that are not, with the reason.
    """
    silent: Dict[str, str] = {}

    async def ask(host: str) -> None:
        try:
            if host_of(api_url(host)) != host_of(api_url(hosts.assist)):
                await _require_presence(host, client, hosts)
        except ValueError as error:
            silent[host] = str(error)
        except SchedulerError as error:
            silent[host] = _words(error)

    wanted = {host for answer in answers for host in answer.participants}
    await _each(sorted(wanted), ask, client.max_connections)
    return silent


def _silence_problems(
    questions: Sequence[DistinctTest], answers: Sequence[_Answer], silent: Mapping[str, str], hosts: Hosts
) -> Iterator[ServerProblem]:
    for question, answer in zip(questions, answers):
        if answer.lead is not None and answer.lead in silent:
            unnamed = answer.lead == hosts.lead and not hosts.lead_named
            hint = "; that is this host: give a --lead that runs pScheduler" if unnamed else ""
            reason = f"{shorten(answer.lead)}, which would lead the test, cannot be used: {silent[answer.lead]}{hint}"
            yield ServerProblem(question, "/test", reason)
        for other in answer.others:
            if other in silent:
                reason = f"{shorten(other)}, which takes part in the test, cannot be reached from here: {silent[other]}"
                yield ServerProblem(question, "/test", reason, WARNING)


async def _require_presence(host: str, client: HttpClient, hosts: Hosts) -> None:
    url = hostname_url(host)
    doing = "asking for the host's name"
    name = decipher_json(await client.request(Request("GET", url, doing, bind=hosts.bind)), doing=doing, url=url)
    if not isinstance(name, str):
        raise ReplyError("did not say what it is called; is it pScheduler?", doing=doing, url=shown(url))


@dataclass(frozen=True)
class _Tools:
    """The tools that can run the tests, and the problems with them."""

    problems: List[ServerProblem]
    usable: List[UsableTool]


async def _ask_tools(
    questions: Sequence[DistinctTest],
    answers: Sequence[_Answer],
    silent: Mapping[str, str],
    client: HttpClient,
    hosts: Hosts,
) -> _Tools:
    """Ask each available participant of each test which of its tools can run it."""
    found = _Tools([], [])
    asked = [
        (question, [host for host in answer.participants if host not in silent])
        for question, answer in zip(questions, answers)
        if answer.lead is not None and answer.lead not in silent
    ]

    async def ask(pair: Tuple[DistinctTest, str]) -> Optional[Tuple[ToolOffer, ...]]:
        question, host = pair
        try:
            return await _tools_of(host, question, client, hosts)
        except SchedulerError as error:
            reason = f"could not find out which tools of {shorten(host)} can run the test: {_words(error, question)}"
            # A server asks the same question before it accepts a task, and refuses it after such an answer [c60].
            severity = ERROR if _is_too_long(error) else WARNING
            found.problems.append(ServerProblem(question, "/test", reason, severity))
            return None

    pairs = [(question, host) for question, participants in asked for host in participants]
    offers = iter(await _each(pairs, ask, client.max_connections))
    for question, participants in asked:
        known = {host: offered for host, offered in zip(participants, offers) if offered is not None}
        if participants[0] in known:
            problems, usable = judge_tools(question, known)
            found.problems.extend(replace(problem, reason=_quote(problem.reason, question)) for problem in problems)
            found.usable.extend(usable)
    return found


async def _tools_of(host: str, question: DistinctTest, client: HttpClient, hosts: Hosts) -> Tuple[ToolOffer, ...]:
    url = tools_url(host, question.test_type, question.spec)
    doing = "asking for tools"
    return decipher_tools(await client.request(Request("GET", url, doing, bind=hosts.bind)), doing=doing, url=url)


def _words(error: SchedulerError, question: Optional[DistinctTest] = None) -> str:
    """Return an error without secrets and without the step, which the sentence already names."""
    if _is_too_long(error):
        length = len(json.dumps(None if question is None else question.spec))
        return f"the specification, which has {length:,} characters, is too long to ask about (the server answered 414)"
    return _quote(str(error).removeprefix(f"{error.doing}: "), question)


def _is_too_long(error: SchedulerError) -> bool:
    return isinstance(error, RefusedError) and error.status_code == HTTPStatus.REQUEST_URI_TOO_LONG


def _quote(text: str, question: Optional[DistinctTest]) -> str:
    line = " ".join((text if question is None else question.redacted(text)).split())
    return printable(line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…")


def _hint(hosts: Hosts) -> str:
    this_host = hosts.assist == hosts.lead and not hosts.lead_named and hosts.only is None
    return "; that is this host: give an --assist and a --lead that run pScheduler" if this_host else ""


async def _each(items: Sequence[Item], work: Callable[[Item], Awaitable[Answer]], at_once: int) -> List[Answer]:
    """Process items with limited concurrency; the answers are in the order of the items."""
    answers: Dict[int, Answer] = {}
    left = iter(enumerate(items))

    async def take() -> None:
        for index, item in left:
            answers[index] = await work(item)

    await asyncio.gather(*(take() for _ in range(min(at_once, len(items)))))
    return [answers[index] for index in range(len(items))]
