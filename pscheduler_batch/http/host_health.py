"""A host that goes on failing is left alone for a while by everybody."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Awaitable, Callable, Optional

from pscheduler_batch.clock import Clock
from pscheduler_batch.errors import ReplyError, UnreachableError
from pscheduler_batch.http.request_slots import Slots
from pscheduler_batch.http.response import Reply


class HostHealth:
    """
    What is known of a host, and whether it is asked at all.

    After so many failures in a row it is left alone for a pause, then one request may try; the others wait for what
    becomes of that one. Each time it fails, the pause is longer. Any answer ends it.

    Attributes:
        slots: Whoever asks the host holds one of them.
        canceling: Whoever cancels a task there holds one of these. A busy server takes its time for POSTs, which cannot
            be broken off, and when a batch is interrupted there is no time to wait for those.
    """

    def __init__(
        self,
        clock: Clock,
        slots: Slots,
        canceling: Slots,
        *,
        patience: int,
        limit: timedelta,
        longest_pause: Callable[[int], timedelta],
    ) -> None:
        """
        Begin to note how requests to a host end.

        Args:
            clock: The time.
            slots: How many requests go to it at once.
            canceling: How many tasks are canceled there at once.
            patience: How many failures in a row it may have before it is left alone.
            limit: A host that failed for longer without any answer between is not waited for while it is left alone.
            longest_pause: Says for how long it is left alone for the first, second … time in a row.
        """
        self.slots = slots
        self.canceling = canceling
        self._clock = clock
        self._patience = patience
        self._limit = limit
        self._longest_pause = longest_pause
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
        if trying or (self._left_alone_until is None and self._failures >= self._patience):
            self._pauses += 1
            self._left_alone_until = now + self._longest_pause(self._pauses)

    def _refusal(self, refuse: Callable[[str, bool], UnreachableError]) -> UnreachableError:
        failing_for = self._clock.now() - (self._failing_since or self._clock.now())
        transient = self._last is not None and self._last.transient and failing_for < self._limit
        last = "" if self._last is None else self._last.reason
        return refuse(f"{last} ({self._failures} times in a row, so it is left alone for a while)", transient)
