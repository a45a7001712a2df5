"""
The transports that requests are made with: one for each connection, never more than the process may have files open.

An ordinary account may have 1,024 files open at once, and a batch may have to do with thousands of hosts, each with
slots of its own and connections that the host keeps open (ADR 22).
"""

from __future__ import annotations

import resource
from contextlib import asynccontextmanager
from typing import AsyncIterator, Callable, Dict, Generic, List, Optional, Protocol, Tuple, TypeVar

from pscheduler_batch.http.request_slots import Slots
from pscheduler_batch.session import Shutdown, UnsentError

# What is left for all else that opens files: modules, journal, results, scripts, names that are looked up.
RESERVED = 64
RESERVED_PART = 4
# Two addresses of a host are tried side by side where the first one does not answer soon.
FILES_EACH = 2
# More connections than that take more memory than they spare time.
MOST = 1000
# Which part of the connections is for canceling tasks, which does not wait for anything else.
CANCELING_PART = 4

# A host, and the address of ours that requests come from.
Way = Tuple[str, Optional[str]]


class Closing(Protocol):
    """What can be closed."""

    async def aclose(self) -> None:
        """Close it."""


T = TypeVar("T", bound=Closing)


def affordable(limit: int) -> int:
    """
    Say how many connections may be open at once where so many files may be.

    >>> affordable(1024), affordable(256), affordable(20), affordable(resource.RLIM_INFINITY)
    (384, 96, 2, 1000)
    """
    if limit == resource.RLIM_INFINITY:
        return MOST
    left = limit - max(RESERVED, limit // RESERVED_PART)
    return max(min(left // FILES_EACH, MOST), 2)


class Transports(Generic[T]):
    """Transports, each with at most one connection; belongs to one event loop."""

    def __init__(self, make: Callable[[Way], T], most: Optional[int] = None) -> None:
        """
        Prepare to have transports.

        Args:
            make: Makes one.
            most: How many there are at once, at least 2; if not given, as many as the process can afford.
        """
        most = affordable(resource.getrlimit(resource.RLIMIT_NOFILE)[0]) if most is None else most
        canceling = max(most // CANCELING_PART, 1)
        self._make = make
        self._left = most
        self._places = {False: Slots(most - canceling), True: Slots(canceling)}
        # The way that was not used for the longest time is the first one.
        self._idle: Dict[Way, List[T]] = {}

    @asynccontextmanager
    async def one(self, way: Way, *, canceling: bool, unless: Optional[Shutdown] = None) -> AsyncIterator[T]:
        """
        Have a transport for one exchange, as soon as there may be one more.

        Args:
            way: The host, and the address of ours that requests come from; None leaves that to the system.
            canceling: Whether it is to cancel a task.
            unless: Ends the waiting; if not given, nothing does.

        Raises:
            UnsentError: The batch was ended before.
        """
        places = self._places[canceling]
        if not await places.take(unless=unless):
            raise UnsentError
        try:
            transport = self._take_idle(way) or await self._new(way)
            try:
                yield transport
            finally:
                self._idle[way] = [*self._idle.pop(way, ()), transport]
        finally:
            places.give_back()

    async def aclose(self) -> None:
        """Close all connections."""
        while self._idle:
            _, transports = self._idle.popitem()
            for transport in transports:
                await transport.aclose()

    def _take_idle(self, way: Way) -> Optional[T]:
        transports = self._idle.get(way)
        if not transports:
            return None
        transport = transports.pop()
        if not transports:
            del self._idle[way]
        return transport

    async def _new(self, way: Way) -> T:
        """Make one; where there are as many as there may be, one that is idle makes room."""
        # Whoever has a place may have one in use, so one of the others is idle.
        idle = None if self._left else self._take_idle(next(iter(self._idle)))
        if idle is None:
            self._left -= 1
        try:
            if idle is not None:
                await idle.aclose()
            return self._make(way)
        except BaseException:
            # There is room for one more, but nobody to have it.
            self._left += 1
            raise
