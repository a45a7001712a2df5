"""What all steps of a running batch share: the time, the debug log, the events, and the way to shut down early."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Callable, Set

from pscheduler_batch.clock import Clock
from pscheduler_batch.events import Watch, watch_nothing

# Is given a line of text.
Log = Callable[[str], None]


def log_nothing(_message: str) -> None:
    """Do nothing; used where nobody reads the debug log."""


class UnsentError(Exception):
    """A request that was not sent because the batch was shut down before its turn came."""


class Shutdown:
    """
    Whether a batch is being shut down early: then no task is posted any more.

    Belongs to one event loop.

    Attributes:
        begun: Whether it is.
    """

    def __init__(self) -> None:
        self.begun = False
        self._sleeping: Set[asyncio.Future[Any]] = set()
        self._told: Set[asyncio.Future[bool]] = set()

    def begin(self) -> None:
        """Start the shutdown, and wake up all that sleeps in :meth:`sleep`."""
        self.begun = True
        for sleeping in self._sleeping:
            sleeping.cancel()
        for told in self._told:
            if not told.done():
                told.set_result(False)

    def tell(self, waited_for: asyncio.Future[bool]) -> None:
        """Set a future to False when the shutdown starts."""
        self._told.add(waited_for)
        waited_for.add_done_callback(self._told.discard)

    async def sleep(self, clock: Clock, seconds: float) -> None:
        """Wait for a number of seconds, or until the shutdown starts."""
        sleeping = asyncio.ensure_future(_sleep(clock, seconds))
        self._sleeping.add(sleeping)
        try:
            await asyncio.wait([sleeping])
        finally:
            self._sleeping.discard(sleeping)
            sleeping.cancel()


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(seconds)


@dataclass(frozen=True)
class Session:
    """
    One run of a batch, as far as all its steps share it.

    Attributes:
        clock: The time, and waiting for it.
        debug: Is given each line of the debug log.
        emit: Is given each event.
        shutdown: Whether the batch is being shut down early.
    """

    clock: Clock = field(default_factory=Clock)
    debug: Log = log_nothing
    emit: Watch = watch_nothing
    shutdown: Shutdown = field(default_factory=Shutdown)
