"""
Read the measurements of single packets, intervals and paths out of a result.

The form of results follows pScheduler's own description of each test and the recordings of real servers. Results come
from outside, though: whatever is malformed or absurd is left out. A result says some statistics itself; those are read,
too, and count more than what is computed, so that people see the same number as in pScheduler's own rendering.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.metrics.units import is_number
from pscheduler_batch.model import JSON

Object = Mapping[str, Any]
Path = Tuple[str, ...]

# The width of the buckets of a latency result in seconds, where the task does not say: pScheduler's default.
_BUCKET_WIDTH = 0.001
# The time between two packets where the task does not say: the default of ping as pScheduler runs it (recording
# t-rtt3-waitmerged), and in seconds that of latency and latencybg.
_RTT_INTERVAL = "PT1S"
_LATENCY_INTERVAL = 0.1
# How many packets a latency test sends for a result, where the task does not say.
_LATENCY_COUNT = 600
# Timestamps of packets count in this part of a second (RFC 1305).
_TICKS = 2**32
_KILO = 1000
# No measurement is larger in its base unit, and a larger count is not exact.
_LARGEST = 1e18
_MOST_PACKETS = 2**53
# No IP packet passes more routers; more different paths than this are absurd.
_MOST_HOPS = 255
_MOST_PATHS = 200
# The rates of further streams of a test are not shown one by one.
_MOST_STREAMS = 128
# No host name is longer.
_LONGEST_NAME = 255
# An interval shorter than this share of the usual one is a remainder, with a rate that means little.
_REMAINDER = 0.5

# No duration is longer; longer text is not parsed.
_LONGEST_TEXT = 64
# Nearly all durations in results. There may be a million, and the general parser takes ten times as long.
_IN_SECONDS = re.compile(r"PT([0-9]{1,15}(?:\.[0-9]{1,15})?)S")
# When it connected, in the output of iperf3.
_IPERF3_BEGINNING = re.compile(r'"timesecs":\s*([0-9]{1,11})\b')


class Changes(NamedTuple):
    """
    The differences between the delays of packets sent one after the other, both received (RFC 3393).

    Attributes:
        total: The sum of their absolute values, in seconds.
        number: How many there are.
    """

    total: float = 0.0
    number: int = 0

    def plus(self, more: Changes) -> Changes:
        """Add those of other packets."""
        return Changes(self.total + more.total, self.number + more.number)


NO_CHANGES = Changes()


class Packet(NamedTuple):
    """
    A packet that arrived.

    Attributes:
        time: When it was sent, in seconds after the first packet of the test; None where that is not known.
        delay: Its round-trip time or latency in seconds.
    """

    time: Optional[float]
    delay: float


class Interval(NamedTuple):
    """
    An interval of a throughput test.

    Attributes:
        start: Its start in seconds after the start of the test, which begins with what is omitted; None if unknown.
        end: Its end, likewise.
        rate: The rate of all streams together in bits per second; None if unknown.
        retransmits: The TCP segments that were sent again; None if unknown.
        streams: The rate of each stream, in the order of the result; empty where there is only one.
        omitted: Whether the test omits it from its statistics, such as the slow start of TCP.
    """

    start: Optional[float]
    end: Optional[float]
    rate: Optional[float]
    retransmits: Optional[float] = None
    streams: Tuple[Optional[float], ...] = ()
    omitted: bool = False

    @property
    def length(self) -> Optional[float]:
        """Its length in seconds; None where its times are unknown or in the wrong order."""
        return None if self.start is None or self.end is None else _positive(self.end - self.start)


@dataclass(frozen=True)
class Samples:
    """
    What a result holds.

    Attributes:
        stated: The metrics that the result gives itself, and counts.
        delays: How many packets had each delay, in seconds: a histogram where the result has one.
        changes: The differences between neighboring packets; empty where their order is not known.
        packets: The packets that arrived, in the order in which they were sent; empty where that is not known.
        rates: How many intervals had each rate, in bits per second.
        intervals: The intervals of a throughput test in their order, without a remainder at the end.
        paths: The different paths, each with the address or name of every hop, which is empty for a silent hop.
        lasted: For how many seconds packets were sent; of a throughput test, with what it omits. None if unknown.
        began: When a throughput test began to send, as the whole seconds of a Unix time; None if unknown.
        loaded: Of the delays, those of packets that were sent while a throughput test loaded the path, counted.
        idle: Of the delays, those of packets that were sent while none did, counted; empty where no throughput test
            was near (ADR 59).
    """

    stated: Mapping[str, float] = field(default_factory=dict)
    delays: Mapping[float, int] = field(default_factory=dict)
    changes: Changes = NO_CHANGES
    packets: Tuple[Packet, ...] = ()
    rates: Mapping[float, int] = field(default_factory=dict)
    intervals: Tuple[Interval, ...] = ()
    paths: Tuple[Path, ...] = ()
    lasted: Optional[float] = None
    began: Optional[int] = None
    loaded: Mapping[float, int] = field(default_factory=dict)
    idle: Mapping[float, int] = field(default_factory=dict)


NO_SAMPLES = Samples()


def read_samples(test: str, spec: JSON, result: JSON) -> Samples:
    """
    Read the samples of a result.

    Args:
        test: The type of the test.
        spec: Its specification.
        result: The merged result, as under ``application/json``. One that does not say that it succeeded has no
            samples: the time until a failed query was given up is not a measurement.
    """
    reader = READERS.get(test)
    if reader is None or not isinstance(result, Mapping) or result.get("succeeded") is not True:
        return NO_SAMPLES
    return reader(result, spec if isinstance(spec, Mapping) else {})


def _rtt(result: Object, spec: Object) -> Samples:
    arrivals = _first_arrivals(
        (trip.get("seq"), None if trip.get("error") else _positive(_seconds(trip.get("rtt"))))
        for trip in _objects(result.get("roundtrips"))
    )
    stated = {f"rtt-{name}": _positive(_seconds(result.get(name))) for name in ("min", "mean", "max", "stddev")}
    counts = _packets(
        result, sent="sent", received="received", lost="lost", duplicates="duplicates", reordered="reorders"
    )
    loss = {} if "loss" in counts else {"loss": _share(result.get("loss"))}
    return Samples(
        stated=_known({**stated, **counts, **loss}),
        delays=_counted(arrivals.values()),
        changes=_changes(arrivals),
        packets=_packets_at(arrivals, _seconds(spec.get("interval", _RTT_INTERVAL))),
    )


def _latency(result: Object, spec: Object) -> Samples:
    # The raw packets are there on request only, and finer than the histogram that pScheduler's own statistics are of.
    arrivals = _first_arrivals(
        (packet.get("seq-num"), _raw_delay(packet)) for packet in _objects(result.get("raw-packets"))
    )
    error = _positive(_measured(result.get("max-clock-error")))
    interval = _measured(spec.get("packet-interval", _LATENCY_INTERVAL))
    stated = {
        "latency-clock-error": None if error is None else error / _KILO,
        **_packets(
            result,
            sent="packets-sent",
            received="packets-received",
            lost="packets-lost",
            duplicates="packets-duplicated",
            reordered="packets-reordered",
        ),
    }
    return Samples(
        stated=_known(stated),
        delays=_buckets(result.get("histogram-latency"), spec) or _counted(arrivals.values()),
        changes=_changes(arrivals),
        packets=_packets_at(arrivals, interval),
        lasted=_sending_time(spec, interval),
    )


def _sending_time(spec: Object, interval: Optional[float]) -> Optional[float]:
    """Return how long the packets of one result of a latency test are sent, in seconds."""
    if "reporting-interval" in spec:
        return _positive(_seconds(spec["reporting-interval"]))
    count = _count(spec.get("packet-count", _LATENCY_COUNT))
    return None if count is None or interval is None else _positive(_measured(count * interval))


def _throughput(result: Object, _: Object) -> Samples:
    summary = _object(_object(result.get("summary")).get("summary"))
    intervals = _intervals(result)
    counted = [interval for interval in intervals if not interval.omitted]
    rates = [interval.rate for interval in counted if interval.rate is not None]
    retransmits = [interval.retransmits for interval in counted if interval.retransmits is not None]
    jitter = _positive(_measured(summary.get("jitter")))
    stated = {
        "throughput": _positive(_measured(summary.get("throughput-bits"))),
        "receiver-throughput": _positive(_measured(summary.get("receiver-throughput-bits"))),
        "throughput-jitter": None if jitter is None else jitter / _KILO,
        "retransmits": _count(summary.get("retransmits")),
        "retransmits-max": max(retransmits, default=None),
        # Packets are counted where the protocol is UDP.
        **_packets(summary, sent="sent", lost="lost"),
    }
    ends = [end for end in (*(each.end for each in intervals), _length_of(summary)) if end is not None]
    return Samples(
        stated=_known(stated),
        rates=_counted(rates),
        intervals=tuple(intervals),
        lasted=max(ends, default=None),
        began=_beginning(result.get("diags")),
    )


def _length_of(measured: Object) -> Optional[float]:
    return Interval(_positive(_measured(measured.get("start"))), _positive(_measured(measured.get("end"))), None).length


def _beginning(diagnosis: Any) -> Optional[int]:
    """Return when iperf3 connected, which its output says (recording t-thr3-waitmerged)."""
    found = _IPERF3_BEGINNING.search(diagnosis) if isinstance(diagnosis, str) else None
    return None if found is None else int(found[1])


def _trace(result: Object, _: Object) -> Samples:
    given = result.get("paths")
    paths = [
        tuple(_hop(hop) for hop in path)
        for path in (given if isinstance(given, list) else [])
        if isinstance(path, list) and len(path) <= _MOST_HOPS
    ]
    different: List[Path] = []
    add_paths(different, paths)
    hops = {"hops": float(max(map(len, paths)))} if paths else {}
    return Samples(stated=hops, paths=tuple(different))


def _timed(metric: str, *names: str, negative: bool = False) -> Callable[[Object, Object], Samples]:
    """Make the reader of a test that measures one time, in the first of some pairs that the result has."""

    def read(result: Object, _: Object) -> Samples:
        time = next((_seconds(result[name]) for name in names if name in result), None)
        return Samples(stated=_known({metric: time if negative else _positive(time)}))

    return read


def _mtu(result: Object, _: Object) -> Samples:
    return Samples(stated=_known({"mtu": _count(result.get("mtu"))}))


# By type of test; all others, and ``noop``, measure nothing.
READERS: Mapping[str, Callable[[Object, Object], Samples]] = {
    "clock": _timed("clock-difference", "difference", negative=True),
    "dhcp": _timed("dhcp-time", "time"),
    "disk-to-disk": _timed("copy-time", "time"),
    "dns": _timed("dns-time", "time"),
    "http": _timed("http-time", "time"),
    "idle": _timed("idle-time", "time-slept", "duration"),
    "idlebgm": _timed("idle-time", "time-slept", "duration"),
    "idleex": _timed("idle-time", "time-slept", "duration"),
    "latency": _latency,
    "latencybg": _latency,
    "mtu": _mtu,
    "rtt": _rtt,
    "simplestream": _timed("stream-time", "elapsed-time"),
    "throughput": _throughput,
    "trace": _trace,
}


def add_paths(known: List[Path], paths: Iterable[Path]) -> None:
    """
    Add the paths that differ from all known ones; a hop that did not answer equals any other.

    >>> known = [("a", "", "c")]
    >>> add_paths(known, [("a", "b", "c"), ("a", "d", "c"), ("a", "b")])
    >>> known
    [('a', 'b', 'c'), ('a', 'd', 'c'), ('a', 'b')]

    Args:
        known: Different paths; it is changed, and not extended beyond :data:`_MOST_PATHS`.
        paths: Any paths.
    """
    for path in dict.fromkeys(paths):
        alike = next((number for number, other in enumerate(known) if are_alike(other, path)), None)
        if alike is not None:
            # The other path may know hops that one of them lacks.
            known[alike] = tuple(a or b for a, b in zip(known[alike], path))
        elif len(known) < _MOST_PATHS:
            known.append(path)


def are_alike(one: Path, other: Path) -> bool:
    """Return whether two paths are the same, as far as their hops answered."""
    return one == other or (len(one) == len(other) and all(a == b or not a or not b for a, b in zip(one, other)))


def _intervals(result: Object) -> List[Interval]:
    """List the intervals without remainders at the end of the test; omitted ones come first."""
    found = [_interval(interval) for interval in _objects(result.get("intervals"))]
    lengths = [each.length for each in found if each.length is not None and not each.omitted]
    least = median(lengths) * _REMAINDER if lengths else 0.0
    omitted = [each for each in found if each.omitted]
    counted = [each for each in found if not each.omitted and (each.length is None or each.length >= least)]
    # The times of the intervals begin at 0 again after those that are omitted, for some tools.
    passed = max((each.end for each in omitted if each.end is not None), default=0.0)
    begin = min((each.start for each in counted if each.start is not None), default=0.0)
    shift = passed if begin < passed else 0.0
    return omitted + ([_shifted(each, shift) for each in counted] if shift else counted)


def _interval(interval: Object) -> Interval:
    summary = _interval_summary(interval)
    streams = tuple(_rate(stream) for stream in _objects(interval.get("streams"))[:_MOST_STREAMS])
    return Interval(
        start=_positive(_measured(summary.get("start"))),
        end=_positive(_measured(summary.get("end"))),
        rate=_rate(summary),
        retransmits=_count(summary.get("retransmits")),
        streams=streams if len(streams) > 1 else (),
        omitted=summary.get("omitted") is True,
    )


def _rate(measured: Object) -> Optional[float]:
    return _positive(_measured(measured.get("throughput-bits")))


def _shifted(interval: Interval, by: float) -> Interval:
    start, end = interval.start, interval.end
    return interval._replace(start=None if start is None else start + by, end=None if end is None else end + by)


def _interval_summary(interval: Object) -> Object:
    """Return what all streams did in an interval; some tools only say what each of them did."""
    summary = _object(interval.get("summary"))
    if "throughput-bits" in summary:
        return summary
    streams = _objects(interval.get("streams"))
    sums: Dict[str, float] = {}
    for name in ("throughput-bits", "retransmits"):
        values = [value for value in (_measured(stream.get(name)) for stream in streams) if value is not None]
        if streams and len(values) == len(streams):
            sums[name] = sum(values)
    first = streams[0] if streams else {}
    return {**{name: first.get(name) for name in ("start", "end", "omitted")}, **summary, **sums}


def _packets(
    result: Object, *, sent: str, lost: str, received: str = "", duplicates: str = "", reordered: str = ""
) -> Dict[str, Optional[float]]:
    """Read the counts of packets, by their names in a result, and compute the loss where that is possible."""
    names = {"sent": sent, "lost": lost, "duplicates": duplicates, "reordered": reordered}
    counts = {metric: _count(result.get(name)) for metric, name in names.items() if name}
    arrived = _count(result.get(received)) if received else None
    if counts["lost"] is None and counts["sent"] is not None and arrived is not None:
        counts["lost"] = _positive(counts["sent"] - arrived)
    share = loss_of(counts["sent"], counts["lost"])
    return counts if share is None else {**counts, "loss": share}


def loss_of(sent: Optional[float], lost: Optional[float]) -> Optional[float]:
    """Compute the share of packets that were lost; None where it is not known, or more were lost than sent."""
    return None if not sent or lost is None or lost > sent else lost / sent


def _buckets(histogram: Any, spec: Object) -> Dict[float, int]:
    """Read a histogram of latencies; its keys are multiples of the width of its buckets."""
    width = _measured(spec.get("bucket-width"))
    width = width if width is not None and width > 0 else _BUCKET_WIDTH
    buckets: Dict[float, int] = {}
    for text, count in _object(histogram).items():
        packets = _count(count)
        if packets and len(text) <= _LONGEST_TEXT and isinstance(count, int):
            try:
                # Rounded, so that 2.72 times 0.001 is 0.00272 and not 0.0027200000000000002.
                value = _measured(round(float(text) * width, 12))
            except (ValueError, OverflowError):
                continue
            if value is not None:
                buckets[value] = buckets.get(value, 0) + count
    return buckets


def _raw_delay(packet: Object) -> Optional[float]:
    """Return the delay of a packet; None if it was lost, which a time of 0 stands for."""
    sent: Any = packet.get("src-ts")
    received: Any = packet.get("dst-ts")
    if not _is_integer(sent) or not _is_integer(received) or received == 0:
        return None
    return _measured(round((received - sent) / _TICKS, 12))


def _first_arrivals(packets: Iterable[Tuple[Any, Optional[float]]]) -> Dict[int, float]:
    """
    Select the packets that arrived, by number, without duplicates.

    Where packets have no numbers, their places count.
    """
    given = list(packets)
    numbered = all(_is_integer(number) for number, _ in given)
    arrivals: Dict[int, float] = {}
    for place, (number, delay) in enumerate(given):
        if delay is not None:
            arrivals.setdefault(number if numbered else place, delay)
    return arrivals


def _packets_at(arrivals: Mapping[int, float], interval: Optional[float]) -> Tuple[Packet, ...]:
    """
    Put packets in the order of their numbers, which begin with 0 or 1, and compute when each was sent.

    Args:
        arrivals: The delay of each packet by its number.
        interval: The time between two packets in seconds; None if the task does not say it in a form that is known.
    """
    numbers = sorted(arrivals)
    first = min(1, numbers[0]) if numbers else 0
    if interval is None or interval <= 0 or first < 0:
        return tuple(Packet(None, arrivals[number]) for number in numbers)
    return tuple(Packet(_measured(round((number - first) * interval, 9)), arrivals[number]) for number in numbers)


def _changes(arrivals: Mapping[int, float]) -> Changes:
    """Compare each packet with the next one that was sent, if that arrived as well."""
    found = [abs(arrivals[number + 1] - delay) for number, delay in arrivals.items() if number + 1 in arrivals]
    return Changes(sum(found), len(found))


def _counted(values: Iterable[float]) -> Dict[float, int]:
    counts: Dict[float, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


def _hop(hop: Any) -> str:
    found = _object(hop)
    named = next((found[name] for name in ("ip", "hostname") if isinstance(found.get(name), str)), "")
    return str(named)[:_LONGEST_NAME]


def _seconds(value: Any) -> Optional[float]:
    """Read an ISO 8601 duration, which may have a minus sign."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        return None
    text = value.lstrip("-")
    sign = -1 if value.startswith("-") else 1
    plain = _IN_SECONDS.fullmatch(text)
    if plain is not None:
        return sign * float(plain[1])
    try:
        return sign * parse_duration(text).total_seconds()
    except ValueError:
        return None


def _measured(value: Any) -> Optional[float]:
    """Return a number if it can be a measurement."""
    return float(value) if is_number(value) and abs(value) <= _LARGEST else None


def _positive(value: Optional[float]) -> Optional[float]:
    return value if value is not None and value >= 0 else None


def _count(value: Any) -> Optional[float]:
    found = _positive(_measured(value))
    return found if found is not None and found <= _MOST_PACKETS else None


def _share(value: Any) -> Optional[float]:
    found = _positive(_measured(value))
    return found if found is not None and found <= 1 else None


def _known(metrics: Mapping[str, Optional[float]]) -> Dict[str, float]:
    return {name: value for name, value in metrics.items() if value is not None}


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and is_number(value)


def _object(value: Any) -> Object:
    return value if isinstance(value, Mapping) else {}


def _objects(value: Any) -> List[Object]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
