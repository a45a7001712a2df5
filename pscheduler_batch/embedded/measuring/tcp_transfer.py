"""
TCP at full speed from this machine to itself: a sending and a receiving thread per stream, over real connections.

The threads only count bytes; the caller reads the counters and the kernel's ``TCP_INFO`` when it needs them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass
from typing import List, Optional, Tuple

from pscheduler_batch.embedded.measuring import socket_ancillary as ancillary

_DEFAULT_BLOCK = 131072
_SMALLEST_BLOCK = 1024
_RECEIVE_BLOCK = 1 << 18
_LONGEST_PAUSE = 0.1
_PACED_SECONDS = 0.02
_JOIN_SECONDS = 2.0
# Of Linux's struct tcp_info: snd_mss at 16, rtt at 68, snd_cwnd at 80, total_retrans at 100, all unsigned 32-bit.
_SND_MSS, _RTT, _SND_CWND, _TOTAL_RETRANS = 16, 68, 80, 100
_TCP_INFO_SIZE = 104


@dataclass(frozen=True)
class Flow:
    """
    The data to send.

    Attributes:
        family: ``socket.AF_INET`` or ``socket.AF_INET6``.
        source: The address that sends.
        dest: The address that receives.
        streams: The number of parallel connections.
        block: How many bytes are written at once; None for the default.
        rate: The maximum rate of each stream in bits per second; None for no limit.
        window: The size of the socket buffers in bytes; None for the system's default.
        mss: The maximum segment size in bytes; None for the system's default.
        tos: The type of service.
        no_delay: Whether small segments are sent at once.
        congestion: The name of the congestion control; None for the system's default.
    """

    family: int
    source: str
    dest: str
    streams: int = 1
    block: Optional[int] = None
    rate: Optional[float] = None
    window: Optional[int] = None
    mss: Optional[int] = None
    tos: int = 0
    no_delay: bool = False
    congestion: Optional[str] = None


@dataclass(frozen=True)
class Reading:
    """
    The state of one stream at one moment.

    Attributes:
        sent: The number of bytes written so far.
        received: The number of bytes read at the other end so far.
        retransmits: The number of retransmitted segments so far; this and the rest only if the system reports them.
        rtt: The smoothed round-trip time in microseconds.
        window: The congestion window in bytes.
    """

    sent: int
    received: int
    retransmits: Optional[int] = None
    rtt: Optional[int] = None
    window: Optional[int] = None


class Transfer:
    """
    The transfer of a flow.

    Raises:
        OSError: A connection cannot be made, or an option cannot be set.
    """

    def __init__(self, flow: Flow) -> None:
        """Make all connections."""
        self._stop = threading.Event()
        self._streams: List[_Stream] = []
        try:
            with _listening(flow) as listener:
                for _ in range(flow.streams):
                    self._streams.append(_Stream(flow, listener, self._stop))
        except BaseException:
            self.abort()
            raise

    @property
    def identifiers(self) -> List[int]:
        """The numbers of the streams: the descriptors of their sending sockets, as in recording g-m-thr."""
        return [stream.identifier for stream in self._streams]

    def start(self) -> None:
        """Start to send."""
        for stream in self._streams:
            stream.start()

    def read(self) -> List[Reading]:
        """Return the current state of each stream."""
        return [stream.read() for stream in self._streams]

    async def finish(self) -> None:
        """Stop sending and wait until all data have been received."""
        self._stop.set()
        await asyncio.to_thread(self._join)

    def abort(self) -> None:
        """Abort all connections and end all threads that are still running."""
        self._stop.set()
        for stream in self._streams:
            stream.shut_down()
        self._join()
        for stream in self._streams:
            stream.close()

    def _join(self) -> None:
        for stream in self._streams:
            stream.join()


class _Stream:
    """One connection with its two threads."""

    def __init__(self, flow: Flow, listener: socket.socket, stop: threading.Event) -> None:
        self._flow = flow
        self._stop = stop
        self._sent = self._received = 0
        self._sender = socket.socket(flow.family, socket.SOCK_STREAM)
        try:
            _prepare(self._sender, flow, socket.SO_SNDBUF)
            self._sender.bind((flow.source, 0))
            self._sender.connect(listener.getsockname())
            self._receiver, _ = listener.accept()
        except BaseException:
            self._sender.close()
            raise
        self.identifier = self._sender.fileno()
        self._threads = [
            threading.Thread(target=target, name=f"throughput-{self.identifier}", daemon=True)
            for target in (self._receive, self._send)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_JOIN_SECONDS)

    def shut_down(self) -> None:
        for sock in (self._sender, self._receiver):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        self._sender.close()
        self._receiver.close()

    def read(self) -> Reading:
        retransmits, rtt, window = _tcp_info(self._sender)
        return Reading(self._sent, self._received, retransmits, rtt, window)

    def _send(self) -> None:
        rate = self._flow.rate
        block = bytes(_block_size(self._flow))
        started = time.monotonic()
        try:
            while not self._stop.is_set():
                self._sent += self._sender.send(block)
                if rate is not None:
                    ahead = self._sent * 8 / rate - (time.monotonic() - started)
                    while ahead > 0 and not self._stop.wait(min(ahead, _LONGEST_PAUSE)):
                        ahead = self._sent * 8 / rate - (time.monotonic() - started)
            self._sender.shutdown(socket.SHUT_WR)
        except OSError:  # shut down
            return

    def _receive(self) -> None:
        buffer = bytearray(_RECEIVE_BLOCK)
        try:
            while True:
                count = self._receiver.recv_into(buffer)
                if not count:
                    return
                self._received += count
        except OSError:  # shut down
            return


def congestion_problem(name: str) -> Optional[str]:
    """Return why a congestion control cannot be used, or None if it can."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            _set_congestion(probe, name)
        except OSError as error:
            return f"This system does not offer the congestion control {name}: {error.strerror or error}."
    return None


