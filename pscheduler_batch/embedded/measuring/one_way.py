"""
One-way delay between two UDP sockets of this machine.

Each packet carries its number and the time of sending; the kernel's timestamp is the time of arrival. Both are readings
of the same clock, so their difference is the delay, without a synchronization error.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import secrets
import socket
import struct
import time
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from pscheduler_batch.embedded.measuring import socket_ancillary as ancillary

_HEADER = struct.Struct("!8sQd")
_BIGGEST = 65536
_RECEIVE_BUFFER = 1 << 22
_TTL = 255
_STRAGGLING = 0.25
_NTP_EPOCH = 2208988800
LONGEST_PADDING = 65507 - 40 - _HEADER.size

Statistics = Dict[str, Union[float, List[float]]]


@dataclass(frozen=True)
class Packets:
    """The properties of the packets; ``ports`` are the lowest and the highest that may be used, None for any."""

    interval: float
    timeout: float
    padding: int
    tos: int = 0
    ports: Optional[Tuple[int, int]] = None


@dataclass(frozen=True)
class Arrival:
    """A packet that arrived: its number, the times of sending and arrival in seconds since 1970, and its TTL."""

    number: int
    sent: float
    received: float
    ttl: Optional[int]


@dataclass(frozen=True)
class Burst:
    """The result of sending some packets; the arrivals are in order of arrival, with duplicates."""

    sent: int
    arrivals: Sequence[Arrival]


class OneWay:
    """
    Two sockets and the packets between them, from ``start`` to ``close``.

    Raises:
        OSError: A socket cannot be opened or bound, or a packet cannot be sent.
    """

    def __init__(self, family: int, source: str, dest: str, packets: Packets) -> None:
        """Open both sockets."""
        self._packets = packets
        self._mark = secrets.token_bytes(8)
        self._next = 0
        self._wanted: Dict[int, bool] = {}
        self._arrivals: List[Arrival] = []
        self._complete = asyncio.Event()
        self._receiver = _bound(family, dest, packets.ports)
        try:
            self._sender = _bound(family, source, packets.ports)
        except BaseException:
            self._receiver.close()
            raise
        self._receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        ancillary.ask_for_arrivals(self._receiver)
        ancillary.set_ttl(self._sender, _TTL)
        ancillary.set_tos(self._sender, packets.tos)

    def start(self) -> None:
        """Start to receive in the running event loop."""
        asyncio.get_running_loop().add_reader(self._receiver.fileno(), self._gather)

    def close(self) -> None:
        """Close both sockets."""
        asyncio.get_running_loop().remove_reader(self._receiver.fileno())
        self._receiver.close()
        self._sender.close()

    async def burst(self, count: int) -> Burst:
        """Send some packets at their interval and wait for the last ones to arrive."""
        first, self._next = self._next, self._next + count
        self._arrivals, self._wanted = [], dict.fromkeys(range(first, first + count), True)
        self._complete.clear()
        started = time.monotonic()
        for number in range(first, first + count):
            due = started + (number - first) * self._packets.interval
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._send(number)
        ends = max(started + count * self._packets.interval, time.monotonic() + max(_STRAGGLING, self._packets.timeout))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._complete.wait(), ends - time.monotonic())
        await asyncio.sleep(max(0.0, started + count * self._packets.interval - time.monotonic()))
        shift = [Arrival(a.number - first, a.sent, a.received, a.ttl) for a in self._arrivals]
        return Burst(count, shift)

    def _send(self, number: int) -> None:
        dest = self._receiver.getsockname()
        self._sender.sendto(_HEADER.pack(self._mark, number, time.time()) + bytes(self._packets.padding), dest)

    def _gather(self) -> None:
        while True:
            try:
                data, extra, _, _ = self._receiver.recvmsg(_BIGGEST, ancillary.SPACE)
            except OSError:
                break
            if len(data) < _HEADER.size:
                continue
            mark, number, sent = _HEADER.unpack_from(data)
            if mark == self._mark and number < self._next:
                self._arrivals.append(Arrival(number, sent, ancillary.arrival(extra), ancillary.ttl(extra)))
                self._wanted.pop(number, None)
        if not self._wanted:
            self._complete.set()


def summarize(burst: Burst, bucket_width: float, *, raw: bool) -> Dict[str, Any]:
    """
    Return the result of a latency test.

    The keys of ``histogram-latency`` are delays in units of the bucket width, to two decimal places, as in pScheduler;
    those of ``histogram-ttl`` are TTLs.
    """
    seen: Dict[int, Arrival] = {}
    duplicates = reorders = highest = 0
    for arrival in burst.arrivals:
        if arrival.number in seen:
            duplicates += 1
            continue
        seen[arrival.number] = arrival
        reorders += arrival.number < highest
        highest = max(highest, arrival.number)
    latencies: Dict[str, int] = {}
    ttls: Dict[str, int] = {}
    for arrival in seen.values():
        bucket = f"{max(0.0, arrival.received - arrival.sent) / bucket_width:.2f}"
        latencies[bucket] = latencies.get(bucket, 0) + 1
        if arrival.ttl is not None:
            ttls[str(arrival.ttl)] = ttls.get(str(arrival.ttl), 0) + 1
    result: Dict[str, Any] = {
        "schema": 1,
        "succeeded": True,
        "packets-sent": burst.sent,
        "packets-received": len(seen),
        "packets-lost": burst.sent - len(seen),
        "packets-duplicated": duplicates,
        "packets-reordered": reorders,
        "max-clock-error": 0.0,
        "histogram-latency": dict(sorted(latencies.items(), key=lambda item: float(item[0]))),
        "histogram-ttl": ttls,
    }
    if raw:
        result["raw-packets"] = [_raw(arrival) for arrival in burst.arrivals]
    return result


def statistics(histogram: Mapping[str, int], unit: float = 1.0) -> Statistics:
    """
    Return the statistics of a histogram, whose keys are values as text.

    Percentiles are interpolated between neighbours at rank *p* (*n* + 1), as in the NIST handbook.

    >>> statistics({"1": 1, "2": 2, "3": 1})["median"]
    2.0

    Args:
        histogram: Counts by value; may be empty.
        unit: The factor for the values.

    Returns:
        ``median``, ``minimum``, ``maximum``, ``mean``, ``mode`` (a list), ``percentile-25``, ``percentile-75``,
        ``percentile-95``, ``variance`` and ``standard-deviation``; nothing for an empty histogram.
    """
    pairs = sorted((float(value) * unit, count) for value, count in histogram.items() if count)
    if not pairs:
        return {}
    values = [value for value, _ in pairs]
    ranks = list(accumulate(count for _, count in pairs))
    size = ranks[-1]
    mean = math.fsum(value * count for value, count in pairs) / size
    variance = math.fsum((value - mean) ** 2 * count for value, count in pairs) / size
    most = max(count for _, count in pairs)

    def percentile(share: float) -> float:
        rank = min(max(share * (size + 1), 1.0), float(size))
        below = values[bisect_left(ranks, math.floor(rank))]
        above = values[bisect_left(ranks, math.ceil(rank))]
        return below + (rank - math.floor(rank)) * (above - below)

    return {
        "median": percentile(0.5),
        "minimum": values[0],
        "maximum": values[-1],
        "mean": mean,
        "mode": [value for value, count in pairs if count == most],
        "percentile-25": percentile(0.25),
        "percentile-75": percentile(0.75),
        "percentile-95": percentile(0.95),
        "variance": variance,
        "standard-deviation": math.sqrt(variance),
    }


def _raw(arrival: Arrival) -> Dict[str, Any]:
    return {
        "seq-num": arrival.number,
        "src-ts": _ntp(arrival.sent),
        "src-clock-sync": False,
        "dst-ts": _ntp(arrival.received),
        "dst-clock-sync": False,
        "ip-ttl": arrival.ttl if arrival.ttl is not None else _TTL,
    }


def _ntp(moment: float) -> int:
    """Return a time in the 64-bit form of RFC 1305."""
    return int((moment + _NTP_EPOCH) * 2**32)


def _bound(family: int, address: str, ports: Optional[Tuple[int, int]]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(0)
    candidates = [0] if ports is None else list(range(ports[0], ports[1] + 1))
    for port in candidates:
        try:
            sock.bind((address, port))
        except OSError:
            if port == candidates[-1]:
                sock.close()
                raise
        else:
            break
    return sock
