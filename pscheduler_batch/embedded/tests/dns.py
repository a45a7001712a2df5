"""The ``dns`` test: the response time of a name server (recordings b24, f-dnsfail, g-dnsfail)."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, AsyncIterator, Callable, Dict, List, Mapping, Sequence

import dns.asyncresolver
import dns.exception
import dns.rdatatype

from pscheduler_batch.embedded.measurement import HostMeasurement, Row
from pscheduler_batch.embedded.measuring.addresses import resolve
from pscheduler_batch.embedded.measuring.cancellation import insist
from pscheduler_batch.embedded.spec import (
    DURATION,
    HOST,
    HOST_PORT,
    SpecChecker,
    growing_schemas,
    option,
    seconds,
    span,
)
from pscheduler_batch.embedded.test import Outcome, failure, reason_of, success
from pscheduler_batch.iso8601 import format_duration

_RECORDS = ["a", "aaaa", "ns", "cname", "soa", "ptr", "mx", "txt"]
_FIELDS = {
    "host": option(HOST, "Host that runs the test"),
    "host-node": option(HOST_PORT, "pScheduler node of the host, if different"),
    "nameserver": option(HOST, "Name server to query"),
    "query": option(HOST, "Name to look up"),
    "record": option({"type": "string", "enum": _RECORDS}, f"Type of the record: {', '.join(_RECORDS)}", form="lower"),
    "timeout": option(DURATION, "How long to wait for the answer"),
}
_TIMEOUT = "PT5S"
_SETTLING = timedelta(seconds=0.5)


class DnsTest(HostMeasurement):
    """Queries a name server: the specification's, or the system's own."""

    name = "dns"
    description = "Measure DNS transaction time"
    tool = "dnspy"
    checker = SpecChecker(growing_schemas(_FIELDS, required=["query", "record"]))

    def __init__(self, port: int = 53, clock: Callable[[], float] = time.perf_counter) -> None:
        """Take the port of name servers and a clock in seconds."""
        self._port = port
        self._clock = clock

    def null_reason(self) -> Mapping[str, str]:
        """Return the words of recording b24."""
        return {"null-reason": "No host specified"}

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return the longest time that an answer may take."""
        return span(spec, "timeout", _TIMEOUT) + _SETTLING

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Send one query; a failure has its duration, as in recording f-dnsfail."""
        try:
            resolver = await self._resolver(spec)
        except (OSError, dns.exception.DNSException) as error:
            yield failure(str(error))
            return
        started = self._clock()
        try:
            answer = await insist(resolver.resolve(spec["query"], spec["record"], search=False))
        except dns.exception.Timeout:
            yield failure("Timeout", merged=self._timed(started))
        except (OSError, dns.exception.DNSException) as error:
            yield failure(reason_of(error), merged=self._timed(started))
        else:
            timed = self._timed(started)
            yield success({**timed, "succeeded": True, "record": _record(spec["record"], list(answer))}, error="")

    def _timed(self, started: float) -> Dict[str, Any]:
        return {"time": format_duration(timedelta(seconds=self._clock() - started)), "schema": 1}

    async def _resolver(self, spec: Mapping[str, Any]) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure="nameserver" not in spec)
        if "nameserver" in spec:
            resolver.nameservers = [(await resolve(spec["nameserver"]))[1]]
            resolver.port = self._port
        resolver.lifetime = seconds(spec, "timeout", _TIMEOUT)
        resolver.cache = None
        return resolver

    def rows(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> Sequence[Row]:
        """Return the time and the records."""
        record, label = result["record"], spec["record"].upper()
        rows: List[Row] = [("Time", result["time"])]
        if isinstance(record, Mapping):
            return rows + [(name.capitalize(), value) for name, value in record.items()]
        items = record if isinstance(record, list) else [record]
        shown = [f"{item['pref']} {item['mx']}" if isinstance(item, Mapping) else item for item in items]
        return [*rows, *((label, item) for item in shown)]


def _record(kind: str, answers: List[Any]) -> Any:
    """Return records as in pScheduler's results: one value for cname, ptr and soa, a list for the others."""
    if kind in ("a", "aaaa"):
        return [answer.address for answer in answers]
    if kind == "mx":
        return [{"pref": answer.preference, "mx": _name(answer.exchange)} for answer in answers]
    if kind == "txt":
        return [b"".join(answer.strings).decode(errors="replace") for answer in answers]
    if kind == "soa":
        soa = answers[0]
        numbers = {field: getattr(soa, field) for field in ("serial", "refresh", "retry", "expire", "minimum")}
        return {"nameserver": _name(soa.mname), "owner": _name(soa.rname), **numbers}
    names = [_name(answer.target) for answer in answers]
    return names if kind == "ns" else names[0]


def _name(name: Any) -> str:
    return str(name.to_text())
