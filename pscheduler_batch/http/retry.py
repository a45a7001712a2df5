"""
Which requests are repeated, and when.

GET and DELETE may be repeated; a POST only if nothing of it was sent, or if its caller has found out that it made
nothing: two POSTs make two tasks. What a server refuses is not repeated. What a broken connection or an overloaded
server withheld is, with pauses that grow and are random, so that iterations do not retry in step.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Callable, Optional

from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.http.request import Outcome, Request
from pscheduler_batch.http.response import INTERNAL, TOO_MANY, Reply

REPEATABLE = frozenset({"GET", "DELETE"})

_NONE = timedelta(0)


@dataclass(frozen=True)
class RetryPolicy:
    """
    How often and for how long requests are repeated.

    Attributes:
        attempts: How often a request is made altogether.
        internal_attempts: How often a request is made that is answered with a 500.
        limit: How long after its start a request is not repeated any more. A host that has failed for longer without
            any answer in between is not waited for while requests to it are paused.
        first: The longest pause before the second attempt; it doubles with each further one.
        longest: The longest pause there is.
        patience_with_host: After how many failures in a row requests to a host are paused.
        draw: Returns a number from 0 to 1; the pause is that part of the longest one allowed (full jitter).
    """

    attempts: int = 5
    internal_attempts: int = 3
    limit: timedelta = timedelta(minutes=1)
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=30)
    patience_with_host: int = 10
    draw: Callable[[], float] = random.random

    def longest_pause(self, number: int) -> timedelta:
        """Return how long the pause may be after so many failures, counted from 1."""
        return min(self.longest, self.first * 2.0 ** min(number - 1, 30))


class Attempts:
    """
    The attempts at one request: whether there is another one, and after which pause.

    Attributes:
        start: When the first one had a slot; waiting for it takes nothing from the request's time.
    """

    def __init__(self, request: Request, policy: RetryPolicy) -> None:
        self.start: Optional[datetime] = None
        self._request = request
        self._policy = policy
        self._number = 0

    def pause_after(self, outcome: Outcome, now: datetime, host_paused_for: timedelta) -> Optional[timedelta]:
        """
        Return how long to wait before the next attempt.

        Args:
            outcome: What the last attempt came to.
            now: The time.
            host_paused_for: How long requests to the host are still paused.

        Returns:
            None if the outcome is final: it is not worth another attempt, or the limits are reached, or the server asks
            for more time than there is.
        """
        self._number += 1
        asked_for = outcome.retry_after(now) if isinstance(outcome, Reply) else None
        left = (self.start or now) + self._policy.limit - now
        internal = isinstance(outcome, Reply) and outcome.status == INTERNAL and not outcome.overloaded
        attempts = self._policy.internal_attempts if internal else self._policy.attempts
        if self._number < attempts and (asked_for or _NONE) < left and self._may_help(outcome, asked_for):
            pause = self._policy.longest_pause(self._number) * self._policy.draw()
            return max(min(max(pause, asked_for or _NONE) + host_paused_for, left), _NONE)
        outage = self._request.outage
        if outage is None or not self._is_outage(outcome, asked_for):
            return None
        left = (self.start or now) + outage.span - now
        return max(outage.pause, min(asked_for or _NONE, left)) if left > _NONE else None

    def _may_help(self, outcome: Outcome, asked_for: Optional[timedelta]) -> bool:
        """Return whether a quick retry is safe and may help."""
        repeatable = self._request.method in REPEATABLE
        if isinstance(outcome, UnreachableError):
            return outcome.transient and (repeatable or not outcome.sent)
        if isinstance(outcome, ReplyError) or not repeatable:
            return False
        if outcome.status == TOO_MANY:
            return asked_for is not None
        if outcome.overloaded:
            # After a long poll that a web server cut, the caller asks again anyway.
            return not self._request.wait
        words = self._request.final_words
        return outcome.status == INTERNAL and not (words and words in outcome.text)

    def _is_outage(self, outcome: Outcome, asked_for: Optional[timedelta]) -> bool:
        if not isinstance(outcome, Reply):
            return isinstance(outcome, UnreachableError)
        # A long poll that was cut does not say when to ask again.
        cut = bool(self._request.wait) and outcome.overloaded and asked_for is None
        outage = self._request.outage
        # A server that kills its plug-ins says so at once, and with a status that has other meanings.
        killed = outcome.status == INTERNAL and outcome.overloaded
        return outage is not None and (killed or outcome.status in outage.statuses) and not cut