def _set_congestion(sock: socket.socket, name: str) -> None:
    option = getattr(socket, "TCP_CONGESTION", None)
    if option is None:
        raise OSError("it offers no choice")
    sock.setsockopt(socket.IPPROTO_TCP, option, name.encode())


def _block_size(flow: Flow) -> int:
    block = flow.block or _DEFAULT_BLOCK
    if flow.rate is None:
        return block
    return min(block, max(_SMALLEST_BLOCK, int(flow.rate / 8 * _PACED_SECONDS)))


def _listening(flow: Flow) -> socket.socket:
    listener = socket.socket(flow.family, socket.SOCK_STREAM)
    try:
        _prepare(listener, flow, socket.SO_RCVBUF)
        listener.bind((flow.dest, 0))
        listener.listen(flow.streams)
    except BaseException:
        listener.close()
        raise
    return listener


def _prepare(sock: socket.socket, flow: Flow, buffer: int) -> None:
    ancillary.set_tos(sock, flow.tos)
    if flow.window is not None:
        sock.setsockopt(socket.SOL_SOCKET, buffer, flow.window)
        if sock.getsockopt(socket.SOL_SOCKET, buffer) < flow.window:
            raise OSError(f"this system does not allow a window of {flow.window} bytes")
    if flow.mss is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, flow.mss)
    if flow.no_delay:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if flow.congestion is not None:
        _set_congestion(sock, flow.congestion)


def _tcp_info(sock: socket.socket) -> Tuple[Optional[int], Optional[int], Optional[int]]:
    """Return retransmits, round-trip time and congestion window of a connection; Linux only."""
    if not sys.platform.startswith("linux"):
        return None, None, None
    data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    if len(data) < _TCP_INFO_SIZE:
        return None, None, None
    mss, rtt, window, retransmits = (
        struct.unpack_from("=I", data, offset)[0] for offset in (_SND_MSS, _RTT, _SND_CWND, _TOTAL_RETRANS)
    )
    return retransmits, rtt, window * mss
