"""How many connections there are at once, and which of them are used again (ADR 22)."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import List, Optional

import pytest

from pscheduler_batch.http.connection_pool import ConnectionPool, Way
from pscheduler_batch.http.request import Purpose
from pscheduler_batch.session import Shutdown, UnsentError


class Transport:
    """Can be closed, and notes that."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.closed = 0

    async def aclose(self) -> None:
        """Count the call."""
        self.closed += 1


class Stuck(Transport):
    """Takes for ever to be closed."""

    async def aclose(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()


async def settle() -> None:
    """Let everything happen that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def used(pool: ConnectionPool[Transport], *hosts: str, canceling: bool = False) -> List[Transport]:
    """Use a transport for each of some hosts, one after another."""
    had = []
    for host in hosts:
        async with pool.connection((host, None), Purpose.CANCEL if canceling else Purpose.OTHER) as transport:
            had.append(transport)
    return had


def test_a_transport_is_used_again_for_the_same_host():
    """Its connection may still be open."""
    first, other, again, bound = asyncio.run(_use_again())

    assert first is again
    assert len({id(transport) for transport in (first, other, bound)}) == 3


async def _use_again() -> List[Transport]:
    pool = ConnectionPool(Transport, 8)
    had = await used(pool, "a", "b", "a")
    async with pool.connection(("a", "192.0.2.1")) as transport:
        return [*had, transport]


def test_the_one_that_was_not_used_for_the_longest_time_makes_room():
    """It is closed, and the others are still there."""

    async def main() -> None:
        pool = ConnectionPool(Transport, 3)
        a, b, c = await used(pool, "a", "b", "c")

        assert await used(pool, "a") == [a]
        await used(pool, "d")
        assert [transport.closed for transport in (a, b, c)] == [0, 1, 0]
        assert await used(pool, "a", "c") == [a, c]

    asyncio.run(main())


def test_who_finds_no_room_waits_for_it():
    """Except for who cancels a task, for whom there is always some."""

    async def main() -> List[bool]:
        pool = ConnectionPool(Transport, 4)
        async with AsyncExitStack() as stack:
            for host in "abc":
                await stack.enter_async_context(pool.connection((host, None)))
            late = asyncio.ensure_future(used(pool, "d"))
            canceling = asyncio.ensure_future(used(pool, "e", canceling=True))
            await settle()
            had = [late.done(), canceling.done()]
        await asyncio.wait_for(late, 10)
        return had

    assert asyncio.run(main()) == [False, True]


def test_no_room_is_lost_where_closing_is_broken_off():
    """The request that waited for it was canceled."""

    async def main() -> None:
        pool = ConnectionPool(Stuck, 2)
        await used(pool, "a", "b")
        gone = asyncio.ensure_future(used(pool, "c"))
        await settle()
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await asyncio.wait_for(used(pool, "d"), 10)

    asyncio.run(main())


def test_no_room_is_lost_where_none_can_be_made():
    """The next one that tries has it."""
    failures = [ValueError()]

    def make(way: Way) -> Transport:
        for failure in failures:
            raise failure
        return Transport(way)

    async def main() -> None:
        pool = ConnectionPool(make, 2)
        for _ in range(3):
            with pytest.raises(ValueError, match=r"^$"):
                await used(pool, "a")
        failures.clear()
        await asyncio.wait_for(used(pool, "a", "b", "c"), 10)

    asyncio.run(main())


def test_no_place_is_lost_with_one_that_is_canceled_in_its_turn():
    """A later request gets it, in every version of Python."""

    async def main() -> None:
        pool = ConnectionPool(Transport, 2)
        waiting: List[asyncio.Future[List[Transport]]] = []
        async with pool.connection(("a", None)):
            waiting.append(asyncio.ensure_future(used(pool, "b")))
            await settle()
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        await asyncio.wait_for(used(pool, "c"), 10)

    asyncio.run(main())


def test_who_waits_for_room_goes_without_when_the_batch_is_ended():
    """So do later POSTs; other requests have their turn."""

    async def main() -> List[bool]:
        pool, ending = ConnectionPool(Transport, 2), Shutdown()

        async def use(unless: Optional[Shutdown]) -> None:
            async with pool.connection(("a", None), unless=unless):
                pass

        async with pool.connection(("a", None)):
            waiting = [asyncio.ensure_future(use(unless)) for unless in (ending, None)]
            await settle()
            ending.begin()
            waiting.append(asyncio.ensure_future(use(ending)))
            await settle()
        raised = await asyncio.gather(*waiting, return_exceptions=True)
        return [isinstance(one, UnsentError) for one in raised]

    assert asyncio.run(main()) == [True, False, True]


def test_there_is_none_left_once_they_are_closed():
    """Each is closed once."""

    async def main() -> List[int]:
        pool = ConnectionPool(Transport, 8)
        had = await used(pool, "a", "b")
        await pool.aclose()
        await pool.aclose()
        return [transport.closed for transport in had]

    assert asyncio.run(main()) == [1, 1]
