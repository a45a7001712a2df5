"""
How long to wait for what, and how to wait for a run until it is done.

No request slot of a server is held to wait for a run that is not due to end yet (ADR 20): until then the program waits
by itself, by the server's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Awaitable, Callable, Optional, Tuple

from pscheduler_batch.clock import Clock
from pscheduler_batch.errors import UnfinishedError
from pscheduler_batch.http.urls import shown
from pscheduler_batch.model import Run
from pscheduler_batch.scheduler.api import OVERDUE, is_final, waiting_url


@dataclass(frozen=True)
class WaitLimits:
    """
    How long to wait for what.

    Attributes:
        first_run_wait: Seconds that a server is asked to wait for the first run; it waits twice as long [d14], and
            makes one within 12 seconds of the POST, so that one request is enough. It waits half of that for the
            result, which took up to 6.7 seconds after a run of some seconds [t-timings].
        scheduling: How long after the POST the first run must exist.
        result: How long after its scheduled end a run must be done.
        waits: Seconds of the long polls, one after another, once a run is due; then it is polled now and then.
        pause: How long to wait between two polls.
        outage: How long a server that has a task of the batch may be out of reach.
        lost_post: How long to look for a task whose POST was not answered, as servers may still be busy with it.
        look: How often to poll a run that is not due yet, as ends can move and runs can be canceled.
    """

    first_run_wait: int = 9
    scheduling: timedelta = timedelta(minutes=5)
    result: timedelta = timedelta(minutes=5)
    waits: Tuple[int, ...] = (2, 5)
    pause: timedelta = timedelta(seconds=5)
    outage: timedelta = timedelta(minutes=5)
    lost_post: timedelta = timedelta(seconds=30)
    look: timedelta = timedelta(minutes=10)


ReadRun = Callable[[str, int], Awaitable[Tuple[Optional[Run], timedelta]]]


class RunWaiter:
    """Waits for runs."""

    def __init__(self, read: ReadRun, clock: Clock, limits: WaitLimits, changed: Callable[[Run], None]) -> None:
        """
        Prepare to wait.

        Args:
            read: Reads a run from a URL that asks the server to wait for some seconds; returns it, and how far the
                server's clock is ahead. The run is None if the wait was cut short.
            clock: The time.
            limits: How long to wait.
            changed: Called with the run each time its state or its times have changed.
        """
        self._read = read
        self._clock = clock
        self._limits = limits
        self._changed = changed

    async def until_done(self, run: Run, offset: timedelta) -> Run:
        """
        Wait until a run has its result or can no longer get one.

        Args:
            run: The run as last seen; one that is done already costs no request.
            offset: How far ahead the server's clock is.

        Raises:
            UnfinishedError: It was not done in the time allowed.
            SchedulerError: It could not be read.
        """
        first_seen = self._clock.now()
        polls = 0
        while not _is_done(run):
            now = self._clock.now()
            # The offset is taken from a difference, as the calendar may not have the time itself by our clock.
            left = first_seen - now if run.end_time is None else run.end_time - now - offset
            wait = 0
            if left > timedelta(0):
                await self._clock.sleep(min(left, self._limits.look).total_seconds())
                wait = 0 if left > self._limits.look else self._limits.waits[0]
            elif -left > self._limits.result:
                waited = self._limits.result.total_seconds()
                reason = f'is still "{run.state}" {waited:g} seconds after its announced end'
                raise UnfinishedError(reason, doing="waiting for the result", url=shown(run.href))
            elif polls < len(self._limits.waits):
                wait = self._limits.waits[polls]
            else:
                await self._clock.sleep(self._limits.pause.total_seconds())
            polls += 1 if wait else 0
            read, offset = await self._read(waiting_url(run.href, wait), wait)
            if read is not None and _shown_state(read) != _shown_state(run):
                self._changed(read)
            run = run if read is None else read
        return run


def _shown_state(run: Run) -> Tuple[str, Optional[datetime], Optional[datetime]]:
    """Return what is shown of a run while it is waited for."""
    return run.state, run.start_time, run.end_time


def _is_done(run: Run) -> bool:
    """
    Return whether there is nothing more to wait for.

    An overdue run with a merged result has all that was wanted; a run in cleanup is still about to change.
    """
    return is_final(run) or (run.result_merged is not None and run.state == OVERDUE)
