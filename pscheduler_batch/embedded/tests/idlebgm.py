"""The ``idlebgm`` test: wait for some time, with a result after each interval (recordings h00 to h19)."""

from __future__ import annotations

from typing import Any, AsyncIterator, Mapping, Optional, Sequence

from pscheduler_batch.embedded.measurement import Row
from pscheduler_batch.embedded.spec import DURATION, SpecChecker, growing_schemas, option, span
from pscheduler_batch.embedded.test import Outcome, success
from pscheduler_batch.embedded.tests.idle import FIELDS, IdleTest

_DEFAULT_INTERVAL = "PT1S"
_INTERVAL = option(DURATION, "Time between results, as an ISO 8601 duration", short="i")


class IdlebgmTest(IdleTest):
    """
    Sleeps for the duration and gives a result after each interval that ends before it does.

    A test of 40 seconds with an interval of 5 gives seven results, as recording h07 shows.
    """

    name = "idlebgm"
    description = "Consume time in the background - NOT FOR PRODUCTION"
    tool = "sleepbgm"
    scheduling_class = "background-multi"
    checker = SpecChecker(growing_schemas({**FIELDS, "interval": _INTERVAL}, required=["duration"]))

    def null_reason(self) -> Mapping[str, str]:
        """Return the words of recording b20."""
        return {"reason": "No source specified"}

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Refuse an interval of length zero, which would never end."""
        if not span(spec, "interval", _DEFAULT_INTERVAL):
            return "The interval is zero."
        return super().unable(spec)

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Sleep, with a result after each interval but not at the very end."""
        interval = span(spec, "interval", _DEFAULT_INTERVAL)
        left = self.duration(spec)
        while interval < left:
            await self._sleep(interval.total_seconds())
            left -= interval
            yield success({"succeeded": True, "time-slept": spec.get("interval", _DEFAULT_INTERVAL)}, error="")
        await self._sleep(left.total_seconds())

    def rows(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> Sequence[Row]:
        """Return the time slept (recordings h11-run01-result-text-plain and h11-run01-result-text-html)."""
        return [("Time Slept", result["time-slept"])]
