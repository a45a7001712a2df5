"""The ``idle`` test: wait for some time (recordings e36, g10 to g13)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, AsyncIterator, Awaitable, Callable, Mapping, Sequence

from pscheduler_batch.embedded.measurement import HostMeasurement, Row
from pscheduler_batch.embedded.spec import DURATION, HOST, HOST_PORT, STRING, SpecChecker, growing_schemas, option, span
from pscheduler_batch.embedded.test import Outcome, success
from pscheduler_batch.iso8601 import format_duration

Sleep = Callable[[float], Awaitable[Any]]

FIELDS = {
    "duration": option(DURATION, "How long to be idle, as an ISO 8601 duration", short="d"),
    # -h is for help.
    "host": option(HOST, "Host that is idle", short="H"),
    "host-node": option(HOST_PORT, "pScheduler node of the host, if different"),
    "parting-comment": option(STRING, "Comment at the end", short="p"),
    "starting-comment": option(STRING, "Comment at the start", short="s"),
}


class IdleTest(HostMeasurement):
    """Sleeps for the duration, next to any other test."""

    name = "idle"
    description = "Consume time in the background"
    tool = "sleep"
    checker = SpecChecker(growing_schemas(FIELDS, required=["duration"]))

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        """Take the function that sleeps for a number of seconds."""
        self._sleep = sleep

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return the duration of the specification."""
        return span(spec, "duration", "P0D")

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Sleep, then report for how long; the comments go into the diagnostics."""
        slept = self.duration(spec)
        await self._sleep(slept.total_seconds())
        comments = [spec[name] for name in ("starting-comment", "parting-comment") if name in spec]
        yield success(
            {"schema": 1, "duration": format_duration(slept), "succeeded": True},
            result={"time-slept": format_duration(slept)},
            diags="\n".join(comments),
            error="",
        )

    def rows(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> Sequence[Row]:
        """Return the duration."""
        return [("Duration", result["duration"])]
