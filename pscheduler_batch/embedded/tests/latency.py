"""The ``latency`` test: the one-way delay of UDP packets, from this machine to itself (recording b17)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, AsyncIterator, ClassVar, Dict, List, Mapping, Optional, Tuple

from pscheduler_batch.embedded.measurement import Measurement, Row, dotted, table
from pscheduler_batch.embedded.measuring.addresses import resolve
from pscheduler_batch.embedded.measuring.cancellation import insist
from pscheduler_batch.embedded.measuring.one_way import LONGEST_PADDING, OneWay, Packets, statistics, summarize
from pscheduler_batch.embedded.spec import (
    BOOLEAN,
    CARDINAL,
    CARDINAL_ZERO,
    HOST,
    HOST_PORT,
    IP_PORT,
    IP_TOS,
    IP_VERSION,
    STRING,
    SpecChecker,
    growing_schemas,
    option,
)
from pscheduler_batch.embedded.test import Outcome, failure, reason_of, success

COMMON_FIELDS: Dict[str, Dict[str, Any]] = {
    "bucket-width": option(
        {"type": "number", "exclusiveMinimum": 0.0, "exclusiveMaximum": 1.0},
        "Width of the classes of the histogram, in seconds",
        short="b",
    ),
    "ctrl-port": option(IP_PORT, "Port of the control connection", short="C"),
    "data-ports": option(
        {
            "type": "object",
            "properties": {"lower": IP_PORT, "upper": IP_PORT},
            "required": ["lower", "upper"],
            "additionalProperties": False,
        },
        "Range of ports for the packets, as LOWER-UPPER",
        short="P",
        form="range",
    ),
    "dest": option(HOST, "Host that receives the packets", short="d"),
    "dest-node": option(HOST_PORT, "pScheduler node of the destination, if different"),
    "flip": option(BOOLEAN, "Let the destination be the client", short="f"),
    "ip-tos": option(IP_TOS, "Type-of-service octet of the packets", short="T"),
    "ip-version": option(IP_VERSION, "IP version to use, 4 or 6"),
    "output-raw": option(BOOLEAN, "Also return the times of each packet", short="R"),
    "packet-count": option(CARDINAL, "Number of packets to send", short="c"),
    "packet-interval": option(
        {"type": "number", "exclusiveMinimum": 0.0}, "Time between packets, in seconds", short="i"
    ),
    "packet-padding": option(CARDINAL_ZERO, "Padding of the packets, in bytes", short="p"),
    "packet-timeout": option(CARDINAL_ZERO, "After how many seconds a packet is lost", short="L"),
    "source": option(HOST, "Host that sends the packets", short="s"),
    "source-node": option(HOST_PORT, "pScheduler node of the source, if different"),
}
PROTOCOL = option(STRING, "Protocol to measure with")
_V2 = {"reverse": option(BOOLEAN, "Measure from the destination to the source", short="r")}
_V3 = {"traverse-nat": option(BOOLEAN, "Traverse outbound NAT")}
_V4 = {"protocol": PROTOCOL}
_COUNT = 100
_INTERVAL = 0.1
_BUCKET_WIDTH = 0.001
_SETTLING = 0.5
_MILLISECONDS = 1000.0


class LatencyTest(Measurement):
    """Sends stamped packets between two sockets of this machine."""

    name = "latency"
    description = "Measure network latency between hosts"
    tool = "owping"
    scheduling_class = "normal"
    checker = SpecChecker(growing_schemas(COMMON_FIELDS, _V2, _V3, _V4, required=["dest"]))
    here = ("source", "source-node", "dest-node")
    dest_here = "dest"
    refused: ClassVar[Mapping[str, str]] = {
        "ctrl-port": "there is no control connection within one machine.",
        "protocol": "this server measures with its own UDP packets.",
    }

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Refuse what does not fit into a packet, and a range of fewer than two ports."""
        if spec.get("packet-padding", 0) > LONGEST_PADDING:
            return f"packet-padding is more than {LONGEST_PADDING}."
        ports = spec.get("data-ports", {"lower": 1, "upper": 2})
        if ports["lower"] >= ports["upper"]:
            return "data-ports must be a range of at least two ports."
        return super().unable(spec)

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return how long sending and then waiting for lost packets takes."""
        sending = spec.get("packet-count", _COUNT) * spec.get("packet-interval", _INTERVAL)
        return timedelta(seconds=sending + spec.get("packet-timeout", 0) + _SETTLING)

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Send the packets and summarize."""
        try:
            async with connect(spec) as link:
                burst = await insist(link.burst(spec.get("packet-count", _COUNT)))
        except OSError as error:
            yield failure(reason_of(error))
            return
        yield success(summary(spec, burst))

    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render the figures of packets, delays and TTLs, and the raw packets if there are any."""
        parts = []
        for title, rows in _sections(spec, result):
            parts.append(f"{title}\n{'-' * len(title)}\n{dotted(rows)}")
        return "\n".join(parts)

    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render the same figures as tables."""
        return "".join(f"<h3>{title}</h3>\n{table(rows)}" for title, rows in _sections(spec, result))


