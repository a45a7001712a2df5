"""The ``throughput`` test: TCP at full speed, from this machine to itself (recordings b15, b16, b38, g-m-thr)."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any, AsyncIterator, ClassVar, Dict, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.embedded.measurement import Measurement
from pscheduler_batch.embedded.measuring.addresses import resolve
from pscheduler_batch.embedded.measuring.tcp_transfer import Flow, Transfer, congestion_problem
from pscheduler_batch.embedded.measuring.throughput_report import Report, Sample, plain, report
from pscheduler_batch.embedded.spec import (
    BOOLEAN,
    CARDINAL,
    CARDINAL_ZERO,
    DURATION,
    HOST,
    HOST_PORT,
    INTEGER,
    IP_TOS,
    IP_VERSION,
    SI_CARDINAL,
    STRING,
    SpecChecker,
    growing_schemas,
    option,
    parse_si,
    seconds,
)
from pscheduler_batch.embedded.test import Outcome, UnsupportedFormatError, participant, reason_of

_V1 = {
    "bandwidth": option(SI_CARDINAL, "Bits per second to send at most, such as 1G", short="b"),
    "buffer-length": option(SI_CARDINAL, "Bytes to write at once", short="l"),
    "client-cpu-affinity": option(INTEGER, "Processor of the sender"),
    "congestion": option(STRING, "Algorithm for congestion control"),
    "dest": option(HOST, "Host that receives", short="d", names=["dest", "destination"]),
    "dest-node": option(HOST_PORT, "pScheduler node of the destination, if different"),
    "duration": option(DURATION, "How long to send, as an ISO 8601 duration or in seconds", short="t", form="seconds"),
    "flow-label": option(CARDINAL_ZERO, "IPv6 flow label of the packets"),
    "interval": option(DURATION, "Time between interim results", short="i", form="seconds"),
    "ip-tos": option(IP_TOS, "Type-of-service octet of the packets"),
    "ip-version": option(IP_VERSION, "IP version to use, 4 or 6"),
    "local-address": option(HOST, "Local address of the sender", short="B"),
    "mss": option(CARDINAL, "Maximum segment size of TCP, in bytes", short="m"),
    "no-delay": option(BOOLEAN, "Send small segments at once, without Nagle's algorithm"),
    "omit": option(DURATION, "How much of the start not to count", short="O", form="seconds"),
    "parallel": option(CARDINAL, "Number of parallel streams", short="P"),
    "reverse": option(BOOLEAN, "Send from the destination to the source"),
    "server-cpu-affinity": option(INTEGER, "Processor of the receiver"),
    "source": option(HOST, "Host that sends", short="s"),
    "source-node": option(HOST_PORT, "pScheduler node of the source, if different"),
    "udp": option(BOOLEAN, "Measure with UDP instead of TCP", short="u"),
    "window-size": option(SI_CARDINAL, "Window of TCP in bytes, such as 64M", short="w"),
    "zero-copy": option(BOOLEAN, "Send without copying the data"),
}
_V2 = {
    "single-ended": option(BOOLEAN, "Measure to a host without pScheduler"),
    "single-ended-port": option(INTEGER, "Port of a host without pScheduler"),
}
_V3 = {
    "link-rtt": option(
        DURATION, "Approximate round-trip time, as an ISO 8601 duration or in milliseconds", form="milliseconds"
    )
}
_V4 = {
    "bandwidth-strict": option(BOOLEAN, "Do not exceed the bandwidth to make up for lost time"),
    "burst-size": option(SI_CARDINAL, "Maximum number of packets in a burst"),
}
_V5 = {"loopback": option(BOOLEAN, "Measure within one host")}
_V6 = {"reverse-connections": option(BOOLEAN, "Connect from the destination to the source")}
_V7 = {"fq-rate": option(SI_CARDINAL, "Bits per second for fair queuing, such as 1G")}
_DURATION = "PT10S"
_SETTLING = 0.5
_MOST_STREAMS = 128
_LARGEST_BLOCK = 1 << 20
_SHORTEST = 0.05


class ThroughputTest(Measurement):
    """Sends over real TCP connections from threads of this process, while no other exclusive test runs."""

    name = "throughput"
    description = "Measure network throughput between hosts"
    tool = "iperf3"
    scheduling_class = "exclusive"
    checker = SpecChecker(growing_schemas(_V1, _V2, _V3, _V4, _V5, _V6, _V7, required=["dest"]))
    here = ("source", "source-node", "local-address", "dest-node")
    dest_here = "dest"
    refused: ClassVar[Mapping[str, str]] = {
        "udp": "this server measures with TCP only.",
        "flow-label": "this server cannot set the flow label.",
        "client-cpu-affinity": "this server does not choose processors.",
        "server-cpu-affinity": "this server does not choose processors.",
        "zero-copy": "this server sends from memory.",
        "single-ended": "this server is both ends.",
        "single-ended-port": "this server is both ends.",
        "bandwidth-strict": "this server paces roughly.",
        "burst-size": "this server paces roughly.",
        "fq-rate": "this server paces roughly.",
        "reverse-connections": "this server always connects from the source.",
    }

    def participants(self, spec: Mapping[str, Any]) -> Sequence[Optional[str]]:
        """Return both ends, as in the recordings b15 and b16."""
        return [spec.get("source-node", spec.get("source")), spec.get("dest-node", spec["dest"])]

    def unable(self, spec: Mapping[str, Any]) -> Optional[str]:
        """Refuse values out of range, and a congestion control that the system does not have."""
        if spec.get("parallel", 1) > _MOST_STREAMS:
            return f"parallel is more than {_MOST_STREAMS}."
        if parse_si(spec.get("buffer-length", 1)) > _LARGEST_BLOCK:
            return f"buffer-length is more than {_LARGEST_BLOCK}."
        for name in ("duration", "interval"):
            if seconds(spec, name, _DURATION) < _SHORTEST:
                return f"{name} is less than {_SHORTEST} seconds."
        if "bandwidth" in spec and parse_si(spec["bandwidth"]) < 1:
            return "bandwidth is less than one bit per second."
        problem = congestion_problem(spec["congestion"]) if "congestion" in spec else None
        return problem or super().unable(spec)

    def duration(self, spec: Mapping[str, Any]) -> timedelta:
        """Return how long it sends, including what it omits, and some time to prepare."""
        return timedelta(seconds=seconds(spec, "duration", _DURATION) + seconds(spec, "omit", "P0D") + _SETTLING)

    async def measure(self, spec: Mapping[str, Any]) -> AsyncIterator[Outcome]:
        """Send for the duration, and read the counters at the end of each interval."""
        try:
            flow = await _flow(spec)
            transfer = Transfer(flow)
        except OSError as error:
            failed = participant(None, error=reason_of(error), succeeded=False)
            yield Outcome(merged={"succeeded": False}, full=(failed, failed))
            return
        try:
            samples, omitted = await _run(spec, transfer)
            identifiers = transfer.identifiers
        finally:
            transfer.abort()
        yield _outcome(flow, samples, identifiers, omitted)

    def plain(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Render as recording g-m-thr-result-plain."""
        return plain(result)

    def html(self, spec: Mapping[str, Any], result: Mapping[str, Any]) -> str:
        """Refuse, as in recording g-m-thr-result-html."""
        raise UnsupportedFormatError("Unsupported format text/html")


