"""
Socket options, and what a socket reports besides the data: time of arrival, TTL, and ICMP errors of earlier packets.

Constants that Python's ``socket`` module lacks are Linux's (``ip(7)``, ``ipv6(7)``, ``socket(7)``); on other systems
these options are not set, and their information is missing.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from dataclasses import dataclass
from typing import Iterator, Optional, Sequence, Tuple

Extra = Sequence[Tuple[int, int, bytes]]

SPACE = 512
LINUX = sys.platform.startswith("linux")

_SO_TIMESTAMPNS = 35
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_DO = 10, 23, 2
_IP_RECVERR, _IPV6_RECVERR, _MSG_ERRQUEUE = 11, 25, 0x2000
_IP_TTL, _IP_RECVTTL = 2, 12
_SOL_RAW, _ICMP_FILTER, _SOL_ICMPV6, _ICMPV6_FILTER = 255, 1, 58, 1
_FROM_ICMP = (2, 3)
_TIMESPEC = struct.Struct("@ll")
_EXTENDED_ERROR = struct.Struct("=IBBBBII")

# Type and code of an ICMP error in pScheduler's words.
_UNREACHABLE_V4 = {
    0: "net-unreachable",
    1: "host-unreachable",
    2: "protocol-unreachable",
    3: "port-unreachable",
    4: "fragmentation-needed-and-df-set",
    5: "source-route-failed",
    6: "destination-network-unknown",
    7: "destination-host-unknown",
    8: "source-host-isolated",
    9: "destination-network-administratively-prohibited",
    10: "destination-host-administratively-prohibited",
    11: "network-unreachable-for-type-of-service",
    12: "host-unreachable-for-type-of-service",
    13: "communication-administratively-prohibited",
    14: "host-precedence-violation",
    15: "precedence-cutoff-in-effect",
}
_UNREACHABLE_V6 = {
    0: "net-unreachable",
    1: "communication-administratively-prohibited",
    3: "host-unreachable",
    4: "port-unreachable",
}
TTL_EXCEEDED = "ttl-exceeded"


@dataclass(frozen=True)
class QueuedError:
    """
    An ICMP error that a packet of this socket caused.

    Attributes:
        packet: The rest of the packet, without its IP (and UDP) headers.
        address: The host that sent the error.
        port: The destination port of the packet, 0 if there are no ports.
        received: The time of arrival of the error, in seconds since 1970.
        reason: Its meaning, in pScheduler's words.
    """

    packet: bytes
    address: str
    port: int
    received: float
    reason: str


def icmp_error(family: int, kind: int, code: int) -> str:
    """Return the name of an ICMP error by its family, type and code."""
    if family == socket.AF_INET6:
        named = {1: _UNREACHABLE_V6.get(code), 2: "fragmentation-needed-and-df-set", 3: TTL_EXCEEDED}.get(kind)
    else:
        named = {3: _UNREACHABLE_V4.get(code), 11: TTL_EXCEEDED}.get(kind)
    return named or f"icmp-type-{kind}-code-{code}"


def ask_for_arrivals(sock: socket.socket) -> None:
    """Enable reporting of the time of arrival and the TTL of each packet."""
    if LINUX:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    elif LINUX:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)


def ask_for_errors(sock: socket.socket) -> None:
    """Enable reporting of the ICMP errors that the packets of this socket cause."""
    if not LINUX:
        return
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def filter_echo_requests(sock: socket.socket) -> None:
    """Drop echo requests, which a raw ICMP socket would receive from all programs of this machine."""
    if not LINUX:
        return
    if sock.family == socket.AF_INET6:
        blocked = [0] * 8
        blocked[128 // 32] = 1 << (128 % 32)
        sock.setsockopt(_SOL_ICMPV6, _ICMPV6_FILTER, struct.pack("=8I", *blocked))
    else:
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", 1 << 8))


def forbid_fragments(sock: socket.socket) -> None:
    """Refuse packets that are too long instead of fragmenting them; Linux only."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_DO)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_DO)


def forbid_multicast_loopback(sock: socket.socket) -> None:
    """Do not deliver multicast packets to this machine itself."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)


def set_ttl(sock: socket.socket, hops: int) -> None:
    """Set the TTL of the packets that a socket sends."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)


def set_tos(sock: socket.socket, tos: int) -> None:
    """Set the type of service of the packets that a socket sends."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)


def arrival(extra: Extra) -> float:
    """Return when a packet arrived, in seconds since 1970: the kernel's timestamp, or else the current time."""
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
            whole, nano = _TIMESPEC.unpack_from(data)
            return float(whole + nano / 1e9)
    return time.time()


def ttl(extra: Extra) -> Optional[int]:
    """Return the TTL of a packet on arrival, if the system reports it."""
    for level, kind, data in extra:
        v4 = level == socket.IPPROTO_IP and kind == _IP_TTL
        v6 = level == socket.IPPROTO_IPV6 and kind == socket.IPV6_HOPLIMIT
        if v4 or v6:
            return int.from_bytes(data[:4], sys.byteorder)
    return None


def queued_errors(sock: socket.socket) -> Iterator[QueuedError]:
    """Yield the ICMP errors that have arrived for a socket, without waiting."""
    while LINUX:
        try:
            packet, extra, _, dest = sock.recvmsg(SPACE, SPACE, _MSG_ERRQUEUE)
        except OSError:
            return
        for level, kind, data in extra:
            if (level, kind) in ((socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)):
                _, origin, icmp_type, code, *_ = _EXTENDED_ERROR.unpack_from(data)
                if origin in _FROM_ICMP:
                    address = _offender(data[_EXTENDED_ERROR.size :])
                    reason = icmp_error(sock.family, icmp_type, code)
                    yield QueuedError(packet, address, int(dest[1]) if dest else 0, arrival(extra), reason)


def _offender(data: bytes) -> str:
    """Return the address in a socket address of the kernel."""
    family = int.from_bytes(data[:2], sys.byteorder)
    if family == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, data[8:24])
    return socket.inet_ntop(socket.AF_INET, data[4:8])
