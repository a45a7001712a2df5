"""
Requests that are made again where that is safe and may help.

GET and DELETE may be repeated, a POST only if it never left: two POSTs make two tasks. What a server refuses is not
asked again; what a broken connection or an overworked server kept from us is, later and later and never in step with
others. A host that goes on failing is left alone for a while by everybody.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Awaitable, Callable, Dict, Optional, Protocol

from tenacity import AsyncRetrying, RetryCallState

from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.rest import Reply, host_of, shown
from pscheduler_batch.waiting import Clock, Ending

# What the web server in front of pScheduler says when pScheduler cannot do it now.
OVERWORKED = frozenset({502, 503, 504})
# What pScheduler says when something broke, and also to some things that it will never do [c13, g-m-thr-result-html].
INTERNAL = 500
NEVER = "Unsupported format"
# The only refusal that says by itself that it may be asked again, and then it also says when.
TOO_MANY = 429

REPEATABLE = frozenset({"GET", "DELETE"})


@dataclass(frozen=True)
class RetryPolicy:
    """
    How often and for how long requests are repeated.

    Attributes:
        attempts: How often a request is made altogether.
        internal_attempts: How often one is made that is answered with a 500.
        limit: How long after it began a request is not made again. A host that failed for longer than that without
            any answer between is not waited for while it is left alone.
        first: The longest pause before the second attempt; it doubles with each further one.
        longest: The longest pause there is.
        patience_with_host: How many failures in a row a host may have before it is left alone.
        draw: Gives a number from 0 to 1; the pause is that part of the longest one allowed (full jitter).
    """

    attempts: int = 5
    internal_attempts: int = 3
    limit: timedelta = timedelta(minutes=1)
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=30)
    patience_with_host: int = 10
    draw: Callable[[], float] = random.random

    def longest_pause(self, number: int) -> timedelta:
        """Say how long the pause may be after so many failures, counted from 1."""
        return min(self.longest, self.first * 2.0 ** min(number - 1, 30))


class Requester(Protocol):
    """
    What makes requests; see :class:`pscheduler_batch.exchange.Exchange`.

    Attributes:
        max_connections: How many requests go to any one host at once.
    """

    max_connections: int

    async def request(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        content: Optional[str] = None,
        bind: Optional[str] = None,
        wait: float = 0,
    ) -> Reply:
        """Make a request."""

    async def aclose(self) -> None:
        """Close all connections."""


class RetryingExchange:
    """Makes requests until they have an answer that helps, or it is no use; belongs to one event loop."""

    def __init__(
        self,
        exchange: Requester,
        clock: Clock,
        tell: Callable[[str], None],
        policy: Optional[RetryPolicy] = None,
        *,
        ending: Optional[Ending] = None,
    ) -> None:
        """
        Prepare to make requests.

        Args:
            exchange: Makes a single request.
            clock: The time, and how to wait.
            tell: Is given a line for each repetition.
            policy: How often to try.
            ending: Keeps POSTs that have not begun when the batch is ended from being made.
        """
        self._ending = ending or Ending()
        self.max_connections = exchange.max_connections
        self._exchange = exchange
        self._clock = clock
        self._tell = tell
        self._policy = policy or RetryPolicy()
        self._hosts: Dict[str, _Host] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._exchange.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        content: Optional[str] = None,
        bind: Optional[str] = None,
        wait: float = 0,
    ) -> Reply:
        """
        Make a request, again if need be; the arguments are those of a single one.

        Returns:
            The last answer; a status of 400 and more is no error here.

        Raises:
            UnreachableError: The last attempt had no answer, or the host is left alone.
            ReplyError: The answer is none that can be used.
        """
        host = self._host(url)
        course = _Course(self._clock, self._policy, host, method, long_poll=wait > 0)

        def refuse(reason: str, transient: bool) -> UnreachableError:  # noqa: FBT001 - as it is called
            return UnreachableError(reason, doing=doing, url=shown(url), sent=False, transient=transient)

        async def make() -> Reply:
            if method == "POST" and self._ending.begun:
                raise _EndedError
            return await self._exchange.request(method, url, doing=doing, content=content, bind=bind, wait=wait)

        async def attempt() -> Reply:
            # A request that has not begun yet must learn that the host is left alone, so it queues here.
            async with host.slots:
                course.begin()
                try:
                    return await host.attempt(make, refuse)
                except _EndedError:
                    raise refuse("the batch was ended before anything was sent", False) from None  # noqa: FBT003

        def tell(state: RetryCallState) -> None:
            pause = 0.0 if state.next_action is None else state.next_action.sleep
            self._tell(f"{doing}: {_what_happened(state)}; asking {shown(url)} again in {pause:.1f} s")

        async def sleep(seconds: float) -> None:
            if method == "POST":
                await self._ending.sleep(self._clock, seconds)
            else:
                await self._clock.sleep(seconds)

        reply: Reply = await AsyncRetrying(
            sleep=sleep,
            retry=course.may_repeat,
            wait=course.pause,
            stop=course.is_over,
            before_sleep=tell,
            # Whatever the last attempt gave is what the caller gets: an answer or an exception.
            retry_error_callback=_last,
        )(attempt)
        return reply

    def _host(self, url: str) -> _Host:
        try:
            name = host_of(url)
        except ValueError:
            name = ""  # The exchange says what is wrong with such a URL.
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(self._clock, self._policy, asyncio.Semaphore(self.max_connections))
        return host


class _EndedError(Exception):
    """A request that was not made because the batch was ended."""


class _Host:
    """
    What is known of a host, and whether it is asked at all.

    After so many failures in a row it is left alone for a pause, then one request may try; the others wait for what
    becomes of that one. Each time it fails, the pause is longer. Any answer ends it.
    """

    def __init__(self, clock: Clock, policy: RetryPolicy, slots: asyncio.Semaphore) -> None:
        self.slots = slots
        self._clock = clock
        self._policy = policy
        self._failures = 0
        self._pauses = 0
        self._last: Optional[UnreachableError] = None
        self._failing_since: Optional[datetime] = None
        self._left_alone_until: Optional[datetime] = None
        self._trial: Optional[asyncio.Future[None]] = None

    @property
    def left_alone_for(self) -> timedelta:
        """How long the host is still left alone."""
        until = self._left_alone_until
        return timedelta(0) if until is None else max(until - self._clock.now(), timedelta(0))

    async def attempt(
        self, make: Callable[[], Awaitable[Reply]], refuse: Callable[[str, bool], UnreachableError]
    ) -> Reply:
        """
        Make a request, or do not if the host is left alone.

        Args:
            make: Makes it.
            refuse: Makes the error from a reason, and whether waiting for the host may help.
        """
        while self._trial is not None:
            await asyncio.shield(self._trial)
        if self._left_alone_until is None:
            return await self._note(make)
        if self.left_alone_for > timedelta(0):
            raise self._refusal(refuse)
        self._trial = asyncio.get_running_loop().create_future()
        try:
            return await self._note(make, trying=True)
        finally:
            trial, self._trial = self._trial, None
            trial.set_result(None)

    async def _note(self, make: Callable[[], Awaitable[Reply]], *, trying: bool = False) -> Reply:
        try:
            reply = await make()
        except UnreachableError as error:
            self._note_failure(error, trying=trying)
            raise
        except ReplyError:
            self._note_answer()
            raise
        self._note_answer()
        return reply

    def _note_answer(self) -> None:
        self._failures = self._pauses = 0
        self._last = self._failing_since = self._left_alone_until = None

    def _note_failure(self, error: UnreachableError, *, trying: bool) -> None:
        now = self._clock.now()
        self._failures += 1
        self._last = error
        self._failing_since = self._failing_since or now
        # What was on its way when the host began to be left alone says nothing new.
        if trying or (self._left_alone_until is None and self._failures >= self._policy.patience_with_host):
            self._pauses += 1
            self._left_alone_until = now + self._policy.longest_pause(self._pauses)

    def _refusal(self, refuse: Callable[[str, bool], UnreachableError]) -> UnreachableError:
        failing_for = self._clock.now() - (self._failing_since or self._clock.now())
        transient = self._last is not None and self._last.transient and failing_for < self._policy.limit
        last = "" if self._last is None else self._last.reason
        return refuse(f"{last} ({self._failures} times in a row, so it is left alone for a while)", transient)


class _Course:
    """The attempts of one request: whether there is one more, and after which pause."""

    def __init__(self, clock: Clock, policy: RetryPolicy, host: _Host, method: str, *, long_poll: bool) -> None:
        self._clock = clock
        self._policy = policy
        self._host = host
        self._repeatable = method in REPEATABLE
        self._long_poll = long_poll
        self._begun: Optional[datetime] = None

    def begin(self) -> None:
        """Note when the first attempt begins; waiting for its turn before that takes nothing from its time."""
        self._begun = self._begun or self._clock.now()

    def may_repeat(self, state: RetryCallState) -> bool:
        """Say whether what an attempt came to makes it worth, and right, to make another."""
        error = None if state.outcome is None else state.outcome.exception()
        if error is not None:
            return isinstance(error, UnreachableError) and error.transient and (self._repeatable or not error.sent)
        reply = _reply_of(state)
        if reply is None or not self._repeatable:
            return False
        if reply.status == TOO_MANY:
            return _retry_after(reply, self._clock.now()) is not None
        if reply.status in OVERWORKED:
            # A long poll that a web server cut is no failure; whoever waits asks again anyway.
            return not self._long_poll
        return reply.status == INTERNAL and NEVER not in reply.text

    def is_over(self, state: RetryCallState) -> bool:
        """Say whether it was tried often or long enough, or the server asks for more time than there is."""
        reply = _reply_of(state)
        internal = reply is not None and reply.status == INTERNAL
        attempts = self._policy.internal_attempts if internal else self._policy.attempts
        return state.attempt_number >= attempts or self._asked_for(state) >= self._left

    def pause(self, state: RetryCallState) -> float:
        """Say how many seconds to wait: a part, left to chance, of the longest pause; longer where we are told to."""
        pause = self._policy.longest_pause(state.attempt_number) * self._policy.draw()
        pause = max(pause, self._asked_for(state)) + self._host.left_alone_for
        return max(min(pause, self._left), timedelta(0)).total_seconds()

    def _asked_for(self, state: RetryCallState) -> timedelta:
        reply = _reply_of(state)
        asked_for = None if reply is None else _retry_after(reply, self._clock.now())
        return asked_for or timedelta(0)

    @property
    def _left(self) -> timedelta:
        now = self._clock.now()
        return (self._begun or now) + self._policy.limit - now


def _last(state: RetryCallState) -> Optional[Reply]:
    return None if state.outcome is None else state.outcome.result()


def _reply_of(state: RetryCallState) -> Optional[Reply]:
    if state.outcome is None or state.outcome.exception() is not None:
        return None
    reply = state.outcome.result()
    return reply if isinstance(reply, Reply) else None


def _what_happened(state: RetryCallState) -> str:
    reply = _reply_of(state)
    if reply is not None:
        return f"answered {reply.status}"
    error = None if state.outcome is None else state.outcome.exception()
    return error.reason if isinstance(error, UnreachableError) else str(error)


def _retry_after(reply: Reply, now: datetime) -> Optional[timedelta]:
    """Read when the server wants to be asked again: in so many seconds, or at a certain time (RFC 9110, 10.2.3)."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return timedelta(days=1) if len(value) > len("86400") else timedelta(seconds=int(value))
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    # By the server's own clock, where it says what that is.
    return max(moment - (reply.date or now), timedelta(0))
