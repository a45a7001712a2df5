"""The tasks and runs of the embedded server, and notifications of their changes."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.embedded.offers import OfferedTest, OfferedTool
from pscheduler_batch.embedded.scheduling.schedule import Schedule
from pscheduler_batch.run_states import FINAL_STATES, NONSTART, OVERDUE, PENDING, RUNNING, UNSTARTED_STATES

# A server does not wait for the result of an overdue run any more.
ENDED_STATES = FINAL_STATES | {OVERDUE}
UPCOMING_STATES = UNSTARTED_STATES | {RUNNING, NONSTART}


class News:
    """Wakes coroutines that wait for a change; must be used on the server's event loop only."""

    def __init__(self) -> None:
        self._waiting: List[asyncio.Event] = []

    def tell(self) -> None:
        """Wake all that wait, so that they check their conditions."""
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            event.set()

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition holds, at most so many seconds, and return whether it does."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not condition():
            left = deadline - loop.time()
            if left <= 0:
                return False
            event = asyncio.Event()
            self._waiting.append(event)
            try:
                await asyncio.wait_for(event.wait(), left)
            except asyncio.TimeoutError:
                return condition()
            finally:
                self._waiting = [other for other in self._waiting if other is not event]
        return True


@dataclass(eq=False)
class Run:
    """
    One execution of a task.

    Attributes:
        start_time: The announced start.
        end_time: The announced end; in a run with a result, the actual one.
        participant_data: What the tool said before the run.
        result: The report of the lead participant, null until known.
        result_full: The reports of all participants.
        result_merged: The result of the test, not yet signed.
        is_extra: Whether it is a further run of a test with several results, which has only the merged result
            (recording h10-run01).
    """

    added: datetime
    start_time: datetime
    end_time: datetime
    state: str = PENDING
    errors: Optional[str] = None
    participant_data: Mapping[str, Any] = field(default_factory=dict)
    result: Optional[Mapping[str, Any]] = None
    result_full: Optional[Tuple[Mapping[str, Any], ...]] = None
    result_merged: Optional[Mapping[str, Any]] = None
    is_extra: bool = False
    worker: Optional[asyncio.Task[None]] = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def is_done(self) -> bool:
        """Whether ``wait-merged`` ends: the state is final and all results are known (recordings g33, h16 and h18)."""
        return self.state in ENDED_STATES and self.result_merged is not None and self.result_full is not None


@dataclass(eq=False)
class Task:
    """
    An accepted task.

    Attributes:
        participants: The hosts that take part, the lead first; None is this server's host.
        document: The task as it was posted, without its comments, with its secrets, with the tool in it.
        duration: The maximum duration of a run.
        cli: The options of pScheduler's ``task`` command for it.
        requester: The address that posted it.
        server: The address that it was posted to.
        runs: The visible runs, in order of time.
        runs_made: The number of runs ever made, including deleted ones (recording i03).
        runs_started: The number of runs that started.
    """

    test: OfferedTest
    tool: OfferedTool
    participants: Sequence[Optional[str]]
    document: Dict[str, Any]
    schedule: Schedule
    start: Optional[datetime]
    added: datetime
    duration: timedelta
    cli: Tuple[str, ...]
    requester: str
    server: str
    enabled: bool = True
    runs: List[Run] = field(default_factory=list)
    runs_made: int = 0
    runs_started: int = 0
    worker: Optional[asyncio.Task[None]] = None
    news: News = field(default_factory=News)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def spec(self) -> Mapping[str, Any]:
        """The specification of the test."""
        spec: Mapping[str, Any] = self.document["test"]["spec"]
        return spec

    def add(self, run: Run) -> None:
        """Add a new run, in its place in order of time."""
        place = len(self.runs)
        while place and self.runs[place - 1].start_time > run.start_time:
            place -= 1
        self.runs.insert(place, run)
        self.runs_made += 1
        self.news.tell()

    def run(self, run_id: str) -> Optional[Run]:
        """Return a run, or None if it does not exist (any more)."""
        return next((run for run in self.runs if run.id == run_id), None)

    def next_run(self) -> Optional[Run]:
        """Return the next run or the one under way, or None if there is none."""
        return next((run for run in self.runs if run.state in UNSTARTED_STATES or run.state == RUNNING), None)
