"""
The connections of the process, never more than it may have files open.

An ordinary account may have 1,024 files open at once, and a batch may involve thousands of hosts, each with slots of
its own and connections that the host keeps open (ADR 22).
"""

from __future__ import annotations

import resource
from contextlib import asynccontextmanager
from typing import AsyncIterator, Callable, Dict, Generic, List, Optional, Protocol, Tuple, TypeVar

from pscheduler_batch.http.limiter import Limiter
from pscheduler_batch.http.request import Purpose
from pscheduler_batch.session import Shutdown, UnsentError

# Files left for everything else: modules, journal, results, scripts, name lookups.
RESERVED = 64
RESERVED_PART = 4
# Two addresses of a host are tried side by side where the first one does not answer soon.
FILES_EACH = 2
# More connections than this cost more memory than they save time.
MOST = 1000
# Which part of the connections is reserved for canceling tasks.
CANCELING_PART = 4

# A host, and the local address that requests are sent from.
Way = Tuple[str, Optional[str]]


class Closing(Protocol):
    """Something that can be closed."""

    async def aclose(self) -> None:
        """Close it."""


T = TypeVar("T", bound=Closing)


def affordable(limit: int) -> int:
    """
    Return how many connections may be open at once for a limit of open files.

    >>> affordable(1024), affordable(256), affordable(20), affordable(resource.RLIM_INFINITY)
    (384, 96, 2, 1000)
    """
    if limit == resource.RLIM_INFINITY:
        return MOST
    left = limit - max(RESERVED, limit // RESERVED_PART)
    return max(min(left // FILES_EACH, MOST), 2)


class ConnectionPool(Generic[T]):
    """Transports, each with at most one connection; belongs to one event loop."""

    def __init__(self, make: Callable[[Way], T], most: Optional[int] = None) -> None:
        """
        Prepare an empty pool.

        Args:
            make: Makes a transport.
            most: Maximum number of transports, at least 2; by default as many as the process can afford.
        """
        most = affordable(resource.getrlimit(resource.RLIMIT_NOFILE)[0]) if most is None else most
        canceling = max(most // CANCELING_PART, 1)
        self._make = make
        self._left = most
        self._limiter = Limiter(most - canceling, canceling)
        # The least recently used way comes first.
        self._idle: Dict[Way, List[T]] = {}

    @asynccontextmanager
    async def connection(
        self, way: Way, purpose: Purpose = Purpose.OTHER, *, unless: Optional[Shutdown] = None
    ) -> AsyncIterator[T]:
        """
        Lend a transport for one request, as soon as there may be another one.

        Args:
            way: The host, and the local address to send from; None leaves that to the system.
            purpose: What the request is for; only canceling a task is treated differently here.
            unless: Ends the waiting; by default nothing does.

        Raises:
            UnsentError: The batch was ended before there was one.
        """
        purpose = purpose if purpose is Purpose.CANCEL else Purpose.OTHER
        if not await self._limiter.take(purpose, unless=unless):
            raise UnsentError
        try:
            transport = self._take_idle(way) or await self._new(way)
            try:
                yield transport
            finally:
                self._idle[way] = [*self._idle.pop(way, ()), transport]
        finally:
            self._limiter.give_back(purpose)

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
        """Make a transport; at the maximum, close an idle one first."""
        # Each slot that is taken uses at most one, so another one is idle.
        idle = None if self._left else self._take_idle(next(iter(self._idle)))
        if idle is None:
            self._left -= 1
        try:
            if idle is not None:
                await idle.aclose()
            return self._make(way)
        except BaseException:
            # There is still room for one more.
            self._left += 1
            raise
