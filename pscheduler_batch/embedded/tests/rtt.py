"""The ``rtt`` test: round-trip times of ICMP echo (recordings b12 to b14, b30, b37, f-rtt, g-rttok)."""

from __future__ import annotations

import math
import socket
from datetime import timedelta
from typing import Any, AsyncIterator, ClassVar, Dict, List, Mapping, Optional, Sequence

from pscheduler_batch.embedded.measurement import Measurement, table
from pscheduler_batch.embedded.measuring.addresses import hostname_of, likely_family, resolve
from pscheduler_batch.embedded.measuring.cancellation import insist
from pscheduler_batch.embedded.measuring.icmp import (
    DEFAULT_LENGTH,
    DEFAULT_TTL,
    HIGHEST_TTL,
    EchoOptions,
    ICMPLibError,
    how_allowed,
)
from pscheduler_batch.embedded.measuring.ping import Pings, Series, command, ping, ping_by_command
from pscheduler_batch.embedded.measuring.socket_ancillary import LINUX
from pscheduler_batch.embedded.spec import (
    BOOLEAN,
    CARDINAL,
    CARDINAL_ZERO,
    DURATION,
    HOST,
    HOST_PORT,
    IP_PORT,
    IP_TOS,
    IP_VERSION,
    SpecChecker,
    growing_schemas,
    option,
    seconds,
)
from pscheduler_batch.embedded.test import Outcome, failure, success
from pscheduler_batch.iso8601 import format_duration, parse_duration

NO_ICMP = (
    "This account may not open ICMP sockets, and there is no ping command. Allow it with "
    "\"sysctl net.ipv4.ping_group_range='0 2147483647'\", or run with more privileges."
)

_V1 = {
    "count": option(CARDINAL, "Number of packets to send", short="c"),
    "deadline": option(DURATION, "When to stop, whatever was received"),
    "dest": option(HOST, "Host to measure to", short="d"),
    "flow-label": option(CARDINAL_ZERO, "Flow label of the packets"),
    "hostnames": option(BOOLEAN, "Look up the names of addresses", negatable=True),
    "interval": option(DURATION, "Time between packets", short="i"),
    "ip-tos": option(IP_TOS, "Type-of-service octet of the packets"),
    "ip-version": option(IP_VERSION, "IP version to use, 4 or 6"),
    "length": option(CARDINAL, "Length of the packets in bytes"),
    "source": option(HOST, "Address or host to measure from", short="s"),
    "source-node": option(HOST_PORT, "pScheduler node of the source, if different"),
    "suppress-loopback": option(BOOLEAN, "Keep multicast packets from returning to the source", negatable=True),
    "timeout": option(DURATION, "How long to wait for each reply"),
    "ttl": option(CARDINAL, "Time to live of the packets, in hops"),
}
_V2 = {"protocol": option({"type": "string", "enum": ["icmp", "twamp"]}, "Protocol to measure with")}
_V3 = {"fragment": option(BOOLEAN, "Let packets be fragmented", negatable=True)}
_V4 = {"port": option(IP_PORT, "Port, for protocols that have ports")}
_COUNT = 5
_LONGEST = 65507
_SETTLING = 0.2


