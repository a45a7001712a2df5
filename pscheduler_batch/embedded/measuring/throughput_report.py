"""The results of the throughput test from the readings of its streams, in the form of recording g-m-thr."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from pscheduler_batch.embedded.measuring.tcp_transfer import Reading

_MICROSECONDS = 6
_KILO = 1000


@dataclass(frozen=True)
class Sample:
    """The readings of all streams at one moment, ``seconds`` after the start."""

    seconds: float
    readings: Sequence[Reading]


@dataclass(frozen=True)
class Report:
    """One participant's view: the intervals, and the sums over those that are not omitted."""

    intervals: List[Dict[str, Any]]
    summary: Dict[str, Any]


def report(samples: Sequence[Sample], identifiers: Sequence[int], *, omitted: int, sending: bool) -> Report:
    """
    Return one participant's view.

    Args:
        samples: One at the start and one at the end of each interval.
        identifiers: The numbers of the streams.
        omitted: How many of the first intervals are omitted; the times of the others are relative to their end.
        sending: Whether this is the sender's view, with retransmits and round-trip times, or the receiver's.
    """
    zero = samples[omitted].seconds
    intervals: List[Dict[str, Any]] = []
    for number, (before, after) in enumerate(zip(samples, samples[1:])):
        offset = 0.0 if number < omitted else zero
        streams = [
            _stream((before, after), index, identifier, offset, sending=sending)
            for index, identifier in enumerate(identifiers)
        ]
        for stream in streams:
            stream["omitted"] = number < omitted
        intervals.append({"streams": streams, "summary": {**_sum(streams), "omitted": number < omitted}})
    counted = [interval for interval in intervals if not interval["summary"]["omitted"]]
    streams = [
        _whole((samples[omitted], samples[-1]), index, identifier, counted, sending=sending)
        for index, identifier in enumerate(identifiers)
    ]
    return Report(intervals, {"streams": streams, "summary": _sum(streams)})


def _stream(
    between: Tuple[Sample, Sample], index: int, identifier: int, offset: float, *, sending: bool
) -> Dict[str, Any]:
    before, after = between
    then, now = before.readings[index], after.readings[index]
    size = now.sent - then.sent if sending else now.received - then.received
    stream: Dict[str, Any] = {
        "start": round(before.seconds - offset, _MICROSECONDS),
        "end": round(after.seconds - offset, _MICROSECONDS),
        "stream-id": identifier,
        "throughput-bits": _rate(size, after.seconds - before.seconds),
        "throughput-bytes": size,
    }
    if sending and now.retransmits is not None and then.retransmits is not None:
        stream["retransmits"] = now.retransmits - then.retransmits
    if sending and now.rtt is not None:
        stream.update({"rtt": now.rtt, "tcp-window-size": now.window})
    return stream


def _whole(
    between: Tuple[Sample, Sample], index: int, identifier: int, counted: Sequence[Mapping[str, Any]], *, sending: bool
) -> Dict[str, Any]:
    """Return the sums of a stream over the counted intervals, with their mean round-trip time."""
    stream = _stream(between, index, identifier, between[0].seconds, sending=sending)
    stream.pop("tcp-window-size", None)
    if "rtt" in stream:
        stream["rtt"] = round(fmean(interval["streams"][index]["rtt"] for interval in counted))
    return stream


def _sum(streams: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    total: Dict[str, Any] = {
        "start": streams[0]["start"],
        "end": streams[0]["end"],
        "throughput-bits": sum(stream["throughput-bits"] for stream in streams),
        "throughput-bytes": sum(stream["throughput-bytes"] for stream in streams),
    }
    if "retransmits" in streams[0]:
        total["retransmits"] = sum(stream["retransmits"] for stream in streams)
    return total


def _rate(size: int, seconds: float) -> float:
    return size * 8 / seconds if seconds > 0 else 0.0


def plain(result: Mapping[str, Any]) -> str:
    """Render a result as recording g-m-thr-result-plain: each stream's intervals, the sums of several, the summary."""
    lines: List[str] = []
    identifiers = [stream["stream-id"] for stream in result["summary"]["streams"]]
    for index, identifier in enumerate(identifiers):
        lines += [f"* Stream ID {identifier}", _row("Interval", "Throughput", "Retransmits", "Current Window")]
        for interval in result["intervals"]:
            lines.append(_line(interval["streams"][index], last=_window(interval["streams"][index])))
        lines.append("")
    if len(identifiers) > 1:
        lines += ["* Sum of all streams", _row("Interval", "Throughput", "Retransmits")]
        lines += [_line(interval["summary"]) for interval in result["intervals"]]
        lines.append("")
    total = result["summary"]["summary"]
    lines += ["Summary", _row("Interval", "Throughput", "Retransmits", "Receiver Throughput")]
    lines.append(_line(total, last=_bits(total["receiver-throughput-bits"])))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _row(*values: str) -> str:
    return "".join(value.ljust(width) for value, width in zip(values, (15, 15, 15, 20)))


def _line(part: Mapping[str, Any], *, last: str = "") -> str:
    span = f"{part['start']:.1f} - {part['end']:.1f}"
    omitted = " (omitted)" if part.get("omitted") else ""
    return _row(span, _bits(part["throughput-bits"]), str(part.get("retransmits", "N/A")), last).rstrip() + omitted


def _window(part: Mapping[str, Any]) -> str:
    return f"{part['tcp-window-size'] / _KILO:.2f} KBytes" if "tcp-window-size" in part else ""


def _bits(rate: float) -> str:
    for unit in ("bps", "Kbps", "Mbps", "Gbps"):
        if rate < _KILO or unit == "Gbps":
            break
        rate /= _KILO
    return f"{rate:.2f} {unit}"