async def _flow(spec: Mapping[str, Any]) -> Flow:
    version = spec.get("ip-version")
    name = spec.get("local-address", spec.get("source"))
    source = await resolve(name, version) if name else None
    family, dest = await resolve(spec["dest"], version, family=source[0] if source else 0)
    sender, receiver = (source[1] if source else dest), dest
    if spec.get("reverse"):
        sender, receiver = receiver, sender
    return Flow(
        family,
        sender,
        receiver,
        streams=spec.get("parallel", 1),
        block=_number(spec, "buffer-length"),
        rate=_number(spec, "bandwidth"),
        window=_number(spec, "window-size"),
        mss=spec.get("mss"),
        tos=spec.get("ip-tos", 0),
        no_delay=spec.get("no-delay", False),
        congestion=spec.get("congestion"),
    )


def _number(spec: Mapping[str, Any], field: str) -> Optional[int]:
    return parse_si(spec[field]) if field in spec else None


def _marks(spec: Mapping[str, Any]) -> Tuple[List[float], int]:
    """Return the ends of the intervals, in seconds from the start, and how many of them are omitted."""
    each = seconds(spec, "interval", "PT1S")
    omit, duration = seconds(spec, "omit", "P0D"), seconds(spec, "duration", _DURATION)
    omitted = _ends(0.0, omit, each)
    return omitted + _ends(omit, omit + duration, each), len(omitted)


def _ends(start: float, end: float, each: float) -> List[float]:
    """Return the ends of the intervals of a span; a remainder that is too short extends the last one."""
    count = max(1, int((end - start) / each + 1e-9)) if end > start else 0
    ends = [start + (number + 1) * each for number in range(count)]
    if ends and end - ends[-1] > _SHORTEST:
        ends.append(end)
    return [*ends[:-1], end] if ends else []


async def _run(spec: Mapping[str, Any], transfer: Transfer) -> Tuple[List[Sample], int]:
    marks, omitted = _marks(spec)
    started = time.monotonic()
    samples = [Sample(0.0, transfer.read())]
    transfer.start()
    for mark in marks:
        await asyncio.sleep(max(0.0, started + mark - time.monotonic()))
        samples.append(Sample(time.monotonic() - started, transfer.read()))
    await transfer.finish()
    return samples, omitted


def _outcome(flow: Flow, samples: Sequence[Sample], identifiers: Sequence[int], omitted: int) -> Outcome:
    sender = report(samples, identifiers, omitted=omitted, sending=True)
    receiver = report(samples, identifiers, omitted=omitted, sending=False)
    received = receiver.summary["summary"]["throughput-bits"]
    what = f"TCP, {flow.streams} stream(s), {flow.source} to {flow.dest}"
    full = tuple(
        _described(view, f"{what}, {end}", received) for view, end in ((sender, "sender"), (receiver, "receiver"))
    )
    diags = "\n".join(f"Participant {number}:\n{view['diags']}" for number, view in enumerate(full))
    return Outcome(merged={**full[0], "diags": diags}, full=full)


def _described(view: Report, diags: str, received: float) -> Dict[str, Any]:
    total = {**view.summary["summary"], "receiver-throughput-bits": received}
    return {
        "diags": diags,
        "intervals": view.intervals,
        "succeeded": True,
        "summary": {"streams": view.summary["streams"], "summary": total},
    }
