"""Traceroute: probes with a rising TTL, over sockets of this process or by the ``traceroute`` command."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional, Union

from pscheduler_batch.embedded.measuring import socket_ancillary as ancillary
from pscheduler_batch.embedded.measuring.addresses import version_of
from pscheduler_batch.embedded.measuring.icmp import Echo, EchoOptions, EchoSocket

FIRST_PORT = 33434

_TRIES = 3
_AT_ONCE = 15
_COMMAND_SLACK = 5.0


@dataclass(frozen=True)
class Route:
    """
    The path to trace.

    Attributes:
        family: ``socket.AF_INET`` or ``socket.AF_INET6``.
        address: The destination.
        first: The first TTL.
        hops: The highest TTL.
        wait: How long to wait for the answers to a group of probes, in seconds.
        gap: The time between probes, in seconds.
    """

    family: int
    address: str
    first: int
    hops: int
    wait: float
    gap: float
    options: EchoOptions

    @property
    def longest(self) -> float:
        """How long one path takes if no host answers, in seconds."""
        probes = max(0, self.hops - self.first + 1)
        return -(-probes // _AT_ONCE) * self.wait + probes * self.gap


@dataclass(frozen=True)
class Hop:
    """The answer to the probe of one TTL and the seconds it took; ``error`` if the probe was refused on its way."""

    address: str
    elapsed: float
    error: Optional[str] = None


class UdpProbeSocket:
    """
    A UDP socket that probes one address, each time on another port; Linux reports the ICMP errors on the socket itself.

    Raises:
        OSError: The socket cannot be opened, or (in ``send``) the packet cannot be sent.
    """

    kind = "UDP"

    def __init__(self, family: int, address: str, options: EchoOptions, *, first_port: int = FIRST_PORT) -> None:
        """Open the socket."""
        self._address = address
        self._options = options
        self._first_port = first_port
        self._sequences: Dict[int, int] = {}
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._prepare()
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor, for the event loop."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, sequence: int, *, ttl: Optional[int] = None) -> float:
        """Send one probe and return the time of sending, in seconds since 1970."""
        port = self._first_port + (sequence - 1) % (0x10000 - self._first_port)
        self._sequences[port] = sequence
        ancillary.set_ttl(self._socket, self._options.ttl if ttl is None else ttl)
        for left in reversed(range(_TRIES)):
            try:
                sent = time.time()
                self._socket.sendto(bytes(self._options.length), (self._address, port))
            except OSError:  # may be the error of an earlier probe, which is also in the queue
                if not left:
                    raise
            else:
                break
        return sent

    def receive(self) -> Iterator[Echo]:
        """Yield the ICMP errors that have arrived, without waiting."""
        for error in ancillary.queued_errors(self._socket):
            sequence = self._sequences.get(error.port)
            if sequence is not None:
                yield Echo(sequence, error.address, error.received, error=error.reason)

    def _prepare(self) -> None:
        sock = self._socket
        sock.settimeout(0)
        ancillary.ask_for_errors(sock)
        ancillary.ask_for_arrivals(sock)
        ancillary.set_tos(sock, self._options.tos)
        if not self._options.fragment:
            ancillary.forbid_fragments(sock)
        if self._options.source:
            sock.bind((self._options.source, 0))


ProbeSocket = Union[EchoSocket, UdpProbeSocket]

Path = List[Optional[Hop]]
"""The hops from the first TTL on; None if there was no answer."""


async def trace(route: Route, make_socket: Callable[[], ProbeSocket]) -> Path:
    """
    Trace one path over a new socket.

    Raises:
        ICMPLibError, OSError: The socket cannot be opened, or a packet cannot be sent.
    """
    sock = make_socket()
    loop = asyncio.get_running_loop()
    probing = _Probing(route, sock)
    loop.add_reader(sock.fileno(), probing.gather)
    try:
        return await probing.run()
    finally:
        loop.remove_reader(sock.fileno())
        sock.close()


class _Probing:
    """The state of one path while it is traced."""

    def __init__(self, route: Route, sock: ProbeSocket) -> None:
        self._route = route
        self._socket = sock
        self._sent: Dict[int, float] = {}
        self._found: Dict[int, Hop] = {}
        self._end: Optional[int] = None
        self._changed = asyncio.Event()

    async def run(self) -> Path:
        """Probe groups of TTLs until the destination answers."""
        last = self._route.first - 1
        while self._end is None and last < self._route.hops:
            first, last = last + 1, min(last + _AT_ONCE, self._route.hops)
            for hops in range(first, last + 1):
                self._sent[hops] = self._socket.send(hops, ttl=hops)
                await asyncio.sleep(self._route.gap)
            await self._wait_for(range(first, last + 1))
        stop = last if self._end is None else self._end
        return [self._found.get(hops) for hops in range(self._route.first, stop + 1)]

    async def _wait_for(self, window: range) -> None:
        ends = time.monotonic() + self._route.wait
        while not self._settled(window):
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), ends - time.monotonic())
            except asyncio.TimeoutError:
                return

    def _settled(self, window: range) -> bool:
        needed = window if self._end is None else range(window.start, min(window.stop, self._end + 1))
        return all(hops in self._found for hops in needed)

    def gather(self) -> None:
        """Read what has arrived."""
        for echo in self._socket.receive():
            if echo.sequence in self._sent and echo.sequence not in self._found:
                self._found[echo.sequence] = self._hop(echo)
                if echo.error != ancillary.TTL_EXCEEDED:
                    self._end = echo.sequence if self._end is None else min(self._end, echo.sequence)
        self._changed.set()

    def _hop(self, echo: Echo) -> Hop:
        arrived = echo.error in (None, ancillary.TTL_EXCEEDED) or (
            echo.error == "port-unreachable" and isinstance(self._socket, UdpProbeSocket)
        )
        elapsed = max(0.0, echo.received - self._sent[echo.sequence])
        return Hop(echo.address, elapsed, None if arrived else echo.error)


def command() -> Optional[str]:
    """Return the path of the system's ``traceroute`` command."""
    return shutil.which("traceroute")


async def trace_by_command(route: Route, *, icmp: bool) -> Path:
    """
    Trace one path with the system's ``traceroute`` command.

    Raises:
        OSError: It cannot be started, or it fails; the text is its own message.
    """
    arguments = [command() or "traceroute", f"-{version_of(route.family)}", "-n", "-q", "1"]
    arguments += ["-f", str(route.first), "-m", str(route.hops), "-w", f"{route.wait:g}"]
    arguments += ["-t", str(route.options.tos)] if route.options.tos else []
    arguments += ["-s", route.options.source] if route.options.source else []
    arguments += ["-I"] if icmp else []
    process = await asyncio.create_subprocess_exec(
        *arguments, route.address, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), route.longest + _COMMAND_SLACK)
    except asyncio.TimeoutError:
        raise OSError("the traceroute command did not end in time") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise OSError(err.decode(errors="replace").strip() or f"traceroute exited with {process.returncode}")
    return parse_traceroute(out.decode(errors="replace"))


def parse_traceroute(output: str) -> Path:
    """Parse the output of ``traceroute -n -q 1``."""
    path: Path = []
    for line in output.splitlines():
        match = re.match(r"\s*\d+\s+(?:\*|(\S+)\s+([\d.]+) ms(?:\s+(!\S*))?)", line)
        if match:
            address, milliseconds, mark = match.groups()
            path.append(Hop(address, float(milliseconds) / 1000, mark) if address else None)
    return path
