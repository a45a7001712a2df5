"""The order of the iterations of a job: in parallel, or one after another."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Coroutine, Iterable, List

# Is called when only the results of an iteration are still to be fetched.
Measured = Callable[[], None]

# Runs an iteration; raises only what ends the job.
Run = Callable[[Measured], Coroutine[Any, Any, None]]


async def in_parallel(iterations: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run iterations in parallel."""
    # Wait for all of them, whatever they raise: what to cancel is known only when the last one has ended.
    for raised in await asyncio.gather(*map(asyncio.ensure_future, iterations), return_exceptions=True):
        if raised is not None:
            raise raised


async def in_turn(iterations: Iterable[Run]) -> None:
    """
    Run iterations one after another; the results of each are fetched while the next one is submitted.

    At most one is behind.
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
        # As above; results are fetched even if a bug ends the batch.
        await asyncio.gather(*running, return_exceptions=True)


async def _until_measured(run: Run) -> asyncio.Future[None]:
    """Start an iteration, and wait until only its results are still to be fetched."""
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
        # A bug raises here, and no other iteration is started.
        await running
    return running
