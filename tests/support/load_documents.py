"""Making outputs in which the delays of packets were measured beside throughput tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Iterable, List

from tests.support.output_documents import result, run

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def at(second: float) -> str:
    """Write a moment, in seconds after noon; without a fraction it is as exact as pScheduler's own times."""
    return (NOON + timedelta(seconds=second)).isoformat()


def about(start: Any, end: Any, *hosts: str, **pairs: Any) -> Dict[str, Any]:
    """Make what is known of a run; times are seconds after noon, or anything else as it is."""
    times = {
        name: at(value) if isinstance(value, (int, float)) else value
        for name, value in (("start_time", start), ("end_time", end))
    }
    return {"participants": list(hosts), "href": None, **times, **pairs}


def load(start: Any, end: Any, *hosts: str, seconds: float = 10.0, **pairs: Any) -> Dict[str, Any]:
    """
    Make a throughput test of 5 Gb/s.

    Args:
        start: The start of its run, in seconds after noon.
        end: Its end.
        hosts: The hosts that took part.
        seconds: How long it was sending.
        pairs: More of its run.
    """
    intervals = [
        {"summary": {"start": second, "end": second + 1, "throughput-bits": 5e9}, "streams": []}
        for second in range(int(seconds))
    ]
    summary = {"summary": {"start": 0, "end": seconds, "throughput-bits": 5e9}}
    measured = {"succeeded": True, "intervals": intervals, "summary": summary}
    return result(run(measured, **about(start, end, *hosts, **pairs)), kind="throughput", dest=None)


def pings(start: Any, end: Any, *hosts: str, milliseconds: Iterable[float], interval: float = 1.0) -> Dict[str, Any]:
    """Make an rtt test; its packets have these round-trip times and this many seconds between them."""
    trips = [{"seq": number, "rtt": f"PT{value / 1000:.6f}S"} for number, value in enumerate(milliseconds, 1)]
    measured = {"succeeded": True, "roundtrips": trips}
    return result(run(measured, **about(start, end, *hosts)), kind="rtt", dest=None, interval=f"PT{interval}S")


def latencies(*hosts: str, made: Dict[float, float], seconds: float = 1.0) -> Dict[str, Any]:
    """
    Make a latencybg test with several results.

    Args:
        hosts: The hosts that took part.
        made: The latency in milliseconds of each result, by the second after noon in which it was made.
        seconds: How long each of them took.
    """
    runs: List[Dict[str, Any]] = [
        run({"succeeded": True, "histogram-latency": {f"{value}": 10}}, **about(second, second, *hosts))
        for second, value in made.items()
    ]
    spec = {"packet-count": 10, "packet-interval": seconds / 10, "bucket-width": 0.001}
    whole = {"state": "finished", "start-time": at(min(made) - seconds), "end-time": at(max(made))}
    return {**result(*runs, kind="latencybg", dest=None, **spec), "lead-run": whole}
