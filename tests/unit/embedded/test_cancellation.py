"""Cancelling what might lose a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from pscheduler_batch.embedded.measuring.cancellation import insist


def test_work_that_ends_gives_its_value():
    """Work that is not cancelled is not affected."""

    async def work():
        return 7

    assert asyncio.run(insist(work())) == 7


def test_an_error_of_the_work_comes_through():
    """So it is for work that fails."""

    async def work():
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(insist(work()))


def test_work_that_overhears_a_cancellation_is_cancelled_again():
    """The work ends before the code that cancelled it continues."""
    heard = []

    async def work():
        for _ in range(3):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                heard.append("cancelled")
        heard.append("ended")

    async def cancel():
        running = asyncio.ensure_future(insist(work()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancel())

    assert heard == ["cancelled", "cancelled", "cancelled", "ended"]
