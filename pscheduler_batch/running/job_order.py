"""How the iterations of a job follow each other: side by side, or one after another."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Coroutine, Iterable, List

# Is called when all that an iteration has still to do is to fetch what it measured.
Measured = Callable[[], None]

# Runs an iteration; raises only what is to end the job.
Run = Callable[[Measured], Coroutine[Any, Any, None]]


def tell_nobody() -> None:
    """Be told that an iteration is measured, where nobody waits for that."""


async def side_by_side(iterations: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run iterations all at once."""
    # All of them are waited for, come what may: what is to be canceled is known when the last one has ended.
    for raised in await asyncio.gather(*map(asyncio.ensure_future, iterations), return_exceptions=True):
        if raised is not None:
            raise raised


async def by_turns(iterations: Iterable[Run]) -> None:
    """
    Run iterations one after another; what one has measured is fetched while the next one is submitted.

    No more than one is behind.
    """
    running: List[asyncio.Future[None]] = []
    try:
        for run in iterations:
            running.append(await _until_measured(run))
            for before in running[:-1]:
                await before
            del running[:-1]
        for last in running:
            await last
    except asyncio.CancelledError:
        for left in running:
            left.cancel()
        raise
    finally:
        # As above; what was measured is fetched even where a bug ends the batch.
        await asyncio.gather(*running, return_exceptions=True)


async def _until_measured(run: Run) -> asyncio.Future[None]:
    """Begin to run an iteration, and wait until its results are all that is still to come."""
    measured = asyncio.Event()
    running = asyncio.ensure_future(run(measured.set))
    running.add_done_callback(lambda _: measured.set())
    try:
        await measured.wait()
    except asyncio.CancelledError:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        raise
    if running.done():
        # No other one is begun after a bug.
        await running
    return running