class RttTest(Measurement):
    """Sends ICMP echo requests, without privileges if the system allows that."""

    name = "rtt"
    description = "Measure the round trip time between hosts"
    tool = "ping"
    checker = SpecChecker(growing_schemas(_V1, _V2, _V3, _V4, required=["dest"]))
    refused: ClassVar[Mapping[str, str]] = {
        "flow-label": "this server cannot set the flow label of ICMP packets.",
        "port": "ICMP has no ports.",
    }

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Refuse TWAMP, what does not fit into a packet, and everything if this account may not use ICMP."""
        if spec.get("protocol") == "twamp":
            return "protocol twamp is not supported; this server supports icmp only."
        if spec.get("ttl", DEFAULT_TTL) > HIGHEST_TTL:
            return "ttl is more than 255."
        if spec.get("length", DEFAULT_LENGTH) > _LONGEST:
            return f"length is more than {_LONGEST}."
        if spec.get("fragment") is False and not LINUX:
            return "fragment cannot be switched off on this system."
        return super().unable(spec) or self._no_icmp(spec)

    @staticmethod
    def _no_icmp(spec: Mapping[str, Any]) -> Optional[str]:
        family = likely_family(spec)
        return None if how_allowed(family) or command() else NO_ICMP

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return how long all packets take if the last answer never comes."""
        return timedelta(seconds=_series(spec, socket.AF_INET, "", None).longest + _SETTLING)

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Ping and summarize."""
        try:
            pings = await insist(self._ping(spec))
        except (OSError, ICMPLibError) as error:
            yield failure(str(error))
            return
        yield success(await _result(spec, pings), diags=pings.diags)

    @staticmethod
    async def _ping(spec: Mapping[str, Any]) -> Pings:
        version = spec.get("ip-version")
        source = await resolve(spec["source"], version) if "source" in spec else None
        family, address = await resolve(spec["dest"], version, family=source[0] if source else 0)
        series = _series(spec, family, address, source[1] if source else None)
        return await (ping(series) if how_allowed(family) else ping_by_command(series))

    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render as recording g-rttok-result-plain."""
        lines = "".join(f"{_line(roundtrip)}\n" for roundtrip in result["roundtrips"])
        return f"{lines}\n{_loss(result)}  {_times(result)}\n"

    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render as recording g-rttok-result-html."""
        header = ["Packet", "Host", "Address", "Length", "TTL", "RTT (ms)"]
        rows = [
            [*(trip.get(name) for name in ("seq", "hostname", "ip", "length", "ttl")), _shown_rtt(trip)]
            for trip in result["roundtrips"]
        ]
        return table(rows, header=header, footer=[_loss(result), _times(result)])


def _series(spec: Mapping[str, Any], family: int, address: str, source: Optional[str]) -> Series:
    return Series(
        family,
        address,
        spec.get("count", _COUNT),
        seconds(spec, "interval", "PT1S"),
        seconds(spec, "timeout", "PT1S"),
        seconds(spec, "deadline", "P0D") if "deadline" in spec else None,
        EchoOptions(
            source,
            spec.get("length", DEFAULT_LENGTH),
            spec.get("ttl", DEFAULT_TTL),
            spec.get("ip-tos", 0),
            spec.get("fragment", True),
            not spec.get("suppress-loopback", False),
        ),
    )


async def _result(spec: Mapping[str, Any], pings: Pings) -> Dict[str, Any]:
    names: Dict[str, Optional[str]] = {}
    roundtrips: List[Dict[str, Any]] = []
    times: Dict[int, float] = {}
    duplicates = reorders = highest = 0
    for echo, elapsed in pings.answers:
        trip: Dict[str, Any] = {"ip": echo.address, "seq": echo.sequence}
        if spec.get("hostnames", True):
            if echo.address not in names:
                names[echo.address] = await hostname_of(echo.address)
            if names[echo.address] is not None:
                trip["hostname"] = names[echo.address]
        if echo.error is not None:
            trip["error"] = echo.error
        elif echo.sequence in times:
            duplicates += 1
            continue
        else:
            times[echo.sequence] = elapsed
            reorders += echo.sequence < highest
            highest = max(highest, echo.sequence)
            trip.update({"rtt": _iso(elapsed), "length": echo.length})
            trip.update({} if echo.ttl is None else {"ttl": echo.ttl})
        roundtrips.append(trip)
    lost = pings.sent - len(times)
    return {
        "schema": 1,
        "succeeded": True,
        "sent": pings.sent,
        "received": len(times),
        "lost": lost,
        "loss": lost / pings.sent,
        "duplicates": duplicates,
        "reorders": reorders,
        "roundtrips": sorted(roundtrips, key=lambda trip: int(trip["seq"])),
        **_statistics(list(times.values())),
    }


def _statistics(times: Sequence[float]) -> Dict[str, str]:
    if not times:
        return {}
    mean = math.fsum(times) / len(times)
    variance = math.fsum((value - mean) ** 2 for value in times) / len(times)
    return {"min": _iso(min(times)), "mean": _iso(mean), "max": _iso(max(times)), "stddev": _iso(math.sqrt(variance))}


def _iso(value: float) -> str:
    return format_duration(timedelta(seconds=value))


def _milliseconds(text: Optional[str]) -> str:
    return "Unknown" if text is None else f"{parse_duration(text).total_seconds() * 1000:.4f}"


def _line(trip: Mapping[str, Any]) -> str:
    host = f"{trip['hostname']} ({trip['ip']})" if "hostname" in trip else trip["ip"]
    if "error" in trip:
        return f"{trip['seq']}       {host}  {trip['error']}"
    ttl = f"  TTL {trip['ttl']}" if "ttl" in trip else ""
    return f"{trip['seq']}       {host}  {trip['length']} Bytes{ttl}  RTT {_milliseconds(trip['rtt'])} ms"


def _shown_rtt(trip: Mapping[str, Any]) -> str:
    return str(trip["error"]) if "error" in trip else _milliseconds(trip["rtt"])


def _loss(result: Mapping[str, Any]) -> str:
    return f"{int(result['loss'] * 100)}% Packet Loss"


def _times(result: Mapping[str, Any]) -> str:
    values = "/".join(_milliseconds(result.get(name)) for name in ("min", "mean", "max", "stddev"))
    return f"RTT Min/Mean/Max/StdDev = {values} ms"
