"""The ``clock`` test: the difference between the clocks of two hosts (recordings a07, b18)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any, AsyncIterator, Callable, Dict, List, Mapping, Tuple

import httpx

from pscheduler_batch.embedded.measurement import Measurement, cells, dotted
from pscheduler_batch.embedded.measuring.addresses import is_loopback, is_this_machine, without_port
from pscheduler_batch.embedded.measuring.cancellation import insist
from pscheduler_batch.embedded.measuring.http_fetch import fetch
from pscheduler_batch.embedded.spec import DURATION, HOST_PORT, SpecChecker, growing_schemas, option, seconds, span
from pscheduler_batch.embedded.test import Outcome, failure, reason_of, success
from pscheduler_batch.iso8601 import format_duration, parse_timestamp

_TIMEOUT = "PT5S"
_OWN_DURATION = timedelta(seconds=0.5)
_V1 = {
    "dest": option(HOST_PORT, "Host whose clock is compared"),
    "source": option(HOST_PORT, "Host that compares its clock"),
    "timeout": option(DURATION, "How long the other host may take to answer"),
}
_V2 = {"source-node": option(HOST_PORT, "pScheduler node of the source, if different")}


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class ClockTest(Measurement):
    """Compares this machine's clock with itself, or with the clock of another pScheduler server."""

    name = "clock"
    description = "Measure the clock difference between hosts"
    tool = "psclock"
    checker = SpecChecker(growing_schemas(_V1, _V2, required=["dest"]))

    def __init__(self, now: Callable[[], datetime] = _utc_now) -> None:
        """Take the function that returns the current time, with its zone."""
        self._now = now

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return the longest time that the other server may take; reading this machine's clock takes none."""
        own = is_loopback(spec["dest"]) and not _has_port(spec["dest"])
        return _OWN_DURATION if own else span(spec, "timeout", _TIMEOUT)

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Read both clocks."""
        try:
            local, remote = await insist(self._clocks(spec))
            times = [parse_timestamp(clock["time"]) for clock in (local, remote)]
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            yield failure(f"cannot read the clock of {spec['dest']}: {reason_of(error)}")
            return
        except (ValueError, KeyError, TypeError):
            yield failure(f"{spec['dest']} did not return the time of its clock")
            return
        result = {
            "schema": 1,
            "succeeded": True,
            "local": local,
            "remote": remote,
            "difference": format_duration(max(times) - min(times)),
        }
        yield success(result, error="")

    async def _clocks(self, spec: Mapping[str, Any]) -> Tuple[Dict[str, Any], Dict[str, Any]]:
        dest = spec["dest"]
        here = None if _has_port(dest) else await asyncio.to_thread(is_this_machine, dest)
        if here:
            return self._own(self._now()), self._own(self._now())
        bare_ipv6 = without_port(dest) == dest and ":" in dest
        url = f"https://{f'[{dest}]' if bare_ipv6 else dest}/pscheduler/clock"
        asked = self._now()
        answer, _ = await fetch(url, seconds(spec, "timeout", _TIMEOUT))
        middle = asked + (self._now() - asked) / 2
        answer.raise_for_status()
        return self._own(middle), dict(answer.json())

    @staticmethod
    def _own(time: datetime) -> Dict[str, Any]:
        """Return a reading of this machine's clock as in recording a07; its synchronization is not examined."""
        return {"time": time.isoformat(), "synchronized": False, "source": "unknown"}

    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render both clocks and the difference."""
        parts = []
        for label, clock in (("Local Host", result["local"]), ("Remote Host", result["remote"])):
            parts.append(label + "\n" + "".join(f"  {line}\n" for line in dotted(_rows(clock)).splitlines()))
        return "\n".join([*parts, dotted([("Difference", result["difference"])])])

    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render both clocks and the difference in one table."""
        rows = ""
        for label, clock in (("Local Host", result["local"]), ("Remote Host", result["remote"])):
            rows += f'<tr><th colspan="2">{label}</th></tr>\n' + "".join(cells(row) for row in _rows(clock))
        return f"<table>\n{rows}{cells(('Difference', result['difference']))}</table>\n"


def _has_port(host: str) -> bool:
    return host not in (without_port(host), f"[{without_port(host)}]")


def _rows(clock: Mapping[str, Any]) -> List[Tuple[str, Any]]:
    rows = [("Time", clock["time"])]
    if clock.get("synchronized"):
        rows.append(("Synchronized", ", ".join(str(clock[key]) for key in ("source", "reference") if key in clock)))
        rows += [("Offset", clock["offset"])] if "offset" in clock else []
    return rows
