"""
ICMP echo over a separate socket per run: raw if that is allowed, otherwise a datagram socket.

The library makes the sockets and the packets. Receiving is done here, because a result needs the TTL, the full length
and the sender of each reply, and because parallel runs must not take each other's replies: besides the identifier and
the sequence number, the payload of a reply must begin with the run's own random bytes.
"""

from __future__ import annotations

import secrets
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Iterator, Optional, Tuple

from icmplib import ICMPRequest, ICMPv4Socket, ICMPv6Socket
from icmplib.exceptions import ICMPLibError, ICMPSocketError, SocketPermissionError

from pscheduler_batch.embedded.measuring import socket_ancillary as ancillary

__all__ = ["Echo", "EchoOptions", "EchoSocket", "ICMPLibError", "how_allowed"]

RAW = "raw"
DATAGRAM = "datagram"
DEFAULT_LENGTH = 56
DEFAULT_TTL = 64
HIGHEST_TTL = 255

_LINUX = sys.platform.startswith("linux")
_ECHO_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_ECHO_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_ERRORS = {socket.AF_INET: (3, 11, 12), socket.AF_INET6: (1, 2, 3, 4)}
_HEADER = 8
_TRIES = 3
_BIGGEST = 65536
_RECEIVE_BUFFER = 1 << 20


@dataclass(frozen=True)
class Echo:
    """
    An answer to one probe.

    Attributes:
        sequence: The number of the probe.
        address: The host that answered.
        received: The time of arrival, in seconds since 1970.
        ttl: The TTL of the answer on arrival, or None if the system does not report it.
        length: The length of the answer with its ICMP header, in bytes.
        error: The meaning of an ICMP error, in pScheduler's words; None for an echo reply.
    """

    sequence: int
    address: str
    received: float
    ttl: Optional[int] = None
    length: int = 0
    error: Optional[str] = None


@dataclass(frozen=True)
class EchoOptions:
    """The properties of the packets of a run; ``source`` is the address that they are sent from."""

    source: Optional[str] = None
    length: int = DEFAULT_LENGTH
    ttl: int = DEFAULT_TTL
    tos: int = 0
    fragment: bool = True
    loopback: bool = True


def how_allowed(family: int) -> Optional[str]:
    """Return the kind of ICMP socket that this account may open: ``raw``, ``datagram`` or None."""
    for kind in (RAW, DATAGRAM):
        try:
            _make_socket(family, kind, None).close()
        except ICMPLibError:
            continue
        return kind
    return None


class EchoSocket:
    """
    An ICMP socket for one address.

    Raises:
        ICMPLibError: The socket cannot be opened, or (in ``send``) the packet cannot be sent.
    """

    def __init__(self, family: int, address: str, options: EchoOptions) -> None:
        """Open the socket, raw if that is allowed."""
        self._family = family
        self._address = address
        self._options = options
        self._identifier = secrets.randbelow(0x10000)
        self._mark = secrets.token_bytes(16)
        try:
            self._socket, self._raw = _make_socket(family, RAW, options.source), True
        except SocketPermissionError:
            self._socket, self._raw = _make_socket(family, DATAGRAM, options.source), False
        try:
            self._prepare(self._socket.sock)
        except BaseException:
            self._socket.close()
            raise

    @property
    def kind(self) -> str:
        """``raw`` or ``datagram``."""
        return RAW if self._raw else DATAGRAM

    def fileno(self) -> int:
        """Return the descriptor, for the event loop."""
        return int(self._socket.sock.fileno())

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, sequence: int, *, ttl: Optional[int] = None) -> float:
        """Send one probe and return the time of sending, in seconds since 1970."""
        request = ICMPRequest(
            self._address,
            id=self._identifier,
            sequence=sequence,
            payload=self._payload,
            ttl=self._options.ttl if ttl is None else ttl,
            traffic_class=self._options.tos,
        )
        for left in reversed(range(1 if self._raw else _TRIES)):
            try:
                self._socket.send(request)
            except ICMPSocketError:  # may be the error of an earlier probe, which is also in the queue
                if not left:
                    raise
            else:
                break
        self._identifier = request.id
        return float(request.time)

    def receive(self) -> Iterator[Echo]:
        """Yield the answers to this run's probes that have arrived, without waiting."""
        while True:
            try:
                packet, extra, _, sender = self._socket.sock.recvmsg(_BIGGEST, ancillary.SPACE)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:  # an error of an earlier packet; the error queue has the details
                break
            echo = self._read(packet, extra, sender)
            if echo is not None:
                yield echo
        if not self._raw:
            yield from self._receive_errors()

    @property
    def _payload(self) -> bytes:
        length = self._options.length
        return (self._mark * (length // len(self._mark) + 1))[:length]

    def _prepare(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        ancillary.ask_for_arrivals(sock)
        if self._raw:
            ancillary.filter_echo_requests(sock)
        else:
            ancillary.ask_for_errors(sock)
        if not self._options.fragment:
            ancillary.forbid_fragments(sock)
        if not self._options.loopback:
            ancillary.forbid_multicast_loopback(sock)

    def _read(self, packet: bytes, extra: ancillary.Extra, sender: Tuple[object, ...]) -> Optional[Echo]:
        if self._family == socket.AF_INET and (self._raw or not _LINUX):
            packet = packet[(packet[0] & 0x0F) * 4 :]
        if len(packet) < _HEADER:
            return None
        kind, code = packet[0], packet[1]
        if kind == _ECHO_REPLY[socket.AddressFamily(self._family)]:
            return self._reply(packet, extra, sender)
        if kind in _ERRORS[socket.AddressFamily(self._family)]:
            sequence = self._sequence_of_own(self._quoted(packet))
            if sequence is not None:
                error = ancillary.icmp_error(self._family, kind, code)
                return Echo(sequence, str(sender[0]), ancillary.arrival(extra), length=len(packet), error=error)
        return None

    def _reply(self, packet: bytes, extra: ancillary.Extra, sender: Tuple[object, ...]) -> Optional[Echo]:
        identifier, sequence = struct.unpack_from("!HH", packet, 4)
        own = packet[_HEADER:].startswith(self._mark[: self._options.length])
        if identifier != self._identifier or not own:
            return None
        address = str(sender[0])
        return Echo(sequence, address, ancillary.arrival(extra), ancillary.ttl(extra), len(packet))

    def _quoted(self, packet: bytes) -> bytes:
        """Return the ICMP part of the packet that an error quotes."""
        inner = packet[_HEADER:]
        if self._family == socket.AF_INET6:
            return inner[40:]
        return inner[(inner[0] & 0x0F) * 4 :] if inner else b""

    def _sequence_of_own(self, packet: bytes) -> Optional[int]:
        if len(packet) < _HEADER or packet[0] != _ECHO_REQUEST[socket.AddressFamily(self._family)]:
            return None
        identifier, sequence = struct.unpack_from("!HH", packet, 4)
        return int(sequence) if identifier == self._identifier else None

    def _receive_errors(self) -> Iterator[Echo]:
        for error in ancillary.queued_errors(self._socket.sock):
            sequence = self._sequence_of_own(error.packet)
            if sequence is not None:
                yield Echo(sequence, error.address, error.received, error=error.reason)


def _make_socket(family: int, kind: str, source: Optional[str]) -> ICMPv4Socket | ICMPv6Socket:
    make = ICMPv6Socket if family == socket.AF_INET6 else ICMPv4Socket
    return make(address=source, privileged=kind == RAW)
