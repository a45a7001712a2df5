"""
Requests that are made again where that is safe and may help.

GET and DELETE may be repeated, a POST only if it never left: two POSTs make two tasks. What a server refuses is not
asked again; what a broken connection or an overworked server kept from us is, later and later and never in step with
others. A host that goes on failing is left alone for a while by everybody.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Callable, Dict, Optional, Protocol, Union

from tenacity import AsyncRetrying, RetryCallState

from pscheduler_batch.clock import Clock
from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.events import RequestHeldUp, Watch, watch_nothing
from pscheduler_batch.http.host_health import HostHealth
from pscheduler_batch.http.request_slots import Purpose, Slots
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.urls import host_of, shown
from pscheduler_batch.session import Shutdown, UnsentError

# What the web server in front of pScheduler says when pScheduler cannot do it now.
OVERWORKED = frozenset({502, 503, 504})
# What pScheduler says when something broke, and also to some things that it will never do [c13, g-m-thr-result-html].
INTERNAL = 500
NEVER = "Unsupported format"
# The only refusal that says by itself that it may be asked again, and then it also says when.
TOO_MANY = 429

REPEATABLE = frozenset({"GET", "DELETE"})

# What an attempt comes to that may be followed by another one.
_Outcome = Union[Reply, UnreachableError]


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
    What makes requests; see :class:`pscheduler_batch.http.client.Exchange`.

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
        purpose: Purpose = Purpose.OTHER,
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
        ending: Optional[Shutdown] = None,
        watch: Watch = watch_nothing,
    ) -> None:
        """
        Prepare to make requests.

        Args:
            exchange: Makes a single request.
            clock: The time, and how to wait.
            tell: Is given a line for each repetition.
            policy: How often to try.
            ending: Keeps POSTs that have not begun when the batch is ended from being made.
            watch: Is given a :class:`RequestHeldUp` for each repetition, and one when the request is over.
        """
        self.max_connections = exchange.max_connections
        self._means = _Means(exchange, clock, tell, policy or RetryPolicy(), ending or Shutdown(), watch)
        self._hosts: Dict[str, HostHealth] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._means.exchange.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        content: Optional[str] = None,
        bind: Optional[str] = None,
        wait: float = 0,
        purpose: Purpose = Purpose.OTHER,
    ) -> Reply:
        """
        Make a request, again if need be; the arguments are those of a single one.

        Returns:
            The last answer; a status of 400 and more is no error here.

        Raises:
            UnreachableError: The last attempt had no answer, or the host is left alone.
            ReplyError: The answer is none that can be used.
        """
        course = _Course(
            self._means,
            self._host(url),
            method,
            url,
            doing=doing,
            content=content,
            bind=bind,
            wait=wait,
            purpose=purpose,
        )
        first: _Outcome
        try:
            first = await course.attempt()
        except UnreachableError as error:
            if not course.is_worth_another(error):
                raise
            first = error
        else:
            # Nearly every request ends here, so that it costs nothing that others have to be repeated.
            if not course.is_worth_another(first):
                return first
        return await course.go_on_after(first)

    def _host(self, url: str) -> HostHealth:
        try:
            name = host_of(url)
        except ValueError:
            name = ""  # The exchange says what is wrong with such a URL.
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = self._new_host()
        return host

    def _new_host(self) -> HostHealth:
        policy = self._means.policy
        return HostHealth(
            self._means.clock,
            Slots(self.max_connections),
            Slots(self.max_connections),
            patience=policy.patience_with_host,
            limit=policy.limit,
            longest_pause=policy.longest_pause,
        )


@dataclass(frozen=True)
class _Means:
    """What all requests are made with."""

    exchange: Requester
    clock: Clock
    tell: Callable[[str], None]
    policy: RetryPolicy
    ending: Shutdown
    watch: Watch


class _Course:
    """The attempts of one request: how they are made, whether there is one more, and after which pause."""

    def __init__(
        self,
        means: _Means,
        host: HostHealth,
        method: str,
        url: str,
        *,
        doing: str,
        content: Optional[str],
        bind: Optional[str],
        wait: float,
        purpose: Purpose,
    ) -> None:
        self._means = means
        self._clock = means.clock
        self._policy = means.policy
        self._host = host
        self._method = method
        self._url = url
        self._doing = doing
        self._content = content
        self._bind = bind
        self._wait = wait
        self._purpose = purpose
        self._begun: Optional[datetime] = None

    async def attempt(self) -> Reply:
        """Make the request once, as soon as the host has a slot for it."""
        # A request that has not begun yet must learn that the host is left alone, so it queues here.
        slots = self._host.canceling if self._method == "DELETE" else self._host.slots
        purpose = self._purpose
        if not await slots.take(purpose, unless=self._means.ending if self._method == "POST" else None):
            raise self._too_late()
        try:
            # Waiting for its turn takes nothing from its time.
            self._begun = self._begun or self._clock.now()
            return await self._host.attempt(self._make, self._refuse)
        except UnsentError:
            raise self._too_late() from None
        finally:
            slots.give_back(purpose)

    async def go_on_after(self, first: _Outcome) -> Reply:
        """Make the request again, and again; the first attempt counts as one."""
        outcomes = [first]

        async def attempt() -> Reply:
            if not outcomes:
                return await self.attempt()
            outcome = outcomes.pop()
            if isinstance(outcome, UnreachableError):
                raise outcome
            return outcome

        try:
            reply: Reply = await AsyncRetrying(
                sleep=self._sleep,
                retry=self._may_repeat,
                wait=self._pause,
                stop=self._is_over,
                before_sleep=self._tell,
                # Whatever the last attempt gave is what the caller gets: an answer or an exception.
                retry_error_callback=_last,
            )(attempt)
        finally:
            self._means.watch(RequestHeldUp(self._clock.now(), host_of(self._url), self._doing))
        return reply

    def is_worth_another(self, outcome: _Outcome) -> bool:
        """Say whether what an attempt came to makes it worth, and right, to make another."""
        repeatable = self._method in REPEATABLE
        if isinstance(outcome, UnreachableError):
            return outcome.transient and (repeatable or not outcome.sent)
        if not repeatable or outcome.status < TOO_MANY:
            return False
        if outcome.status == TOO_MANY:
            return outcome.retry_after(self._clock.now()) is not None
        if outcome.status in OVERWORKED:
            # A long poll that a web server cut is no failure; whoever waits asks again anyway.
            return not self._wait
        return outcome.status == INTERNAL and NEVER not in outcome.text

    async def _make(self) -> Reply:
        if self._method == "POST" and self._means.ending.begun:
            raise UnsentError
        return await self._means.exchange.request(
            self._method,
            self._url,
            doing=self._doing,
            content=self._content,
            bind=self._bind,
            wait=self._wait,
            purpose=self._purpose,
        )

    def _too_late(self) -> UnreachableError:
        return self._refuse("the batch was ended before anything was sent", False)  # noqa: FBT003

    def _refuse(self, reason: str, transient: bool) -> UnreachableError:  # noqa: FBT001 - as it is called
        return UnreachableError(reason, doing=self._doing, url=shown(self._url), sent=False, transient=transient)

    async def _sleep(self, seconds: float) -> None:
        if self._method == "POST":
            await self._means.ending.sleep(self._clock, seconds)
        else:
            await self._clock.sleep(seconds)

    def _tell(self, state: RetryCallState) -> None:
        pause = 0.0 if state.next_action is None else state.next_action.sleep
        now, reason = self._clock.now(), _what_happened(state)
        self._means.tell(f"{self._doing}: {reason}; asking {shown(self._url)} again in {pause:.1f} s")
        again = now + timedelta(seconds=pause)
        self._means.watch(RequestHeldUp(now, host_of(self._url), self._doing, reason, again))

    def _may_repeat(self, state: RetryCallState) -> bool:
        outcome = _outcome_of(state)
        return isinstance(outcome, (Reply, UnreachableError)) and self.is_worth_another(outcome)

    def _is_over(self, state: RetryCallState) -> bool:
        """Say whether it was tried often or long enough, or the server asks for more time than there is."""
        reply = _reply_of(state)
        internal = reply is not None and reply.status == INTERNAL
        attempts = self._policy.internal_attempts if internal else self._policy.attempts
        return state.attempt_number >= attempts or self._asked_for(state) >= self._left

    def _pause(self, state: RetryCallState) -> float:
        """Say how many seconds to wait: a part, left to chance, of the longest pause; longer where we are told to."""
        pause = self._policy.longest_pause(state.attempt_number) * self._policy.draw()
        pause = max(pause, self._asked_for(state)) + self._host.left_alone_for
        return max(min(pause, self._left), timedelta(0)).total_seconds()

    def _asked_for(self, state: RetryCallState) -> timedelta:
        reply = _reply_of(state)
        asked_for = None if reply is None else reply.retry_after(self._clock.now())
        return asked_for or timedelta(0)

    @property
    def _left(self) -> timedelta:
        now = self._clock.now()
        return (self._begun or now) + self._policy.limit - now


def _last(state: RetryCallState) -> Optional[Reply]:
    return None if state.outcome is None else state.outcome.result()


def _outcome_of(state: RetryCallState) -> object:
    if state.outcome is None:
        return None
    return state.outcome.exception() or state.outcome.result()


def _reply_of(state: RetryCallState) -> Optional[Reply]:
    outcome = _outcome_of(state)
    return outcome if isinstance(outcome, Reply) else None


def _what_happened(state: RetryCallState) -> str:
    outcome = _outcome_of(state)
    if isinstance(outcome, Reply):
        return f"answered {outcome.status}"
    return outcome.reason if isinstance(outcome, UnreachableError) else str(outcome)
