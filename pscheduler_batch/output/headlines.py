"""
The headline of a result: the most important figures of each test, and the same in a few words.

The form of results follows pScheduler's own description of each test and the recordings of real servers. Results come
from outside, though: what is malformed is left out, and an unknown test has no figures. Only results that say that they
succeeded are read; the time until a failed query was given up is not a measurement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.model import JSON
from pscheduler_batch.output.figures import BITS, MILLISECONDS, Figure, figure_words, is_number
from pscheduler_batch.text import number_words, short_duration

# The width of the buckets of a latency result in seconds, where the task does not say: pScheduler's default.
_BUCKET_WIDTH = 0.001
# No duration is longer; longer text is not parsed.
_LONGEST_TEXT = 64
_KILO = 1000
_SUCCEEDED = "succeeded"

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Headline:
    """
    A result in short.

    Attributes:
        figures: The figures, the most important one first; empty for unknown tests.
        words: The same in words; empty where there is nothing to say.
    """

    figures: Tuple[Figure, ...] = ()
    words: str = ""


def headline_of(test: str, spec: JSON, result: JSON) -> Headline:
    """
    Return the headline of a result.

    >>> headline_of("dns", {}, {"succeeded": True, "time": "PT0.0042S"}).words
    '4.2 ms'

    Args:
        test: The type of the test.
        spec: Its specification.
        result: The merged result, as under ``application/json``.
    """
    if not isinstance(result, Mapping) or result.get(_SUCCEEDED) is not True:
        return Headline()
    find = HEADLINES.get(test)
    found = Headline() if find is None else find(result, spec if isinstance(spec, Mapping) else {})
    return found if found.words else Headline(found.figures, _SUCCEEDED)


def _rtt(result: Object, _: Object) -> Headline:
    times = {name: _milliseconds(result.get(name)) for name in ("min", "mean", "max")}
    loss = _loss("rtt-loss", result.get("lost"), result.get("sent"), result.get("loss"))
    figures = [
        _figure("rtt-mean", "Mean round trip", times["mean"], MILLISECONDS),
        loss,
        _figure("rtt-min", "Shortest round trip", times["min"], MILLISECONDS),
        _figure("rtt-max", "Longest round trip", times["max"], MILLISECONDS),
    ]
    known = [value for value in times.values() if value is not None]
    said = f"{'/'.join(number_words(value) for value in known)} ms" if len(known) == len(times) else ""
    return _headline(figures, said, _loss_words(loss))


def _throughput(result: Object, _: Object) -> Headline:
    summary = _object(_object(result.get("summary")).get("summary"))
    rate = _figure("throughput", "Throughput", summary.get("throughput-bits"), BITS)
    received = _figure(
        "receiver-throughput", "Throughput at the receiver", summary.get("receiver-throughput-bits"), BITS
    )
    retransmits = _figure("retransmits", "Retransmits", summary.get("retransmits"))
    # Packets are counted where the protocol is UDP.
    loss = _loss("throughput-loss", summary.get("lost"), summary.get("sent"))
    count = "" if retransmits is None else _count_words(retransmits.value, "retransmit")
    return _headline(
        [rate, received, retransmits, loss], "" if rate is None else figure_words(rate), count, _loss_words(loss)
    )


def _latency(result: Object, spec: Object) -> Headline:
    width: Any = spec.get("bucket-width")
    unit = (float(width) if is_number(width) else _BUCKET_WIDTH) * _KILO
    buckets = _buckets(result.get("histogram-latency"), unit)
    median = _figure("latency-median", "Median latency", _median(buckets), MILLISECONDS)
    loss = _loss("latency-loss", result.get("packets-lost"), result.get("packets-sent"))
    figures = [
        median,
        loss,
        _figure("latency-min", "Shortest latency", buckets[0][0] if buckets else None, MILLISECONDS),
        _figure("latency-max", "Longest latency", buckets[-1][0] if buckets else None, MILLISECONDS),
    ]
    return _headline(figures, "" if median is None else f"median {figure_words(median)}", _loss_words(loss))


def _trace(result: Object, _: Object) -> Headline:
    given = result.get("paths")
    paths = [path for path in given if isinstance(path, list)] if isinstance(given, list) else []
    if not paths:
        return Headline()
    lengths = sorted({len(path) for path in paths})
    hops = _count_words(lengths[-1], "hop")
    hops = hops if len(lengths) == 1 else f"{lengths[0]} to {hops}"
    several = f" on {len(paths)} paths" if len(paths) > 1 else ""
    silent = any(path and not _object(path[-1]).get("ip") for path in paths)
    return _headline(
        [_figure("hops", "Hops", lengths[-1])], hops + several, "no answer from the last hop" if silent else ""
    )


def _http(result: Object, _: Object) -> Headline:
    time = _figure("http-time", "Response time", _milliseconds(result.get("time")), MILLISECONDS)
    status = result.get("status")
    return _headline(
        [time],
        "" if time is None else figure_words(time),
        f"status {number_words(status)}" if isinstance(status, int) and is_number(status) else "",
        "text not found" if result.get("found") is False else "",
    )


def _clock(result: Object, _: Object) -> Headline:
    found = _figure("clock-difference", "Clock difference", _milliseconds(result.get("difference")), MILLISECONDS)
    return _headline([found], "" if found is None else f"difference {figure_words(found)}")


def _simplestream(result: Object, _: Object) -> Headline:
    seconds = _seconds(result.get("elapsed-time"))
    changed = "sent" in result and result.get("sent") != result.get("received")
    return _headline(
        [_figure("stream-time", "Time until received", seconds, "s")],
        "" if seconds is None else f"received after {short_duration(seconds)}",
        "received data differ" if changed else "",
    )


def _idle(result: Object, _: Object) -> Headline:
    seconds = _seconds(result.get("time-slept", result.get("duration")))
    said = "" if seconds is None else f"slept {short_duration(seconds)}"
    return _headline([_figure("idle-time", "Time slept", seconds, "s")], said)


def _mtu(result: Object, _: Object) -> Headline:
    found = _figure("mtu", "MTU", result.get("mtu"), "bytes")
    return _headline([found], "" if found is None else f"MTU {figure_words(found)}")


def _timed(name: str, title: str) -> Callable[[Object, Object], Headline]:
    """Make the function for a test whose only figure is a time."""

    def find(result: Object, _: Object) -> Headline:
        time = _figure(name, title, _milliseconds(result.get("time")), MILLISECONDS)
        return _headline([time], "" if time is None else figure_words(time))

    return find


# By type of test. Of ``noop`` and all others, the headline only says that they succeeded.
HEADLINES: Dict[str, Callable[[Object, Object], Headline]] = {
    "clock": _clock,
    "dhcp": _timed("dhcp-time", "Response time"),
    "disk-to-disk": _timed("copy-time", "Time to copy"),
    "dns": _timed("dns-time", "Response time"),
    "http": _http,
    "idle": _idle,
    "idlebgm": _idle,
    "idleex": _idle,
    "latency": _latency,
    "latencybg": _latency,
    "mtu": _mtu,
    "rtt": _rtt,
    "simplestream": _simplestream,
    "throughput": _throughput,
    "trace": _trace,
}


def _headline(figures: List[Optional[Figure]], *said: str) -> Headline:
    return Headline(
        tuple(figure for figure in figures if figure is not None), ", ".join(words for words in said if words)
    )


def _figure(name: str, title: str, value: Any, unit: str = "") -> Optional[Figure]:
    return Figure(name, title, float(value), unit) if is_number(value) else None


def _object(value: Any) -> Object:
    return value if isinstance(value, Mapping) else {}


def _seconds(value: Any) -> Optional[float]:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        return None
    sign = -1 if value.startswith("-") else 1
    try:
        return sign * parse_duration(value.lstrip("-")).total_seconds()
    except ValueError:
        return None


def _milliseconds(value: Any) -> Optional[float]:
    seconds = _seconds(value)
    # Rounded to nanoseconds, so that 0.000042 s is 0.042 ms and not 0.041999999999999996.
    return None if seconds is None else round(seconds * _KILO, 6)


def _loss(name: str, lost: Any, sent: Any, share: Any = None) -> Optional[Figure]:
    """Compute the loss in percent from counts, or else from the fraction in the result."""
    if is_number(lost) and is_number(sent) and sent > 0:
        share = float(lost) / float(sent)
    return _figure(name, "Loss", share * 100, "%") if is_number(share) else None


def _count_words(count: float, what: str) -> str:
    return f"{number_words(count)} {what}{'' if count == 1 else 's'}"


def _loss_words(loss: Optional[Figure]) -> str:
    return "" if loss is None else f"loss {figure_words(loss)}"


def _buckets(histogram: Any, unit: float) -> List[Tuple[float, int]]:
    """List the values of a histogram and how many there are of each, in ascending order."""
    buckets: List[Tuple[float, int]] = []
    for text, count in _object(histogram).items():
        try:
            value = float(text) * unit
        except ValueError:
            continue
        if is_number(value) and is_number(count) and isinstance(count, int) and count > 0:
            buckets.append((round(value, 6), count))
    return sorted(buckets)


def _median(buckets: List[Tuple[float, int]]) -> Optional[float]:
    size = sum(count for _, count in buckets)
    middle = [value for rank in ((size - 1) // 2, size // 2) for value in _at(buckets, rank)]
    return sum(middle) / len(middle) if middle else None


def _at(buckets: List[Tuple[float, int]], rank: int) -> List[float]:
    for value, count in buckets:
        if rank < count:
            return [value]
        rank -= count
    return []
