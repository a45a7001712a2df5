"""
Adapt the limit of concurrent requests to a server by the times of its answers (ADR 49).

A server with two cores needs twice the time for each of four concurrent requests, and kills its own processes if there
are eight; a larger one serves eight as fast as one. A server does not say how large it is, but its answers slow down
first.
"""

from __future__ import annotations

import math
from typing import Dict, Optional, Protocol

# The initial limit, and the lowest one that slow answers lead to.
BEGIN = 2
# Shorter times are no sign of load: the client's part of them, such as the TLS handshake, varies as much. In seconds.
FLOOR = 0.25
# The limit grows if the quickest answer of a round takes no longer than so many times the best one so far, and is cut
# if it takes longer than so many times.
FAST = 1.5
SLOW = 2.0
# What the limit is multiplied by at a sign of overload, and at least when answers are slow.
CUT = 0.5
# The limit does not grow above 2 if answers could then take longer than so many seconds, in case the server processes
# requests one after another, nor above 1 if they already do: some servers kill processes after ten.
LONG = 6.0
# After so many rounds that are neither fast nor slow, one request less is tried: if answers are then no faster, these
# requests are not the reason that they are slow.
HELD = 10

_NONE = (math.inf, math.inf)


class Changed(Protocol):
    """Callback for a limit that has grown, was cut, or no longer doubles."""

    def __call__(self, limit: AdaptiveLimit, reason: Optional[str], *, overload: bool) -> None:
        """Receive the limit, the reason (None if it has grown), and whether the reason is overload."""


class AdaptiveLimit:
    """
    A limit of concurrent requests that grows while answers stay fast, and is cut when they slow down.

    It is adapted in rounds of as many answers as the limit: load slows all of them, so the quickest one counts. It
    doubles with each fast round until a round is not fast, and from then on grows by one. Times are compared with the
    best time of an answer of the same kind. Slow answers alone do not reduce it below 2: if answers are slow at this
    limit, their time counts as the best one from then on, and the limit doubles again.

    Attributes:
        most: The upper bound of the limit; the lower one is 1.
        limit: The current limit.
        growing: Whether it doubles with the next fast round.
        cuts: The number of times it was cut; requests that were sent before the last cut no longer count.
        taken: The number of requests under way, kept by the :class:`~pscheduler_batch.http.limiter.Limiter`.
    """

    def __init__(self, most: int, changed: Optional[Changed] = None) -> None:
        """
        Start with a limit of 2.

        Args:
            most: The upper bound.
            changed: Called when the limit changes.
        """
        self.most = most
        self.limit = min(BEGIN, most)
        self.growing = True
        self.cuts = 0
        self.taken = 0
        self._changed = changed
        self._best: Dict[str, float] = {}
        self._answers = 0
        self._quickest = _NONE
        self._held = 0

    @property
    def has_room(self) -> bool:
        """Whether another request may be sent."""
        return self.taken < self.limit

    def note_answer(self, kind: str, seconds: float, cuts: int, *, needed: bool) -> None:
        """
        Record the time of an answer.

        Args:
            kind: The kind of request; only times of the same kind are compared.
            seconds: The time from sending the request to the end of the answer.
            cuts: The value of :attr:`cuts` when the request was sent.
            needed: Whether other requests wait for this limit; if not, it is neither too low nor too high.
        """
        seconds = max(FLOOR, seconds)
        best = self._best[kind] = min(self._best.get(kind, seconds), seconds)
        if cuts != self.cuts or not needed:
            return
        self._answers += 1
        self._quickest = min(self._quickest, (seconds / best, seconds))
        # A few requests do not load a server that answers at once.
        if self._answers >= self.limit or (self.growing and seconds == FLOOR):
            self._end_round(*self._quickest)

    def note_overload(self, reason: str, cuts: int) -> None:
        """
        Record a sign of overload, such as an answer that reports it or a timeout.

        Args:
            reason: What happened.
            cuts: The value of :attr:`cuts` when the request was sent.
        """
        if cuts == self.cuts:
            self._cut(CUT, reason, overload=True)

    def _start_round(self) -> None:
        self._answers = 0
        self._quickest = _NONE

    def _end_round(self, ratio: float, seconds: float) -> None:
        """
        Adapt the limit after a round.

        Args:
            ratio: The time of its quickest answer, as a multiple of the best time.
            seconds: The same in seconds.
        """
        self._start_round()
        reason = f"answers took {seconds:.1f} s"
        if ratio > FAST:
            reason += f" instead of {seconds / ratio:.1f} s"
        limit = self._grown(seconds) if ratio <= FAST else self.limit
        if limit > self.limit:
            self.limit = limit
            self._held = 0
            self._report()
        elif ratio > FAST and self.limit <= BEGIN:
            # The server itself has become slower, so its capacity is measured anew.
            self._best = {kind: best * ratio for kind, best in self._best.items()}
            self.growing = True
            self._report(reason)
        elif ratio > SLOW:
            self._cut(max(SLOW / ratio, CUT), reason)
        elif self.growing and limit < self.most:
            self.growing = False
            self._report(reason)
        elif ratio > FAST:
            self._held += 1
            if self._held == HELD:
                self._cut(1.0, reason)

    def _grown(self, seconds: float) -> int:
        """Return the limit after a fast round whose quickest answer took so many seconds."""
        wanted = self.limit * 2 if self.growing else self.limit + 1
        bearable = BEGIN if seconds <= LONG else 1
        return min(wanted, max(int(self.limit * LONG / seconds), bearable, self.limit), self.most)

    def _cut(self, factor: float, reason: str, *, overload: bool = False) -> None:
        self.limit = max(min(int(self.limit * factor), self.limit - 1), 1 if overload else BEGIN)
        self.growing = False
        self.cuts += 1
        self._held = 0
        self._start_round()
        self._report(reason, overload=overload)

    def _report(self, reason: Optional[str] = None, *, overload: bool = False) -> None:
        if self._changed is not None:
            self._changed(self, reason, overload=overload)
