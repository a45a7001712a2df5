"""The ``trace`` test: the path of packets, found by ICMP echo or UDP with a rising TTL (recording b22)."""

from __future__ import annotations

import asyncio
import socket
from datetime import timedelta
from typing import Any, AsyncIterator, Callable, ClassVar, Dict, List, Mapping, Optional

from pscheduler_batch.embedded.measurement import Measurement, table
from pscheduler_batch.embedded.measuring import socket_ancillary as ancillary
from pscheduler_batch.embedded.measuring.addresses import hostname_of, likely_family, resolve, version_of
from pscheduler_batch.embedded.measuring.cancellation import insist
from pscheduler_batch.embedded.measuring.icmp import HIGHEST_TTL, EchoOptions, EchoSocket, ICMPLibError, how_allowed
from pscheduler_batch.embedded.measuring.traceroute import (
    FIRST_PORT,
    Hop,
    Path,
    ProbeSocket,
    Route,
    UdpProbeSocket,
    command,
    trace,
    trace_by_command,
)
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
    STRING,
    SpecChecker,
    growing_schemas,
    option,
    seconds,
)
from pscheduler_batch.embedded.test import Outcome, failure, success
from pscheduler_batch.iso8601 import format_duration, parse_duration

_V1 = {
    "algorithm": option(STRING, "Algorithm to trace with"),
    "as": option(BOOLEAN, "Look up the autonomous system of each hop", negatable=True),
    "dest": option(HOST, "Host to trace to", short="d"),
    "dest-port": option(IP_PORT, "Port of the destination"),
    "first-ttl": option(CARDINAL, "Time to live of the first packet"),
    "fragment": option(BOOLEAN, "Let packets be fragmented", negatable=True),
    "hops": option(CARDINAL, "Maximum number of hops"),
    "hostnames": option(BOOLEAN, "Look up the names of addresses", negatable=True),
    "ip-tos": option(IP_TOS, "Type-of-service octet of the packets"),
    "ip-version": option(IP_VERSION, "IP version to use, 4 or 6"),
    "length": option(CARDINAL, "Length of the packets in bytes"),
    "probe-type": option({"type": "string", "enum": ["icmp", "udp", "tcp"]}, "Packets to send: icmp, udp or tcp"),
    "queries": option(CARDINAL, "Number of paths to trace"),
    "sendwait": option(DURATION, "Time between packets"),
    "source": option(HOST, "Address or host to trace from", short="s"),
    "source-node": option(HOST_PORT, "pScheduler node of the source, if different"),
    "wait": option(DURATION, "How long to wait for each reply"),
}
_V2 = {"flow-label": option(CARDINAL_ZERO, "Flow label of the packets")}
_HOPS = 30
_LENGTH = 60
_SETTLING = 0.2
_OVERHEAD = {4: 28, 6: 48}


