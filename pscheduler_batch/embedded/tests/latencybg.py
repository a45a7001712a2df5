"""The ``latencybg`` test: one-way delay for a long time, with a result each reporting interval."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, AsyncIterator, Mapping, Optional

from pscheduler_batch.embedded.base_test import span
from pscheduler_batch.embedded.measuring.cancellation import insist
from pscheduler_batch.embedded.outcomes import failure, reason_of, success
from pscheduler_batch.embedded.spec import DURATION, STRING, SpecChecker, growing_schemas
from pscheduler_batch.embedded.test import Outcome
from pscheduler_batch.embedded.tests.latency import COMMON_FIELDS, LatencyTest, connect, summary

_V1 = {**COMMON_FIELDS, "duration": DURATION, "reporting-interval": DURATION}
_V2 = {"protocol": STRING}
_COUNT = 600
_INTERVAL = 0.1
_DURATION = "P1D"
_SETTLING = timedelta(seconds=0.5)


class LatencybgTest(LatencyTest):
    """
    Sends stamped packets without a pause, and gives a result after every ``packet-count`` of them.

    ``reporting-interval`` says the same as a duration. What is left at the end gives a last, shorter result.
    """

    name = "latencybg"
    description = "Continuously measure network latency between hosts and report results periodically"
    tool = "powstream"
    scheduling_class = "background-multi"
    highest_schema = 2
    checker = SpecChecker(growing_schemas(_V1, _V2, required=["dest"]))

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Refuse two different ways of saying how often to report."""
        if "reporting-interval" in spec and "packet-count" in spec:
            return "packet-count and reporting-interval both say how often to report; give one of them."
        return super().unable(spec)

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Say the duration of the specification; a day where it has none."""
        return span(spec, "duration", _DURATION) + _SETTLING

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Send packets until the end, reporting in between."""
        interval = spec.get("packet-interval", _INTERVAL)
        each = spec.get("packet-count", _COUNT)
        if "reporting-interval" in spec:
            each = max(1, round(span(spec, "reporting-interval", "P0D").total_seconds() / interval))
        left = max(1, round(span(spec, "duration", _DURATION).total_seconds() / interval))
        try:
            async with connect(spec) as link:
                while left > 0:
                    burst = await insist(link.burst(min(each, left)))
                    left -= burst.sent
                    yield success(summary(spec, burst))
        except OSError as error:
            yield failure(reason_of(error))
