"""The ``noop`` test: return the data of the specification (recordings j20 to j25, f-noopfail)."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from html import escape
from typing import Any, AsyncIterator, Callable, Mapping

from pscheduler_batch.embedded.documents import without_secrets
from pscheduler_batch.embedded.measurement import HostMeasurement
from pscheduler_batch.embedded.spec import HOST, HOST_PORT, PROBABILITY, SpecChecker, growing_schemas, option
from pscheduler_batch.embedded.test import Outcome, failure, participant

_FIELDS = {
    "data": option({}, "Data to return, as JSON"),
    "fail": option(PROBABILITY, "Probability of a failure, from 0 to 1", short="f"),
    "host": option(HOST, "Host that runs the test"),
    "host-node": option(HOST_PORT, "pScheduler node of the host, if different"),
}
_DURATION = timedelta(seconds=0.1)


class NoopTest(HostMeasurement):
    """Does nothing, or fails with the probability ``fail``."""

    name = "noop"
    description = "Do nothing"
    tool = "passthrough"
    checker = SpecChecker(growing_schemas(_FIELDS, required=[]))

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        """Take the function that draws a number from 0 up to, but not including, 1."""
        self._chance = chance

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return a tenth of a second; a real server announces a second."""
        return _DURATION

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Return the data, or fail by chance."""
        probability = float(spec.get("fail", 0.0))
        drawn = self._chance()
        if drawn < probability:
            diags = f"Random {drawn:f} on failure probability {probability:f}"
            yield failure("Randomly-induced failure", diags=diags)
            return
        data = spec.get("data")
        yield Outcome(merged={"data": data, "schema": 1, "succeeded": True}, full=(participant(data, error=""),))

    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render as recording j25, but without the secret that a real server shows there."""
        return f"Data:\n{_pretty(result['data'])}\n"

    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render the data as preformatted text, without its secrets."""
        return f"<p>Data:</p>\n<pre>\n{escape(_pretty(result['data']))}\n</pre>\n"


def _pretty(data: Any) -> str:
    return json.dumps(without_secrets(data), indent=2)
