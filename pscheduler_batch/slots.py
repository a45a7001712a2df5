"""
The request slots of a host: how many requests go there at once, and whose turn it is (decision 19).

What submits a task goes before what asks for something: a task that comes late may miss its start, while an answer can
only come later. So does what ends an iteration, the last formats of its result: until then the others are held in
memory. Otherwise it is first come, first served.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Deque, Optional

from pscheduler_batch.waiting import Ending


class Slots:
    """
    A number of slots, and two queues for them.

    A slot that is given back goes to whoever waits for it, so nobody slips in between. Belongs to one event loop.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self._urgent: Deque[asyncio.Future[bool]] = deque()
        self._others: Deque[asyncio.Future[bool]] = deque()

    async def take(self, *, urgent: bool = False, unless: Optional[Ending] = None) -> bool:
        """
        Wait for a slot; whoever has got one gives it back with :meth:`give_back`.

        Args:
            urgent: Whether to go before all that is not.
            unless: Ends the waiting; if not given, nothing does.

        Returns:
            Whether there is one.
        """
        if unless is not None and unless.begun:
            return False
        if self._free:
            # Then nobody waits.
            self._free -= 1
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._others).append(turn)
        if unless is not None:
            unless.tell(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.result():
                # It was this one's turn already.
                self.give_back()
            raise

    def give_back(self) -> None:
        """Give a slot to the next one in line."""
        for queue in (self._urgent, self._others):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(True)
                    return
        self._free += 1
