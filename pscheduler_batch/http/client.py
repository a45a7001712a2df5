"""
Requests with retries, a limit of concurrent requests per host, and a circuit breaker per host.

This is the one way from the other rooms to a server; transport.py makes a single attempt.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Dict, List, Optional, Protocol

from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.events import LimitChanged, RequestHeldUp
from pscheduler_batch.http.adaptive_limit import AdaptiveLimit
from pscheduler_batch.http.limiter import Limiter
from pscheduler_batch.http.request import Outcome, Purpose, Request
from pscheduler_batch.http.response import REDIRECTION, TOO_MANY, Reply
from pscheduler_batch.http.retry import Attempts, Outages, RetryPolicy
from pscheduler_batch.http.urls import host_of, shown
from pscheduler_batch.session import Session, UnsentError
from pscheduler_batch.settings import Settings

_NONE = timedelta(0)


class Transport(Protocol):
    """What makes a single attempt; see :class:`pscheduler_batch.http.transport.HttpTransport`."""

    async def send(self, request: Request, host: str) -> Reply:
        """Make a request to a host."""

    async def aclose(self) -> None:
        """Close all connections."""


class HttpClient:
    """
    Repeats a request until it succeeds or repeating cannot help; belongs to one event loop.

    Attributes:
        session: The session; once it is shut down, no POST is sent any more.
        max_connections: Maximum number of concurrent requests per host; fewer where a host is slow (ADR 49).
    """

    def __init__(
        self,
        transport: Transport,
        session: Session,
        policy: Optional[RetryPolicy] = None,
        max_connections: int = Settings.max_connections,
    ) -> None:
        """
        Prepare to make requests.

        Args:
            transport: Makes a single attempt.
            session: Is told of each retry with a :class:`RequestHeldUp`, and once more when the request is over; and of
                limits with a :class:`LimitChanged`.
            policy: How often and when to retry.
            max_connections: Maximum number of concurrent requests per host.
        """
        self.session = session
        self.max_connections = max_connections
        self._transport = transport
        self._clock = session.clock
        self._policy = policy or RetryPolicy()
        self._hosts: Dict[str, _Host] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def request(self, request: Request) -> Reply:
        """
        Make a request, repeatedly if need be.

        Returns:
            The last reply; a status of 400 and more is not an error here.

        Raises:
            UnreachableError: The last attempt had no answer, or requests to the host are paused.
            ReplyError: The answer cannot be used.
        """
        host = self._host(request.url)
        attempts = Attempts(request, self._policy, host.outages)
        held_up = False
        try:
            while True:
                outcome = await self._attempt(request, host, attempts)
                if request.settle is not None and not (isinstance(outcome, UnreachableError) and not outcome.sent):
                    settled = await request.settle(outcome)
                    if settled is None:
                        attempts = Attempts(request, self._policy, host.outages)
                        continue
                    outcome = settled
                if not request.retried:
                    return _result(outcome)
                now = self._clock.now()
                pause = attempts.pause_after(outcome, now, host.paused_for(now))
                if pause is None:
                    return _result(outcome, attempts.in_vain)
                held_up = True
                self._report_retry(request, host, outcome, now + pause, attempts.end)
                await self._sleep(request, pause)
        finally:
            if held_up:
                self.session.emit(RequestHeldUp(self._clock.now(), host.name, request.doing))

    def clock_offset(self, url: str) -> timedelta:
        """Return how far the clock of the host of a URL is ahead of ours, by its last answer."""
        known = self._hosts.get(host_of(url))
        return _NONE if known is None else known.clock_offset

    def cuts_at(self, host: str) -> int:
        """Return how often the limits of a host were cut so far, for :meth:`note_overload`."""
        return self._named(host).all_cuts

    def note_overload(self, host: str, reason: str, cuts: int) -> None:
        """
        Cut the limits of a host whose overload is not known from an answer (ADR 49).

        Args:
            host: The host and the port.
            reason: How it is known.
            cuts: The value of :meth:`cuts_at` when what failed was submitted; limits that were cut since stay as they
                are, so that a burst of failures cuts them once.
        """
        self._named(host).note_overload(reason, cuts)

    async def _attempt(self, request: Request, host: _Host, attempts: Attempts) -> Outcome:
        """Make a request once, as soon as the host has a slot for it."""
        # A request that has to wait must learn that requests to the host are paused, so it queues here.
        unless = self.session.shutdown if request.method == "POST" else None
        if not await host.limiter.take(request.purpose, unless=unless):
            return _unsent(request, _ENDED)
        trying = False
        try:
            while host.trial is not None:
                await asyncio.shield(host.trial)
            now = self._clock.now()
            attempts.begin(now)
            ended = unless is not None and unless.begun
            if ended or host.paused_for(now) > _NONE:
                return _unsent(request, _ENDED) if ended else host.refusal(request, now)
            trying = host.start_trial()
            cuts = host.cuts(request)
            try:
                outcome: Outcome = await self._transport.send(attempts.request, host.name)
            except (UnreachableError, ReplyError) as error:
                outcome = error
            host.note_outcome(request, outcome, self._clock.now(), cuts, trying=trying)
        except UnsentError:
            return _unsent(request, _ENDED)
        else:
            return outcome
        finally:
            if trying:
                host.end_trial()
            host.limiter.give_back(request.purpose)

    def _host(self, url: str) -> _Host:
        try:
            name = host_of(url)
        except ValueError:
            name = ""  # The transport says what is wrong with the URL.
        return self._named(name)

    def _named(self, name: str) -> _Host:
        host = self._hosts.get(name)
        if host is None:
            limiter = Limiter(self.max_connections, limits=self._limits(name))
            host = self._hosts[name] = _Host(name, limiter, self._policy)
        return host

    def _limits(self, name: str) -> Dict[Purpose, AdaptiveLimit]:
        """Make the limits of a host (ADR 49): canceling is not limited by them, nor is what waits at the server."""

        def report(limit: AdaptiveLimit, reason: Optional[str], *, overload: bool) -> None:
            now, is_submitting = self._clock.now(), limit is submitting
            self.session.emit(
                LimitChanged(now, name, is_submitting, limit.limit, limit.most, limit.growing, reason, overload)
            )

        submitting, others = (AdaptiveLimit(self.max_connections, report) for _ in range(2))
        return {
            Purpose.SUBMIT: submitting,
            Purpose.FINISH: others,
            Purpose.LOOK_UP: others,
            Purpose.OTHER: others,
        }

    def _report_retry(
        self, request: Request, host: _Host, outcome: Outcome, again: datetime, end: Optional[datetime]
    ) -> None:
        now = self._clock.now()
        reason = f"answered {outcome.status}" if isinstance(outcome, Reply) else outcome.reason
        held_up = RequestHeldUp(now, host.name, request.doing, reason, again, end)
        self.session.debug(f"{request.doing}: {reason}; retrying {shown(request.url)} {held_up.when}")
        self.session.emit(held_up)

    async def _sleep(self, request: Request, pause: timedelta) -> None:
        if request.method == "POST":
            await self.session.shutdown.sleep(self._clock, pause.total_seconds())
        else:
            await self._clock.sleep(pause.total_seconds())


# Why a POST is not made any more.
_ENDED = "the batch was ended before anything was sent"


def _unsent(request: Request, reason: str, *, transient: bool = False) -> UnreachableError:
    return UnreachableError(reason, doing=request.doing, url=shown(request.url), sent=False, transient=transient)


def _result(outcome: Outcome, in_vain: str = "") -> Reply:
    if isinstance(outcome, Reply):
        return replace(outcome, in_vain=in_vain) if in_vain else outcome
    raise outcome.after(in_vain) if in_vain and isinstance(outcome, UnreachableError) else outcome


class _Host:
    """
    What is known about a host: its limiter, its clock, and a circuit breaker.

    After a number of failures in a row, requests to it are paused, then one request may try; the others wait for what
    becomes of that one. Each time it fails, the pause grows. Any answer ends it.
    """

    def __init__(self, name: str, limiter: Limiter, policy: RetryPolicy) -> None:
        self.name = name
        self.limiter = limiter
        self.outages = Outages()
        self.clock_offset = _NONE
        self.trial: Optional[asyncio.Future[None]] = None
        self._policy = policy
        self._failures = 0
        self._pauses = 0
        self._last: Optional[UnreachableError] = None
        self._failing_since: Optional[datetime] = None
        self._paused_until: Optional[datetime] = None

    def paused_for(self, now: datetime) -> timedelta:
        return _NONE if self._paused_until is None else max(self._paused_until - now, _NONE)

    def refusal(self, request: Request, now: datetime) -> UnreachableError:
        failing_for = now - (self._failing_since or now)
        transient = self._last is not None and self._last.transient and failing_for < self._policy.limit
        last = "" if self._last is None else self._last.reason
        reason = f"{last} ({self._failures} failures in a row; requests to this host are paused)"
        return _unsent(request, reason, transient=transient)

    def start_trial(self) -> bool:
        """Make the others wait for this request, if it is the one that tries; return whether it is."""
        if self._paused_until is None:
            return False
        self.trial = asyncio.get_running_loop().create_future()
        return True

    def end_trial(self) -> None:
        trial, self.trial = self.trial, None
        if trial is not None:
            trial.set_result(None)

    def cuts(self, request: Request) -> int:
        """Return how often the limit of a request was cut, for :meth:`note_outcome`."""
        limit = self.limiter.limits.get(request.purpose)
        return 0 if limit is None else limit.cuts

    @property
    def all_cuts(self) -> int:
        return sum(limit.cuts for limit in self._limits())

    def note_overload(self, reason: str, cuts: int) -> None:
        if cuts == self.all_cuts:
            for limit in self._limits():
                limit.note_overload(reason, limit.cuts)

    def _limits(self) -> List[AdaptiveLimit]:
        """List each limit once, as several purposes share one."""
        return list(dict.fromkeys(self.limiter.limits.values()))

    def note_outcome(self, request: Request, outcome: Outcome, now: datetime, cuts: int, *, trying: bool) -> None:
        """
        Learn from the outcome of an attempt.

        Args:
            request: The request.
            outcome: What it came to.
            now: The time.
            cuts: How often its limit had been cut when it was sent.
            trying: Whether it was the one that tries a host to which requests are paused.
        """
        if isinstance(outcome, UnreachableError):
            self._note_failure(outcome, now, trying=trying)
        else:
            self._note_answer()
        if isinstance(outcome, Reply):
            self.clock_offset = outcome.clock_offset(now)
        self._adapt_limit(request, outcome, cuts)

    def _adapt_limit(self, request: Request, outcome: Outcome, cuts: int) -> None:
        limit = self.limiter.limits.get(request.purpose)
        if limit is None:
            return
        if not isinstance(outcome, Reply):
            if isinstance(outcome, UnreachableError) and outcome.too_slow:
                limit.note_overload(outcome.reason, cuts)
        elif outcome.overloaded or outcome.status == TOO_MANY:
            limit.note_overload(f"answered {outcome.status}", cuts)
        elif outcome.status < REDIRECTION:
            # How soon a request is refused says nothing about the server.
            limit.note_answer(request.doing, outcome.elapsed, cuts, needed=self.limiter.is_needed(limit))

    def _note_answer(self) -> None:
        if self._failures:
            self._failures = self._pauses = 0
            self._last = self._failing_since = self._paused_until = None

    def _note_failure(self, error: UnreachableError, now: datetime, *, trying: bool) -> None:
        self._failures += 1
        self._last = error
        self._failing_since = self._failing_since or now
        # A request that was under way when the pause began says nothing new.
        if trying or (self._paused_until is None and self._failures >= self._policy.patience_with_host):
            self._pauses += 1
            self._paused_until = now + self._policy.longest_pause(self._pauses)
