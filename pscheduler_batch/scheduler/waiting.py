"""
How long to wait for what, and how to wait for a run until it is done.

No request slot of a server is held to wait for a run that is not due to end yet (ADR 20): until then the program waits
by itself, by the server's clock, and polls the run occasionally, as runs may end early (ADR 48). As long as the run of
a task has not been found, :mod:`~pscheduler_batch.scheduler.first_run` waits for it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Awaitable, Callable, Dict, Optional, Tuple

from pscheduler_batch.clock import Clock
from pscheduler_batch.errors import UnfinishedError
from pscheduler_batch.http.urls import host_of, shown
from pscheduler_batch.model import Run
from pscheduler_batch.run_states import OVERDUE
from pscheduler_batch.scheduler.api import is_final, waiting_url


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
        waits: Seconds of the long polls, one after another, once a run is due; then it is polled occasionally.
        pause: How long to wait between two polls.
        outage: How long a server that has a task of the batch may be out of reach, for each kind of request (ADR 51).
        lost_post: How long to look for a task whose POST was not answered, as servers may still be busy with it.
        cancel: How long to wait for the answers to POSTs that are under way when the batch is interrupted, as only they
            say what to cancel.
        first_look: How soon to look at a run that is not due yet: what fails at once is seen soon.
        look: How often to look at it after that, in a run of up to ten minutes; in a longer one, after each tenth.
        longest_look: The longest time between two looks, and how often to look at a run that has not started.
        look_pause: How long to wait between the looks at different runs of one host.
    """

    first_run_wait: int = 9
    scheduling: timedelta = timedelta(minutes=5)
    result: timedelta = timedelta(minutes=5)
    waits: Tuple[int, ...] = (2, 5)
    pause: timedelta = timedelta(seconds=5)
    outage: timedelta = timedelta(minutes=5)
    lost_post: timedelta = timedelta(seconds=30)
    cancel: timedelta = timedelta(seconds=30)
    first_look: timedelta = timedelta(seconds=10)
    look: timedelta = timedelta(seconds=12)
    longest_look: timedelta = timedelta(minutes=10)
    look_pause: timedelta = timedelta(seconds=2)


_NONE = timedelta(0)

# The length from which a run is looked at after each tenth. One of ten minutes is announced with some seconds more.
_LONG_RUN = timedelta(minutes=11)


class Looks:
    """
    When to look at runs that are not due yet, in turn for each host (ADR 48); belongs to one batch.

    The looks at a run are spread evenly until its end, so that none comes right before it, but the first may be sooner.
    A run that is over within the time between two looks is not looked at.
    """

    def __init__(self, clock: Clock, limits: WaitLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._free: Dict[str, datetime] = {}

    async def wait(self, host: str, left: timedelta, length: timedelta, *, first: bool) -> Optional[timedelta]:
        """
        Wait until it is time for a look at a run, or until it is due.

        Args:
            host: The host that it is on.
            left: For how long it is not due.
            length: How long it takes altogether.
            first: Whether it was not looked at before.

        Returns:
            For how long it is not due then; None if it is.
        """
        step = self._step(left, length, first=first)
        await self._clock.sleep(step.total_seconds())
        left -= step
        if left <= _NONE:
            return None
        now = self._clock.now()
        turn = max(self._free.get(host, now) - now, _NONE)
        if turn + self._limits.look_pause > left:
            await self._clock.sleep(left.total_seconds())
            return None
        self._free[host] = now + turn + self._limits.look_pause
        if turn > _NONE:
            await self._clock.sleep(turn.total_seconds())
        return left - turn

    def _step(self, left: timedelta, length: timedelta, *, first: bool) -> timedelta:
        """Return how long to wait for the next look, or for the end if there is none before."""
        limits = self._limits
        longest = limits.look if length <= _LONG_RUN else min(length / 10, limits.longest_look)
        if left - length > longest:
            # It starts much later.
            wanted = left if length <= longest else left - length + limits.first_look
            return min(wanted, limits.longest_look)
        steps = math.ceil(left / longest)
        step = left / steps
        return min(step, limits.first_look) if first and steps > _FEW else step


# With so few steps until the end, the first look is not sooner than the others: it would only be one more.
_FEW = 2

# Reads a run from a URL that asks the server to wait for some seconds; or looks at it, if it is not due for some time.
ReadRun = Callable[[str, int, Optional[timedelta]], Awaitable[Tuple[Optional[Run], timedelta]]]


class RunWaiter:
    """Waits for runs."""

    def __init__(
        self,
        read: ReadRun,
        clock: Clock,
        limits: WaitLimits,
        changed: Callable[[Run], None],
        looks: Looks,
    ) -> None:
        """
        Prepare to wait.

        Args:
            read: Reads a run; returns it, and how far the server's clock is ahead. The run is None if the wait was cut
                short, or a look failed.
            clock: The time.
            limits: How long to wait.
            changed: Called with the run each time its state or its times have changed.
            looks: When to look at runs that are not due yet.
        """
        self._looks = looks
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
        host = host_of(run.href)
        polls = 0
        looked = False
        while not is_done(run):
            now = self._clock.now()
            # The offset is taken from a difference, as the calendar may not have the time itself by our clock.
            left = first_seen - now if run.end_time is None else run.end_time - now - offset
            wait = 0
            within = None
            if left > _NONE:
                within = await self._looks.wait(host, left, _length_of(run, left), first=not looked)
                looked = True
                wait = self._limits.waits[0] if within is None else 0
            elif -left > self._limits.result:
                waited = self._limits.result.total_seconds()
                reason = f'is still "{run.state}" {waited:g} seconds after its announced end'
                raise UnfinishedError(reason, doing="waiting for the result", url=shown(run.href))
            elif polls < len(self._limits.waits):
                wait = self._limits.waits[polls]
            else:
                await self._clock.sleep(self._limits.pause.total_seconds())
            polls += 1 if wait else 0
            read, offset = await self._read(waiting_url(run.href, wait), wait, within)
            if read is not None and _shown_state(read) != _shown_state(run):
                self._changed(read)
            run = run if read is None else read
        return run


def _shown_state(run: Run) -> Tuple[str, Optional[datetime], Optional[datetime]]:
    """Return what is shown of a run while it is waited for."""
    return run.state, run.start_time, run.end_time


def _length_of(run: Run, left: timedelta) -> timedelta:
    """Return the announced length of a run; what is left of it if that is not known."""
    return left if run.start_time is None or run.end_time is None else max(run.end_time - run.start_time, _NONE)


def is_done(run: Run) -> bool:
    """
    Return whether there is nothing more to wait for.

    An overdue run with a merged result has all that was wanted; a run in cleanup is still about to change.
    """
    return is_final(run) or (run.result_merged is not None and run.state == OVERDUE)
