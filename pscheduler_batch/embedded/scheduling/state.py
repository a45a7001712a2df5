"""All that one embedded server knows, and what tests may look at and set from outside."""

from __future__ import annotations

import asyncio
import socket
from datetime import datetime, timezone
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Optional, Tuple

from pscheduler_batch.embedded.documents import contains
from pscheduler_batch.embedded.faults.rules import Faults
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.scheduling.tasks_and_runs import Task
from pscheduler_batch.embedded.test import Test


def utc_now() -> datetime:
    """Give the time of the machine's clock."""
    return datetime.now(timezone.utc)


class State:
    """
    The state of one server, which forgets nothing unless told to, not even where it is stopped and started again.

    Attributes:
        tests: The tests that the server offers, by name.
        pace: How fast it goes about its work.
        hostname: What the server calls itself.
        tasks: All tasks that were ever accepted, by identifier, in the order of their arrival.
        faults: What goes wrong on purpose; tests set it.
        requests: Method, and path with query, of every request, in the order of their arrival.
        now: The clock.
        sleep: What waits a number of seconds.
    """

    def __init__(
        self,
        tests: Mapping[str, Test],
        pace: Pace,
        *,
        hostname: Optional[str] = None,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.tests = dict(tests)
        self.pace = pace
        self.hostname = hostname or socket.gethostname()
        self.tasks: Dict[str, Task] = {}
        self.faults = Faults(self._document_of)
        self.requests: List[Tuple[str, str]] = []
        self.now = now
        self.sleep = sleep

    def enabled_tasks(self) -> List[Task]:
        """List the tasks that nobody has cancelled, in the order of their arrival."""
        return [task for task in tuple(self.tasks.values()) if task.enabled]

    def tasks_marked(self, mark: Any) -> List[Task]:
        """
        List the tasks whose ``reference`` contains a mark, in the order of their arrival.

        Args:
            mark: Any JSON, such as ``{"run": 7}``; it is contained as in ``GET /tasks?json=``.
        """
        part = {"reference": mark}
        return [task for task in tuple(self.tasks.values()) if contains(task.document, part)]

    def forget(self) -> None:
        """Lose all tasks and their runs, as a server does whose database is gone; to be called while it is stopped."""
        self.tasks.clear()

    def _document_of(self, task_id: str) -> Optional[Mapping[str, Any]]:
        task = self.tasks.get(task_id)
        return None if task is None else task.document