class TraceTest(Measurement):
    """Traces as many paths as ``queries`` says, without privileges on Linux."""

    name = "trace"
    description = "Trace the path between IP hosts"
    tool = "traceroute"
    checker = SpecChecker(growing_schemas(_V1, _V2, required=["dest"]))
    refused: ClassVar[Mapping[str, str]] = {
        "algorithm": "this server does not have special algorithms.",
        "as": "this server does not look up autonomous systems.",
        "flow-label": "this server cannot set the flow label.",
    }

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Refuse TCP, values out of range, and what this account may not do."""
        if spec.get("probe-type") == "tcp":
            return "probe-type tcp is not supported; use icmp or udp."
        if spec.get("hops", _HOPS) > HIGHEST_TTL or spec.get("first-ttl", 1) > spec.get("hops", _HOPS):
            return "first-ttl and hops must not be more than 255, nor first-ttl more than hops."
        if spec.get("fragment") is False and not ancillary.LINUX:
            return "fragment cannot be switched off on this system."
        return super().unable(spec) or self._no_way(spec)

    @staticmethod
    def _no_way(spec: Mapping[str, Any]) -> Optional[str]:
        family = likely_family(spec)
        if _probe_maker(spec, family) or command():
            return None
        return "This account may not open a socket to trace with, and there is no traceroute command."

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return how long it takes if no host answers."""
        longest = _route(spec, socket.AF_INET, "", None).longest
        return timedelta(seconds=spec.get("queries", 1) * longest + _SETTLING)

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Trace the paths one after another."""
        try:
            version = spec.get("ip-version")
            source = await resolve(spec["source"], version) if "source" in spec else None
            family, address = await resolve(spec["dest"], version, family=source[0] if source else 0)
            route = _route(spec, family, address, source[1] if source else None)
            paths = [await insist(_trace(spec, route)) for _ in range(spec.get("queries", 1))]
        except (OSError, ICMPLibError) as error:
            yield failure(str(error))
            return
        names = await _names(paths) if spec.get("hostnames", True) else {}
        described = [[_described(hop, names) for hop in path] for path in paths]
        yield success({"schema": 1, "succeeded": True, "paths": described}, diags=f"Traced to {address}")

    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render one line per hop; several paths have headings."""
        lines: List[str] = []
        first = spec.get("first-ttl", 1)
        for number, path in enumerate(result["paths"], start=1):
            lines += [f"\nPath {number}:"] if len(result["paths"]) > 1 else []
            lines += [f"{hops}       {_line(hop)}" for hops, hop in enumerate(path, start=first)]
        return "\n".join(lines) + "\n"

    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render one table per path."""
        header = ["TTL", "Address", "Host", "RTT (ms)", "Error"]
        first = spec.get("first-ttl", 1)
        return "".join(
            table([[hops, *_cells(hop)] for hops, hop in enumerate(path, start=first)], header=header)
            for path in result["paths"]
        )


def _route(spec: Mapping[str, Any], family: int, address: str, source: Optional[str]) -> Route:
    payload = max(1, spec.get("length", _LENGTH) - _OVERHEAD[version_of(family)])
    options = EchoOptions(source, payload, tos=spec.get("ip-tos", 0), fragment=spec.get("fragment", True))
    wait, gap = seconds(spec, "wait", "PT1S"), seconds(spec, "sendwait", "P0D")
    return Route(family, address, spec.get("first-ttl", 1), spec.get("hops", _HOPS), wait, gap, options)


def _probe_maker(spec: Mapping[str, Any], family: int) -> Optional[Callable[[Route], ProbeSocket]]:
    """Choose between ICMP and UDP; ICMP errors reach a datagram ICMP or UDP socket on Linux only."""
    kind = spec.get("probe-type", "udp" if "dest-port" in spec else None)
    allowed = how_allowed(family) if kind != "udp" else None
    if allowed == "raw" or (allowed and ancillary.LINUX):
        return lambda route: EchoSocket(route.family, route.address, route.options)
    if kind != "icmp" and ancillary.LINUX:
        port = spec.get("dest-port", FIRST_PORT)
        return lambda route: UdpProbeSocket(route.family, route.address, route.options, first_port=port)
    return None


async def _trace(spec: Mapping[str, Any], route: Route) -> Path:
    make = _probe_maker(spec, route.family)
    if make is None:
        return await trace_by_command(route, icmp=spec.get("probe-type") == "icmp")
    chosen = make
    return await trace(route, lambda: chosen(route))


async def _names(paths: List[Path]) -> Dict[str, Optional[str]]:
    addresses = list({hop.address for path in paths for hop in path if hop is not None})
    return dict(zip(addresses, await asyncio.gather(*map(hostname_of, addresses))))


def _described(hop: Optional[Hop], names: Mapping[str, Optional[str]]) -> Dict[str, Any]:
    if hop is None:
        return {}
    described = {"ip": hop.address, "rtt": format_duration(timedelta(seconds=hop.elapsed))}
    name = names.get(hop.address)
    if name is not None:
        described["hostname"] = name
    if hop.error is not None:
        described["error"] = hop.error
    return described


def _milliseconds(hop: Mapping[str, Any]) -> Optional[str]:
    if "rtt" not in hop:
        return None
    return f"{parse_duration(hop['rtt']).total_seconds() * 1000:.3f}".rstrip("0").rstrip(".")


def _line(hop: Mapping[str, Any]) -> str:
    if "ip" not in hop:
        return "No Response"
    host = f"{hop['hostname']} ({hop['ip']})" if "hostname" in hop else str(hop["ip"])
    error = f" {hop['error']}" if "error" in hop else ""
    return f"{host} {_milliseconds(hop)} ms{error}"


def _cells(hop: Mapping[str, Any]) -> List[Optional[str]]:
    return [hop.get("ip"), hop.get("hostname"), _milliseconds(hop), hop.get("error")]
