"""
The limit of concurrent requests, and the order in which they are sent (ADR 20).

Requests that end an iteration, for the last formats of its result, go first: until then the other formats are held in
memory. Submissions are next: a task that is late may miss its start, while a late answer is only late. A quarter of the
slots is reserved for look-ups of where a task goes, while there are any: it may be another host, which is idle until
then. In the other slots, look-ups come after submissions and before the rest. Requests with the same purpose are served
in order of arrival.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Deque, Dict, Mapping, Optional, Tuple

from pscheduler_batch.http.adaptive_limit import AdaptiveLimit
from pscheduler_batch.http.request import Purpose
from pscheduler_batch.session import Shutdown

LOOK_UP_PART = 4


class Limiter:
    """
    A number of slots, and queues for them; canceling tasks has slots of its own.

    A busy server takes its time for POSTs, which cannot be aborted, and an interrupted batch has no time to wait for
    those before it cancels its tasks. A slot that is given back goes to the next in the queue, so that nothing
    overtakes it. Belongs to one event loop.

    Attributes:
        limits: The limits, lower than the number of slots, of requests for certain purposes; several purposes may
            share one (ADR 49).
    """

    def __init__(
        self,
        number: int,
        for_canceling: Optional[int] = None,
        limits: Optional[Mapping[Purpose, AdaptiveLimit]] = None,
    ) -> None:
        """
        Make all slots free.

        Args:
            number: How many slots there are.
            for_canceling: How many more there are for canceling tasks; by default as many.
            limits: The limits of requests for certain purposes; by default there are none.
        """
        self.limits: Mapping[Purpose, AdaptiveLimit] = limits or {}
        self._free = number
        self._free_for_canceling = number if for_canceling is None else for_canceling
        # Where there is one slot only, what submits a task is never kept waiting.
        self._for_look_ups = max(number // LOOK_UP_PART, min(number - 1, 1))
        self._looking_up = 0
        self._queues: Dict[Purpose, Deque[asyncio.Future[bool]]] = {purpose: deque() for purpose in Purpose}

    async def take(self, purpose: Purpose = Purpose.OTHER, *, unless: Optional[Shutdown] = None) -> bool:
        """
        Wait for a slot, to be given back with :meth:`give_back`.

        Args:
            purpose: What it is for.
            unless: Ends the waiting; by default nothing does.

        Returns:
            Whether there is one.
        """
        if unless is not None and unless.begun:
            return False
        # Where there is room, nothing waits for it.
        if self._has_room(purpose):
            self._count(purpose, 1)
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queues[purpose].append(turn)
        if unless is not None:
            unless.release(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result():
                # It was given the slot already.
                self.give_back(purpose)
            raise

    def give_back(self, purpose: Purpose = Purpose.OTHER) -> None:
        """Hand a slot, taken for a purpose, to the next in the queue; to more of them if a limit has grown."""
        self._count(purpose, -1)
        while True:
            turn = self._next(purpose)
            if turn is None:
                return
            turn.set_result(True)

    def is_needed(self, limit: AdaptiveLimit) -> bool:
        """Return whether requests wait because of a limit."""
        return not limit.has_room and any(
            self._queues[purpose] for purpose in self.limits if self.limits[purpose] is limit
        )

    def _next(self, given_back: Purpose) -> Optional[asyncio.Future[bool]]:
        """Take a slot for the next in the queue; None if nothing waits for one that is free."""
        for purpose in self._order(given_back):
            queue = self._queues[purpose]
            while queue and self._has_room(purpose):
                turn = queue.popleft()
                if not turn.done():
                    self._count(purpose, 1)
                    return turn
        return None

    def _has_room(self, purpose: Purpose) -> bool:
        if purpose is Purpose.CANCEL:
            return self._free_for_canceling > 0
        limit = self.limits.get(purpose)
        return self._free > 0 and (limit is None or limit.has_room)

    def _count(self, purpose: Purpose, number: int) -> None:
        """Count slots that are taken, or given back if the number is negative."""
        if purpose is Purpose.CANCEL:
            self._free_for_canceling -= number
            return
        self._free -= number
        if purpose is Purpose.LOOK_UP:
            self._looking_up += number
        limit = self.limits.get(purpose)
        if limit is not None:
            limit.taken += number

    def _order(self, purpose: Purpose) -> Tuple[Purpose, ...]:
        if purpose is Purpose.CANCEL:
            return (Purpose.CANCEL,)
        if self._looking_up < self._for_look_ups:
            return Purpose.LOOK_UP, Purpose.FINISH, Purpose.SUBMIT, Purpose.OTHER, Purpose.WAIT
        return Purpose.FINISH, Purpose.SUBMIT, Purpose.LOOK_UP, Purpose.OTHER, Purpose.WAIT
