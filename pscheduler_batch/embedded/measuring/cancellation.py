"""Cancelling that is not to be overheard."""

from __future__ import annotations

import asyncio
from typing import Any, Coroutine, TypeVar

T = TypeVar("T")

_AGAIN = 0.05


async def insist(work: Coroutine[Any, Any, T]) -> T:
    """
    Await some work that might lose a cancellation, and cancel it until it has ended.

    ``asyncio.wait_for`` before Python 3.12 loses one that comes at the moment when what it waits for is done, and so do
    task groups that cancel their own tasks at that moment. A measurement would then go on to its end.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_AGAIN)
        raise
