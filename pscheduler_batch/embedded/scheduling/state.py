"""The state of an embedded server, which programs may inspect and change."""

from __future__ import annotations

import asyncio
import socket
from datetime import datetime, timezone
from typing import Any, Awaitable, Callable, Dict, List, Mapping, Optional, Tuple

from pscheduler_batch.embedded.classes.class_folder import ClassFolder
from pscheduler_batch.embedded.documents import contains
from pscheduler_batch.embedded.faults.rules import Faults
from pscheduler_batch.embedded.offers import Offers
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.scheduling.tasks_and_runs import Task
from pscheduler_batch.embedded.test import Test


def utc_now() -> datetime:
    """Return the time of the machine's clock."""
    return datetime.now(timezone.utc)


class State:
    """
    The state of one server; it is kept when the server is stopped and started again.

    Attributes:
        tests: The built-in tests that the server offers, by name.
        classes: The plug-ins that it offers as well.
        offers: All tests and tools that the server offers.
        pace: The delays between the steps of a run.
        hostname: The name that the server reports.
        netloc: The host and port that it listens on, or last did.
        tasks: All tasks that were ever accepted, by identifier, in order of arrival.
        faults: The faults on demand.
        requests: The method, and the path with query, of every request, in order of arrival.
        now: The clock.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        tests: Mapping[str, Test],
        pace: Pace,
        *,
        classes: Optional[ClassFolder] = None,
        hostname: Optional[str] = None,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.tests = dict(tests)
        self.classes = classes or ClassFolder()
        self.offers = Offers(self.tests, self.classes.tests, self.classes.tools)
        self.pace = pace
        self.hostname = hostname or socket.gethostname()
        self.netloc = self.hostname
        self.tasks: Dict[str, Task] = {}
        self.faults = Faults(self._document_of)
        self.requests: List[Tuple[str, str]] = []
        self.now = now
        self.sleep = sleep

    def enabled_tasks(self) -> List[Task]:
        """List the tasks that were not cancelled, in order of arrival."""
        return [task for task in tuple(self.tasks.values()) if task.enabled]

    def tasks_marked(self, mark: Any) -> List[Task]:
        """
        List the tasks whose ``reference`` contains a mark, in order of arrival.

        Args:
            mark: Any JSON, such as ``{"run": 7}``, compared as in ``GET /tasks?json=``.
        """
        part = {"reference": mark}
        return [task for task in tuple(self.tasks.values()) if contains(task.document, part)]

    def forget(self) -> None:
        """Lose all tasks, as a server does whose database was lost; must be called while the server is stopped."""
        self.tasks.clear()

    def _document_of(self, task_id: str) -> Optional[Mapping[str, Any]]:
        task = self.tasks.get(task_id)
        return None if task is None else task.document
