"""Ending a batch early: which waits end and which requests are no longer sent."""

from __future__ import annotations

import asyncio
from typing import Any, Set

from pscheduler_batch.clock import Clock


class UnsentError(Exception):
    """A request that was not made because the batch was ended before its turn came."""


class Shutdown:
    """
    Says whether a batch is being ended before its time: then no task is posted any more.

    Belongs to one event loop.

    Attributes:
        begun: Whether it is.
    """

    def __init__(self) -> None:
        self.begun = False
        self._sleeping: Set[asyncio.Future[Any]] = set()
        self._told: Set[asyncio.Future[bool]] = set()

    def begin(self) -> None:
        """End the batch; whoever sleeps in :meth:`sleep` wakes up."""
        self.begun = True
        for sleeping in self._sleeping:
            sleeping.cancel()
        for told in self._told:
            if not told.done():
                told.set_result(False)

    def tell(self, waited_for: asyncio.Future[bool]) -> None:
        """Let something that is waited for come to nothing when the batch is ended."""
        self._told.add(waited_for)
        waited_for.add_done_callback(self._told.discard)

    async def sleep(self, clock: Clock, seconds: float) -> None:
        """Wait for a number of seconds, or until the batch is ended."""
        sleeping = asyncio.ensure_future(_sleep(clock, seconds))
        self._sleeping.add(sleeping)
        try:
            await asyncio.wait([sleeping])
        finally:
            self._sleeping.discard(sleeping)
            sleeping.cancel()


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)