@asynccontextmanager
async def connect(spec: Mapping[str, Any]) -> AsyncIterator[OneWay]:
    """
    Open the two sockets for a specification of ``latency`` or ``latencybg``, and close them at the end.

    Raises:
        OSError: A name does not resolve, or a socket cannot be opened.
    """
    version = spec.get("ip-version")
    source = await resolve(spec["source"], version) if "source" in spec else None
    family, dest = await resolve(spec["dest"], version, family=source[0] if source else 0)
    sender, receiver = source[1] if source else dest, dest
    if spec.get("reverse"):
        sender, receiver = receiver, sender
    ports = spec.get("data-ports")
    packets = Packets(
        spec.get("packet-interval", _INTERVAL),
        spec.get("packet-timeout", 0),
        spec.get("packet-padding", 0),
        spec.get("ip-tos", 0),
        (ports["lower"], ports["upper"]) if ports else None,
    )
    link = OneWay(family, sender, receiver, packets)
    try:
        link.start()
        yield link
    finally:
        link.close()


def summary(spec: Mapping[str, Any], burst: Any) -> Dict[str, Any]:
    """Return the result in the form that the specification asks for."""
    return summarize(burst, spec.get("bucket-width", _BUCKET_WIDTH), raw=spec.get("output-raw", False))


def _sections(spec: Mapping[str, Any], result: Mapping[str, Any]) -> List[Tuple[str, List[Row]]]:
    unit = spec.get("bucket-width", _BUCKET_WIDTH) * _MILLISECONDS
    delays, ttls = result["histogram-latency"], result["histogram-ttl"]
    counts = ("sent", "received", "lost", "duplicated", "reordered")
    sections = [
        ("Packet Statistics", [(f"Packets {name.title()}", f"{result[f'packets-{name}']} packets") for name in counts]),
        ("One-way Latency Statistics", _figures("Delay", delays, unit, " ms") + _buckets(delays, unit, " ms")),
        ("TTL Statistics", _figures("TTL", ttls, 1.0, "") + _buckets(ttls, 1.0, "")),
    ]
    if "raw-packets" in result:
        sections.append(("Raw Packets", [(f"Packet {p['seq-num']}", _raw(p)) for p in result["raw-packets"]]))
    return sections


def _figures(label: str, histogram: Mapping[str, int], unit: float, suffix: str) -> List[Row]:
    rows: List[Row] = []
    for name, value in statistics(histogram, unit).items():
        shown = ", ".join(f"{item:.2f}" for item in (value if isinstance(value, list) else [value]))
        rows.append((f"{label} {name.replace('-', ' ').title()}", shown + suffix))
    return rows or [(label, "Not Reported")]


def _buckets(histogram: Mapping[str, int], unit: float, suffix: str) -> List[Row]:
    return [(f"  {float(value) * unit:g}{suffix}", f"{count} packets") for value, count in histogram.items()]


def _raw(packet: Mapping[str, Any]) -> str:
    return f"sent {packet['src-ts']}, received {packet['dst-ts']}, TTL {packet['ip-ttl']}"
