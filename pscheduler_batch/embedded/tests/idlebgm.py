"""The ``idlebgm`` test: let time go by, with a result each interval (recordings h00 to h19)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, AsyncIterator, Mapping, Optional

from pscheduler_batch.embedded.base_test import HostMeasurement, span
from pscheduler_batch.embedded.outcomes import success
from pscheduler_batch.embedded.render import dotted, table
from pscheduler_batch.embedded.spec import DURATION, HOST, HOST_PORT, STRING, SpecChecker, growing_schemas
from pscheduler_batch.embedded.test import Outcome
from pscheduler_batch.embedded.tests.idle import Sleep

_DEFAULT_INTERVAL = "PT1S"
_FIELDS = {
    "duration": DURATION,
    "interval": DURATION,
    "host": HOST,
    "host-node": HOST_PORT,
    "parting-comment": STRING,
    "starting-comment": STRING,
}


class IdlebgmTest(HostMeasurement):
    """
    Sleeps for the duration and gives a result after each interval that ends before it does.

    A test of 40 seconds with an interval of 5 gives seven results, as recording h07 shows.
    """

    name = "idlebgm"
    description = "Consume time in the background - NOT FOR PRODUCTION"
    tool = "sleepbgm"
    scheduling_class = "background-multi"
    checker = SpecChecker(growing_schemas(_FIELDS, required=["duration"]))

    def __init__(self, sleep: Sleep = asyncio.sleep) -> None:
        """Take the function that sleeps for a number of seconds."""
        self._sleep = sleep

    def null_reason(self) -> Mapping[str, str]:
        """Say it in the words of recording b20."""
        return {"reason": "No source specified"}

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Refuse an interval of no length, which would never end."""
        if not span(spec, "interval", _DEFAULT_INTERVAL):
            return "The interval has no length."
        return super().unable(spec)

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Say the duration of the specification."""
        return span(spec, "duration", "P0D")

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Sleep, giving a result after each interval but not at the very end."""
        interval = span(spec, "interval", _DEFAULT_INTERVAL)
        left = self.duration(spec)
        while interval < left:
            await self._sleep(interval.total_seconds())
            left -= interval
            yield success({"succeeded": True, "time-slept": spec.get("interval", _DEFAULT_INTERVAL)}, error="")
        await self._sleep(left.total_seconds())

    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render as recording h11-run01-result-text-plain."""
        return dotted([("Time Slept", result["time-slept"])])

    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render as recording h11-run01-result-text-html."""
        return table([("Time Slept", result["time-slept"])])
