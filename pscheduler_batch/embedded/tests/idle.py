"""The ``idle`` test: let time go by (recordings e36, g10 to g13)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, AsyncIterator, Awaitable, Callable, Mapping

from pscheduler_batch.embedded.base_test import HostMeasurement, span
from pscheduler_batch.embedded.outcomes import success
from pscheduler_batch.embedded.render import dotted, table
from pscheduler_batch.embedded.spec import DURATION, HOST, HOST_PORT, STRING, SpecChecker, growing_schemas
from pscheduler_batch.embedded.test import Outcome
from pscheduler_batch.iso8601 import format_duration

Sleep = Callable[[float], Awaitable[Any]]

_FIELDS = {
    "duration": DURATION,
    "host": HOST,
    "host-node": HOST_PORT,
    "parting-comment": STRING,
    "starting-comment": STRING,
}


class IdleTest(HostMeasurement):
    """Sleeps for the duration, beside anything else."""

    name = "idle"
    description = "Consume time in the background"
    tool = "sleep"
    checker = SpecChecker(growing_schemas(_FIELDS, required=["duration"]))

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        """Take the function that sleeps for a number of seconds."""
        self._sleep = sleep

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Say the duration of the specification."""
        return span(spec, "duration", "P0D")

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Sleep, then say for how long; the comments go into the diagnostics."""
        slept = self.duration(spec)
        await self._sleep(slept.total_seconds())
        comments = [spec[name] for name in ("starting-comment", "parting-comment") if name in spec]
        yield success(
            {"schema": 1, "duration": format_duration(slept), "succeeded": True},
            result={"time-slept": format_duration(slept)},
            diags="\n".join(comments),
            error="",
        )

    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render as recording g12."""
        return dotted([("Duration", result["duration"])])

    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render as recording g13."""
        return table([("Duration", result["duration"])])
