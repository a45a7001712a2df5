"""What all steps of a running batch share: the time, the debug log, the events, and the way to shut down early."""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import dataclass, field, replace
from typing import Any, Callable, List, Optional, Set, Tuple, TypeVar

from pscheduler_batch.clock import Clock
from pscheduler_batch.events import BatchEnded, Event, RequestHeldUp, TaskLeft, Watch
from pscheduler_batch.redaction import Redactor

# Is given a line of text.
Log = Callable[[str], None]

T = TypeVar("T")


def unfailing(callback: Callable[[T], None], name: str, kinds: Tuple[type, ...] = (object,)) -> Callable[[T], None]:
    """
    Wrap a callback so that its failure does not end the batch.

    Args:
        callback: The callback.
        name: Its name, for the warning about its failure.
        kinds: The classes of what it is given; anything else does not reach it.
    """
    failed: List[Exception] = []

    def call(given: T) -> None:
        if failed or not isinstance(given, kinds):
            return
        try:
            callback(given)
        except Exception as error:  # noqa: BLE001 - it is code of the caller
            failed.append(error)
            message = f"the {name} callback failed and is not called again: {error!r}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)

    return call


class UnsentError(Exception):
    """A request that was not sent because the batch was shut down before its turn came."""


class Shutdown:
    """
    Whether a batch is being shut down early: then no task is posted any more.

    Belongs to one event loop.

    Attributes:
        begun: Whether the shutdown has started.
    """

    def __init__(self) -> None:
        self.begun = False
        self._sleeping: Set[asyncio.Future[Any]] = set()
        self._waiting: Set[asyncio.Future[bool]] = set()

    def begin(self) -> None:
        """Start the shutdown, and wake up all that sleeps in :meth:`sleep`."""
        self.begun = True
        for sleeping in self._sleeping:
            sleeping.cancel()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(False)

    def release(self, waiting: asyncio.Future[bool]) -> None:
        """Set a future to False when the shutdown starts."""
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def sleep(self, clock: Clock, seconds: float) -> None:
        """Wait for a number of seconds, or until the shutdown starts; if it has started, do not wait."""
        if self.begun:
            return
        sleeping = asyncio.ensure_future(clock.sleep(seconds))
        self._sleeping.add(sleeping)
        try:
            await asyncio.wait([sleeping])
        finally:
            self._sleeping.discard(sleeping)
            sleeping.cancel()


@dataclass(frozen=True)
class Session:
    """
    One run of a batch, as far as all its steps share it; all that they report goes through it, without secrets.

    Attributes:
        clock: The time, and waiting for it.
        log: Is given each line of the debug log.
        watches: Are given each event.
        warning: Is given each line that a user should read at once; if None, these go to the debug log.
        redactor: Takes out the secrets of the batch.
        shutdown: Whether the batch is being shut down early.
    """

    clock: Clock = field(default_factory=Clock)
    log: Optional[Log] = None
    watches: Tuple[Watch, ...] = ()
    warning: Optional[Log] = None
    redactor: Redactor = field(default_factory=Redactor)
    shutdown: Shutdown = field(default_factory=Shutdown)

    def debug(self, message: str) -> None:
        """Write a line to the debug log."""
        if self.log is not None:
            self.log(self.redactor.message(message))

    def warn(self, message: str) -> None:
        """Print a line that a user should read at once, fit for a terminal, without the name of the program."""
        if self.warning is None:
            self.debug(message)
        else:
            self.warning(self.redactor.message(message))

    def emit(self, event: Event) -> None:
        """Report an event; events of an iteration hold its whole task, and are redacted where they are printed."""
        if isinstance(event, RequestHeldUp) and event.reason is not None:
            event = replace(event, reason=self.redactor.message(event.reason))
        elif isinstance(event, BatchEnded) and event.error is not None:
            event = replace(event, error=self.redactor.message(event.error))
        elif isinstance(event, TaskLeft):
            event = replace(event, words=self.redactor.message(event.words))
        for watch in self.watches:
            watch(event)
