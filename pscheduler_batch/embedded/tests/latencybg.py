"""The ``latencybg`` test: one-way delay over a long time, with a result after each reporting interval."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, AsyncIterator, Mapping, Optional

from pscheduler_batch.embedded.measuring.cancellation import insist
from pscheduler_batch.embedded.spec import DURATION, SpecChecker, growing_schemas, option, span
from pscheduler_batch.embedded.test import Outcome, failure, reason_of, success
from pscheduler_batch.embedded.tests.latency import COMMON_FIELDS, PROTOCOL, LatencyTest, connect, summary

_V1 = {
    **COMMON_FIELDS,
    "duration": option(
        DURATION, "How long to measure, as an ISO 8601 duration or in seconds", short="t", form="seconds"
    ),
    "reporting-interval": option(DURATION, "Time between results, instead of --packet-count"),
}
_V2 = {"protocol": PROTOCOL}
_COUNT = 600
_INTERVAL = 0.1
_DURATION = "P1D"
_SETTLING = timedelta(seconds=0.5)


class LatencybgTest(LatencyTest):
    """
    Sends stamped packets without a pause, with a result after every ``packet-count`` of them.

    ``reporting-interval`` sets the same as a duration. The remaining packets give a last, shorter result.
    """

    name = "latencybg"
    description = "Continuously measure network latency between hosts and report results periodically"
    tool = "powstream"
    scheduling_class = "background-multi"
    checker = SpecChecker(growing_schemas(_V1, _V2, required=["dest"]))

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Refuse two reporting intervals."""
        if "reporting-interval" in spec and "packet-count" in spec:
            return "packet-count and reporting-interval both set how often to report; give one of them."
        return super().unable(spec)

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return the duration of the specification, by default a day."""
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
