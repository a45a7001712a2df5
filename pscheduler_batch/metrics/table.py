"""
The table of metrics: every number that results give, with the name that it has everywhere (ADR 53).

Columns of CSV, properties of JUnit, rows in Python and ``--metrics`` use these names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Dict, Iterator, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.metrics.units import BITS, BYTES, COUNT, RATIO, SECONDS

LOWER = "lower"
HIGHER = "higher"

# How the values of several runs become one where their samples are not known.
MEAN = "mean"
SMALLEST = "min"
LARGEST = "max"
SUM = "sum"
UNKNOWN = ""

# The percentiles of delays, by their names.
PERCENTILES = {"median": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
# A tenth of the intervals have a rate below this one.
LOW_PERCENTILE = ("p10", 0.1)


@dataclass(frozen=True)
class Metric:
    """
    A number that the results of some tests give.

    Attributes:
        name: Its name, such as "rtt-p95".
        title: Its name for people, such as "P95 round trip".
        meaning: What it is, in a few words.
        unit: Its base unit; see :mod:`~pscheduler_batch.metrics.units`.
        tests: The types of the tests that have it.
        better: "lower" or "higher" where it is clear which of two values is the better one, else empty.
        over_runs: How values of several runs become one where their samples are not known; :data:`UNKNOWN` if that
            is not possible.
        of_job: Whether it is mainly one of all runs of a job together, since a single run may have only a part of it.
    """

    name: str
    title: str
    meaning: str
    unit: str
    tests: Tuple[str, ...]
    better: str = ""
    over_runs: str = UNKNOWN
    of_job: bool = False

    @property
    def noun(self) -> str:
        """Its title within a sentence: "median round trip", but "DNS response time"."""
        return self.title if self.title[1:2].isupper() else self.title[:1].lower() + self.title[1:]


def _delays(base: str, noun: str, meant: str, tests: Tuple[str, ...]) -> Iterator[Metric]:
    """Make the metrics of the delays of packets."""
    delay = partial(Metric, unit=SECONDS, tests=tests, better=LOWER)
    yield delay(f"{base}-min", f"Shortest {noun}", f"shortest {meant}", over_runs=SMALLEST)
    yield delay(f"{base}-mean", f"Mean {noun}", f"mean {meant}", over_runs=MEAN)
    yield delay(f"{base}-median", f"Median {noun}", f"median {meant}")
    for name in ("p90", "p95", "p99"):
        yield delay(f"{base}-{name}", f"{name.upper()} {noun}", f"{name[1:]} % of packets took at most this long")
    yield delay(f"{base}-max", f"Longest {noun}", f"longest {meant}", over_runs=LARGEST)
    yield delay(f"{base}-stddev", f"Standard deviation of {noun}", f"standard deviation of {meant}")
    yield delay(f"{base}-jitter", f"Jitter of {noun}", "mean change between consecutive packets", over_runs=MEAN)


def _under_load(base: str, noun: str, tests: Tuple[str, ...]) -> Iterator[Metric]:
    """Make the metrics of the delays of packets while a throughput test loaded the path, and while none did."""
    delay = partial(Metric, unit=SECONDS, tests=tests, better=LOWER, of_job=True)
    for state, words, when in (("idle", "idle", "no"), ("loaded", "under load", "a")):
        yield delay(f"{base}-{state}-median", f"Median {noun} {words}", f"median while {when} throughput test ran")
        yield delay(f"{base}-{state}-p95", f"P95 {noun} {words}", f"p95 while {when} throughput test ran")
    yield delay(f"{base}-increase", f"Increase of {noun} under load", "median under load minus median when idle")


_LATENCY = ("latency", "latencybg")
_probes = partial(Metric, unit=COUNT, tests=("rtt", *_LATENCY), better=LOWER, over_runs=SUM)
_packets = partial(Metric, tests=("rtt", *_LATENCY, "throughput"))
_rate = partial(Metric, unit=BITS, tests=("throughput",), better=HIGHER)
_throughput = partial(Metric, tests=("throughput",), better=LOWER)
_trace = partial(Metric, unit=COUNT, tests=("trace",))
_time = partial(Metric, unit=SECONDS, better=LOWER, over_runs=MEAN)

_TABLE: Tuple[Metric, ...] = (
    *_delays("rtt", "round trip", "round-trip time", ("rtt",)),
    *_under_load("rtt", "round trip", ("rtt",)),
    *_delays("latency", "latency", "one-way latency", _LATENCY),
    *_under_load("latency", "latency", _LATENCY),
    _time("latency-clock-error", "Clock error", "largest estimated clock error", tests=_LATENCY),
    _rate("throughput", "Throughput", "mean rate reported by the sender", over_runs=MEAN),
    _rate("receiver-throughput", "Throughput at the receiver", "mean rate reported by the receiver", over_runs=MEAN),
    _rate("throughput-min", "Lowest throughput", "lowest rate of an interval"),
    _rate("throughput-p10", "P10 throughput", "90 % of intervals had at least this rate"),
    _rate("throughput-median", "Median throughput", "median rate of the intervals"),
    _rate("throughput-max", "Highest throughput", "highest rate of an interval"),
    _rate("throughput-stddev", "Deviation of throughput", "standard deviation of the rates", better=LOWER),
    _throughput("throughput-variation", "Variation of throughput", "standard deviation / mean of the rates", RATIO),
    _throughput("throughput-jitter", "Jitter of UDP", "jitter reported by the receiver", SECONDS, over_runs=MEAN),
    _throughput("retransmits", "Retransmits", "TCP segments sent again", COUNT, over_runs=SUM),
    _throughput("retransmits-max", "Most retransmits", "most retransmits in an interval", COUNT, over_runs=LARGEST),
    _packets("sent", "Packets sent", "packets sent", COUNT, over_runs=SUM),
    _packets("lost", "Packets lost", "packets that did not arrive", COUNT, better=LOWER, over_runs=SUM),
    _packets("loss", "Loss", "share of packets that did not arrive", RATIO, better=LOWER, over_runs=MEAN),
    _probes("duplicates", "Duplicates", "packets that arrived again"),
    _probes("reordered", "Reordered packets", "packets that arrived after a later one"),
    _trace("hops", "Hops", "hops of the longest path", over_runs=LARGEST),
    _trace("paths", "Paths", "different paths; silent hops match any"),
    _trace("path-split", "First different hop", "first hop at which the paths differ"),
    _time("clock-difference", "Clock difference", "difference between two clocks", tests=("clock",), better=""),
    _time("copy-time", "Time to copy", "time to copy the data", tests=("disk-to-disk",)),
    _time("dhcp-time", "DHCP response time", "time until the DHCP server answered", tests=("dhcp",)),
    _time("dns-time", "DNS response time", "time until the DNS server answered", tests=("dns",)),
    _time("http-time", "HTTP response time", "time until the page was fetched", tests=("http",)),
    _time("idle-time", "Time slept", "time for which nothing was done", tests=("idle", "idlebgm", "idleex"), better=""),
    Metric("mtu", "MTU", "largest packet that the path carries", BYTES, ("mtu",), HIGHER, SMALLEST),
    _time("stream-time", "Time until received", "time until the data were received", tests=("simplestream",)),
)

# In the order in which they are shown.
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _TABLE}

# What is shown where there is no room for all.
_MAIN = {
    *("rtt-min", "rtt-mean", "rtt-p95", "rtt-max"),
    *("latency-min", "latency-median", "latency-p95", "latency-max"),
    *("throughput", "receiver-throughput", "throughput-variation", "retransmits", "loss"),
    *("hops", "clock-difference", "copy-time", "dhcp-time", "dns-time", "http-time", "idle-time", "mtu", "stream-time"),
}


def main_metrics(metrics: Mapping[str, float]) -> Dict[str, float]:
    """Select the metrics that are shown where there is no room for all."""
    return {name: value for name, value in metrics.items() if name in _MAIN}


# The most telling one of each test, the best first.
_KEYS = (
    *("rtt-median", "rtt-mean", "latency-median", "throughput", "receiver-throughput", "hops"),
    *(name for name in METRICS if name in _MAIN and len(METRICS[name].tests) == 1),
)


def key_metric(measured: Sequence[Mapping[str, float]]) -> Optional[Metric]:
    """
    Choose the metric that says most about the results of a test.

    >>> key_metric([{"rtt-mean": 0.4, "rtt-median": 0.3, "loss": 0}, {"rtt-mean": 0.5, "loss": 0}]).name
    'rtt-mean'

    Args:
        measured: The metrics of each result.

    Returns:
        One that all results have, if possible; None where nothing was measured.
    """
    known = [name for name in _KEYS if any(name in metrics for metrics in measured)]
    in_all = [name for name in known if all(name in metrics for metrics in measured)]
    return next((METRICS[name] for name in (*in_all, *known)), None)
