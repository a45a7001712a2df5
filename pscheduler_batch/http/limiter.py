"""
The limit of concurrent requests, and whose turn it is (ADR 20).

A request that submits a task goes before one that asks for something: a task that comes late may miss its start, while
an answer can only come later. So do requests that end an iteration, for the last formats of its result: until then the
others are held in memory. A quarter of the slots is reserved for look-ups of where a task goes, while there are any: it
may be another host, which has nothing to do until then. In the other slots look-ups come after submissions and before
the rest. Requests with the same purpose are served in order of arrival.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Deque, Dict, Optional, Tuple

from pscheduler_batch.http.request import Purpose
from pscheduler_batch.session import Shutdown

LOOK_UP_PART = 4


class Limiter:
    """
    A number of slots, and queues for them; canceling tasks has slots of its own.

    A busy server takes its time for POSTs, which cannot be aborted, and an interrupted batch has no time to wait for
    those before it cancels its tasks. A slot that is given back goes to the next in the queue, so that nothing
    overtakes it. Belongs to one event loop.
    """

    def __init__(self, number: int, for_canceling: Optional[int] = None) -> None:
        """
        Make all slots free.

        Args:
            number: How many slots there are.
            for_canceling: How many more there are for canceling tasks; by default as many.
        """
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
        if self._take_free(purpose):
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
        """Hand a slot, taken for a purpose, to the next in the queue."""
        if purpose is Purpose.LOOK_UP:
            self._looking_up -= 1
        for next_purpose in self._order(purpose):
            queue = self._queues[next_purpose]
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    self._looking_up += next_purpose is Purpose.LOOK_UP
                    turn.set_result(True)
                    return
        if purpose is Purpose.CANCEL:
            self._free_for_canceling += 1
        else:
            self._free += 1

    def _take_free(self, purpose: Purpose) -> bool:
        # A slot is only free while nothing waits for it.
        if purpose is Purpose.CANCEL:
            free = self._free_for_canceling > 0
            self._free_for_canceling -= free
            return free
        free = self._free > 0
        self._free -= free
        self._looking_up += free and purpose is Purpose.LOOK_UP
        return free

    def _order(self, purpose: Purpose) -> Tuple[Purpose, ...]:
        if purpose is Purpose.CANCEL:
            return (Purpose.CANCEL,)
        if self._looking_up < self._for_look_ups:
            return Purpose.LOOK_UP, Purpose.URGENT, Purpose.OTHER
        return Purpose.URGENT, Purpose.LOOK_UP, Purpose.OTHER
