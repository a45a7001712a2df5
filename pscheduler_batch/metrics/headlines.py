"""
The headline of a result: its most important numbers in a few words.

The numbers have rows in :mod:`~pscheduler_batch.metrics.table`, and readers in
:mod:`~pscheduler_batch.metrics.samples`.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping

from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.metrics.units import is_number, value_words
from pscheduler_batch.model import JSON
from pscheduler_batch.text import number_words

Object = Mapping[str, Any]
Metrics = Mapping[str, float]

_SUCCEEDED = "succeeded"
_KILO = 1000


def headline_of(test: str, result: JSON, metrics: Metrics) -> str:
    """
    Write the headline of a result.

    >>> headline_of("dns", {"succeeded": True}, {"dns-time": 0.0042})
    '4.2 ms'

    Args:
        test: The type of the test.
        result: The merged result, as under ``application/json``.
        metrics: Its metrics.

    Returns:
        Words such as "0.31/0.40/0.52 ms, loss 0 %"; "succeeded" where there is no number, and nothing unless the result
        says that it succeeded.
    """
    if not isinstance(result, Mapping) or result.get(_SUCCEEDED) is not True:
        return ""
    words = _HEADLINES[test](result, metrics) if test in _HEADLINES else ""
    return words or _SUCCEEDED


def pooled_words(metrics: Metrics) -> str:
    """
    Write the metrics of all runs of a job in a few words; empty for tests without delays of packets.

    Args:
        metrics: The metrics of all runs together.
    """
    for base in ("rtt", "latency"):
        delays = delay_words(base, metrics)
        if delays:
            return _joined(f"min/mean/max {delays}", _named("p95", metrics, f"{base}-p95"), _named("loss", metrics))
    return ""


def load_words(metrics: Metrics) -> str:
    """
    Write the delays of packets under load beside those while idle; empty where none were sent under load.

    >>> load_words({"rtt-idle-median": 0.0004, "rtt-loaded-median": 0.0121, "rtt-increase": 0.0117})
    'round trip median 0.4 ms idle, 12.1 ms under load (+11.7 ms)'

    Args:
        metrics: The metrics of all runs of a job together.
    """
    for base, noun in (("rtt", "round trip"), ("latency", "latency")):
        if f"{base}-loaded-median" in metrics:
            return f"{noun} {_joined(*(_load_words(base, name, metrics) for name in ('median', 'p95')))}"
    return ""


def _load_words(base: str, statistic: str, metrics: Metrics) -> str:
    idle, loaded = f"{base}-idle-{statistic}", f"{base}-loaded-{statistic}"
    if loaded not in metrics:
        return ""
    words = f"{_value(loaded, metrics)} under load"
    if idle not in metrics:
        return f"{statistic} {words}"
    increase = metrics[loaded] - metrics[idle]
    sign = "-" if increase < 0 else "+"
    return (
        f"{statistic} {_value(idle, metrics)} idle, {words} ({sign}{value_words(abs(increase), METRICS[loaded].unit)})"
    )


def delay_words(base: str, metrics: Metrics) -> str:
    """
    Write smallest, mean and largest of the delays of packets; empty where one of them is not known.

    >>> delay_words("rtt", {"rtt-min": 0.0003, "rtt-mean": 0.0004, "rtt-max": 0.5})
    '0.3/0.4/500 ms'
    """
    names = [f"{base}-{statistic}" for statistic in ("min", "mean", "max")]
    if not all(name in metrics for name in names):
        return ""
    values = [metrics[name] for name in names]
    return f"{'/'.join(number_words(value * _KILO) for value in values)} ms"


def _rtt(_: Object, metrics: Metrics) -> str:
    return _joined(delay_words("rtt", metrics), _named("loss", metrics))


def _latency(_: Object, metrics: Metrics) -> str:
    return _joined(_named("median", metrics, "latency-median"), _named("loss", metrics))


def _throughput(_: Object, metrics: Metrics) -> str:
    retransmits = _count_words(metrics["retransmits"], "retransmit") if "retransmits" in metrics else ""
    return _joined(_value("throughput", metrics), retransmits, _named("loss", metrics))


def _trace(result: Object, metrics: Metrics) -> str:
    if "hops" not in metrics:
        return ""
    paths = [path for path in result["paths"] if isinstance(path, list)]
    hops = _count_words(metrics["hops"], "hop")
    fewest = min(map(len, paths))
    hops = hops if fewest == metrics["hops"] else f"{fewest} to {hops}"
    several = f" on {len(paths)} paths" if len(paths) > 1 else ""
    silent = any(path and not (isinstance(path[-1], Mapping) and path[-1].get("ip")) for path in paths)
    return _joined(hops + several, "no answer from the last hop" if silent else "")


def _http(result: Object, metrics: Metrics) -> str:
    status = result.get("status")
    return _joined(
        _value("http-time", metrics),
        f"status {number_words(status)}" if isinstance(status, int) and is_number(status) else "",
        "text not found" if result.get("found") is False else "",
    )


def _simplestream(result: Object, metrics: Metrics) -> str:
    changed = "sent" in result and result.get("sent") != result.get("received")
    return _joined(_named("received after", metrics, "stream-time"), "received data differ" if changed else "")


def _single(metric: str, before: str = "") -> Callable[[Object, Metrics], str]:
    """Make the function for a test that measures one number."""
    return lambda _, metrics: _named(before, metrics, metric).strip()


# By type of test. Of ``noop`` and all others, the headline only says that they succeeded.
_HEADLINES: Mapping[str, Callable[[Object, Metrics], str]] = {
    "clock": _single("clock-difference", "difference"),
    "dhcp": _single("dhcp-time"),
    "disk-to-disk": _single("copy-time"),
    "dns": _single("dns-time"),
    "http": _http,
    "idle": _single("idle-time", "slept"),
    "idlebgm": _single("idle-time", "slept"),
    "idleex": _single("idle-time", "slept"),
    "latency": _latency,
    "latencybg": _latency,
    "mtu": _single("mtu", "MTU"),
    "rtt": _rtt,
    "simplestream": _simplestream,
    "throughput": _throughput,
    "trace": _trace,
}


def _joined(*words: str) -> str:
    return ", ".join(each for each in words if each)


def _value(name: str, metrics: Metrics) -> str:
    return value_words(metrics[name], METRICS[name].unit) if name in metrics else ""


def _named(word: str, metrics: Metrics, name: str = "") -> str:
    value = _value(name or word, metrics)
    return f"{word} {value}" if value else ""


def _count_words(count: float, what: str) -> str:
    return f"{number_words(count)} {what}{'' if count == 1 else 's'}"
