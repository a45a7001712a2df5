"""
The request slots of a host: how many requests go there at once, and whose turn it is (ADR 20).

What submits a task goes before what asks for something: a task that comes late may miss its start, while an answer can
only come later. So does what ends an iteration, the last formats of its result: until then the others are held in
memory. But a quarter of the slots is for those who look up where a task goes, while there are any: it may be another
host, which has nothing to do until then. In the others they come behind what submits and ends, and before the rest.
Of what is for the same it is first come, first served.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from typing import Deque, Dict, Optional, Tuple

from pscheduler_batch.session import Shutdown

LOOK_UP_PART = 4


class Purpose(Enum):
    """What a request is for, as far as it decides whose turn it is."""

    URGENT = "urgent"
    LOOK_UP = "look-up"
    OTHER = "other"


class Slots:
    """
    A number of slots, and queues for them.

    A slot that is given back goes to whoever waits for it, so nobody slips in between. Belongs to one event loop.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        # Where there is one slot only, what submits a task is never kept waiting.
        self._for_look_ups = max(number // LOOK_UP_PART, min(number - 1, 1))
        self._looking_up = 0
        self._queues: Dict[Purpose, Deque[asyncio.Future[bool]]] = {purpose: deque() for purpose in Purpose}

    async def take(self, purpose: Purpose = Purpose.OTHER, *, unless: Optional[Shutdown] = None) -> bool:
        """
        Wait for a slot; whoever has got one gives it back with :meth:`give_back`.

        Args:
            purpose: What it is for.
            unless: Ends the waiting; if not given, nothing does.

        Returns:
            Whether there is one.
        """
        if unless is not None and unless.begun:
            return False
        if self._free:
            # Then nobody waits.
            self._free -= 1
            self._count(purpose, 1)
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queues[purpose].append(turn)
        if unless is not None:
            unless.tell(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result():
                # It was this one's turn already.
                self.give_back(purpose)
            raise

    def give_back(self, purpose: Purpose = Purpose.OTHER) -> None:
        """Give a slot, taken for a purpose, to the next one in line."""
        self._count(purpose, -1)
        for next_purpose in self._order():
            queue = self._queues[next_purpose]
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    self._count(next_purpose, 1)
                    turn.set_result(True)
                    return
        self._free += 1

    def _count(self, purpose: Purpose, change: int) -> None:
        if purpose is Purpose.LOOK_UP:
            self._looking_up += change

    def _order(self) -> Tuple[Purpose, ...]:
        if self._looking_up < self._for_look_ups:
            return Purpose.LOOK_UP, Purpose.URGENT, Purpose.OTHER
        return Purpose.URGENT, Purpose.LOOK_UP, Purpose.OTHER
