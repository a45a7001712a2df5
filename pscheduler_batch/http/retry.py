"""
Which requests are repeated, and when; :mod:`~pscheduler_batch.running.retries` has the same for whole iterations, and
:mod:`~pscheduler_batch.scheduler.posting` says how often a POST is made again that a search has shown to be lost.

GET and DELETE may be repeated; a POST only if nothing of it was sent, if the server asks for it to come later (429), or
if its caller has found out that it made nothing: two POSTs make two tasks. What a server refuses is not repeated. What
a broken connection or an overloaded server withheld is, with pauses that grow and are random, so that iterations do
not retry in step.

Which answers mean what is in :mod:`~pscheduler_batch.http.response`. How long an outage may last is the caller's
choice: for running tasks, :class:`~pscheduler_batch.scheduler.waiting.WaitLimits`.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Callable, Dict, Optional

from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.http.request import Outcome, Purpose, Request
from pscheduler_batch.http.response import GATEWAY, INTERNAL, REDIRECTION, TOO_MANY, Reply
from pscheduler_batch.text import two_units

REPEATABLE = frozenset({"GET", "DELETE"})

# A web server that answers a long poll for pScheduler within this time did not cut it, but cannot reach pScheduler.
SHORTEST_WAIT = timedelta(seconds=1)

_NONE = timedelta(0)


@dataclass(frozen=True)
class RetryPolicy:
    """
    How often and for how long requests are repeated.

    Attributes:
        attempts: How often a request is made altogether, unless the server says that it is overloaded.
        internal_attempts: How often a request is made that is answered with a 500.
        limit: How long after its start a request is not repeated any more. A host that has failed for longer without
            any answer in between is not waited for while requests to it are paused.
        first: The longest pause before the second attempt; it doubles with each further one.
        longest: The longest pause there is.
        patience_with_host: After how many failures in a row requests to a host are paused.
        in_vain_limit: The time limit of an attempt at a kind of request whose last outage lasted too long.
        draw: Returns a number from 0 to 1; a pause is half of the longest one allowed and that part of the other half
            (equal jitter), so that an outage of some seconds never outlasts the attempts.
    """

    attempts: int = 5
    internal_attempts: int = 3
    limit: timedelta = timedelta(minutes=1)
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=30)
    patience_with_host: int = 10
    in_vain_limit: timedelta = timedelta(seconds=30)
    draw: Callable[[], float] = random.random

    def longest_pause(self, number: int) -> timedelta:
        """Return how long the pause may be after so many failures, counted from 1."""
        return min(self.longest, self.first * 2.0 ** min(number - 1, 30))

    def pause(self, number: int) -> timedelta:
        """Return how long to wait after so many failures, counted from 1."""
        return self.longest_pause(number) * (1 + self.draw()) / 2


class Outages:
    """
    The outages of one host, by kind of request; the kind is the step that requests are for (ADR 51).

    After an outage that lasted too long, requests of its kind are not retried until one is answered, so that an outage
    costs a batch its time once.
    """

    def __init__(self) -> None:
        self._kinds: Dict[str, _Outage] = {}

    def of(self, kind: str) -> _Outage:
        """Return the outage of a kind of request, whether there is one or not."""
        return self._kinds.setdefault(kind, _Outage())


class _Outage:
    """
    The outage of one kind of request.

    Attributes:
        in_vain: How long the outage lasted when a request was given up; None before that, and after an answer.
    """

    def __init__(self) -> None:
        self.in_vain: Optional[timedelta] = None
        self._since: Optional[datetime] = None
        self._answered: Optional[datetime] = None

    def note_answer(self, now: datetime) -> None:
        self.in_vain, self._since, self._answered = None, None, now

    def note_failure(self, start: datetime, span: timedelta) -> datetime:
        """
        Return when a request that failed is given up.

        Args:
            start: When it was first made.
            span: How long to wait for an answer.
        """
        if self._since is None:
            self._since = max(start, self._answered or start)
        # One that keeps failing while others are answered is given up, too, but has no effect on the others.
        return min(start, self._since) + span

    def give_up(self, now: datetime, span: timedelta) -> None:
        """Note that a request is given up."""
        if self._since is not None and now - self._since >= span:
            self.in_vain = now - self._since


class Attempts:
    """
    The attempts at one request: whether there is another one, and after which pause.

    Attributes:
        start: When the first one had a slot; waiting for it takes nothing from the request's time.
        end: When the request is given up at the latest; None unless there is another attempt.
        in_vain: How long the request was tried, or why it was not retried, in words; empty if it was not given up.
    """

    def __init__(self, request: Request, policy: RetryPolicy, outages: Outages) -> None:
        self.start: Optional[datetime] = None
        self.end: Optional[datetime] = None
        self.in_vain = ""
        self._request = request
        self._policy = policy
        self._outage = outages.of(request.doing)
        self._number = 0
        self._last: Optional[datetime] = None

    @property
    def request(self) -> Request:
        """The request, with a shorter time limit if the last outage of its kind lasted too long."""
        if self._request.outage is None or self._outage.in_vain is None:
            return self._request
        return replace(self._request, limit=self._policy.in_vain_limit)

    def begin(self, now: datetime) -> None:
        """Note that an attempt is made now."""
        self.start, self._last = self.start or now, now

    def pause_after(self, outcome: Outcome, now: datetime, host_paused_for: timedelta) -> Optional[timedelta]:
        """
        Return how long to wait before the next attempt.

        Args:
            outcome: What the last attempt came to.
            now: The time.
            host_paused_for: How long requests to the host are still paused.

        Returns:
            None if the outcome is final: it is not worth another attempt, or the limits are reached, or the server asks
            for more time than there is, or the last outage of this kind of request lasted too long.
        """
        self._number += 1
        if isinstance(outcome, Reply) and outcome.status < REDIRECTION:
            if self._request.outage is not None:
                self._outage.note_answer(now)
            return None
        start = self.start or now
        asked_for = outcome.retry_after(now) if isinstance(outcome, Reply) else None
        limits = self._request.outage
        if self._is_cut(outcome, now, asked_for):
            # The caller asks again anyway.
            return None
        if limits is None or not self._is_outage(outcome):
            if limits is not None and not self._may_help(outcome, asked_for):
                self._outage.note_answer(now)
            self.end = start + self._policy.limit
            return self._quick_pause(outcome, self.end - now, asked_for, host_paused_for)
        self.end = self._outage.note_failure(start, limits.span)
        if self._outage.in_vain is not None:
            self.in_vain = self._tried_for(now - start)
            return None
        left = self.end - now
        if left <= _NONE:
            self.in_vain = self._tried_for(now - start)
            self._outage.give_up(now, limits.span)
            return None
        quick = min(left, start + self._policy.limit - now)
        pause = self._quick_pause(outcome, quick, asked_for, host_paused_for)
        return pause if pause is not None else max(limits.pause, min(asked_for or _NONE, left))

    def _tried_for(self, span: timedelta) -> str:
        if self._number > 1 or self._outage.in_vain is None:
            return f"tried for {two_units(span)}"
        return f"not retried, as such requests failed for {two_units(self._outage.in_vain)} before"

    def _quick_pause(
        self, outcome: Outcome, left: timedelta, asked_for: Optional[timedelta], host_paused_for: timedelta
    ) -> Optional[timedelta]:
        """Return how long to wait before the next quick retry, for which some time is left; None if there is none."""
        if not self._may_help(outcome, asked_for):
            return None
        if self._number >= self._most_attempts(outcome) or (asked_for or _NONE) >= left:
            return None
        pause = self._policy.pause(self._number)
        return max(min(max(pause, asked_for or _NONE) + host_paused_for, left), _NONE)

    def _most_attempts(self, outcome: Outcome) -> float:
        if not isinstance(outcome, Reply):
            return self._policy.attempts
        if outcome.overloaded:
            # What the server needs is time, so only that counts (ADR 50); an outage may take longer.
            return math.inf if self._request.outage is None else self._policy.attempts
        return self._policy.internal_attempts if outcome.status == INTERNAL else self._policy.attempts

    def _may_help(self, outcome: Outcome, asked_for: Optional[timedelta]) -> bool:
        """Return whether a quick retry is safe and may help."""
        repeatable = self._request.method in REPEATABLE
        if isinstance(outcome, UnreachableError):
            return outcome.transient and (repeatable or not outcome.sent)
        if isinstance(outcome, ReplyError):
            return False
        if outcome.status == TOO_MANY:
            # Nothing was done, so a POST may be repeated as well. A task that is not canceled would go on running.
            return asked_for is not None or self._request.purpose is Purpose.CANCEL
        if not repeatable:
            return False
        words = self._request.final_words
        return outcome.overloaded or (outcome.status == INTERNAL and not (words and words in outcome.text))

    def _is_outage(self, outcome: Outcome) -> bool:
        """Return whether an outcome says that the server is not there, to a request that waits for it to come back."""
        if not isinstance(outcome, Reply):
            return isinstance(outcome, UnreachableError)
        limits = self._request.outage
        return limits is not None and (outcome.overloaded or outcome.status in limits.statuses)

    def _is_cut(self, outcome: Outcome, now: datetime, asked_for: Optional[timedelta]) -> bool:
        """Return whether a web server cut a long poll; such an answer does not say when to ask again."""
        if not self._request.wait or not isinstance(outcome, Reply) or asked_for is not None:
            return False
        return outcome.status in GATEWAY and now - (self._last or now) >= SHORTEST_WAIT
