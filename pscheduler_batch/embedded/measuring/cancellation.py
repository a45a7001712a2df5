"""Cancellation that cannot get lost."""

from __future__ import annotations

import asyncio
from typing import Any, Coroutine, TypeVar

T = TypeVar("T")

_AGAIN = 0.05


async def insist(work: Coroutine[Any, Any, T]) -> T:
    """
    Await some work that might lose a cancellation; if it is cancelled, repeat that until it has ended.

    Before Python 3.12, ``asyncio.wait_for`` loses a cancellation that arrives just when its work is done, and so do
    task groups that cancel their own tasks at that moment. A measurement would then continue to its end.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_AGAIN)
        raise
