"""A series of ICMP echo requests and their answers, over sockets of this process or by the ``ping`` command."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple

from pscheduler_batch.embedded.measuring.addresses import version_of
from pscheduler_batch.embedded.measuring.icmp import Echo, EchoOptions, EchoSocket

_GRACE = 0.02
_COMMAND_SLACK = 5.0


@dataclass(frozen=True)
class Series:
    """
    The echo requests to send.

    Attributes:
        family: ``socket.AF_INET`` or ``socket.AF_INET6``.
        address: The destination.
        count: The number of requests.
        interval: The time between requests, in seconds.
        timeout: How long to wait for each answer, in seconds.
        deadline: When to stop in any case, in seconds from the start; None for never.
    """

    family: int
    address: str
    count: int
    interval: float
    timeout: float
    deadline: Optional[float] = None
    options: EchoOptions = field(default_factory=EchoOptions)

    @property
    def longest(self) -> float:
        """How long it takes if the last answer never comes, in seconds."""
        whole = (self.count - 1) * self.interval + self.timeout
        return whole if self.deadline is None else min(whole, self.deadline)


@dataclass(frozen=True)
class Pings:
    """
    The answers to a series.

    Attributes:
        sent: How many requests were sent.
        answers: The answers in order of arrival, with duplicates, each with its round-trip time in seconds.
        diags: How they were sent.
    """

    sent: int
    answers: Sequence[Tuple[Echo, float]]
    diags: str


async def ping(series: Series) -> Pings:
    """
    Send a series from a new socket and collect the answers.

    Raises:
        ICMPLibError, OSError: The socket cannot be opened, or a packet cannot be sent.
    """
    sock = EchoSocket(series.family, series.address, series.options)
    loop = asyncio.get_running_loop()
    gathering = _Gathering(series, sock)
    loop.add_reader(sock.fileno(), gathering.gather)
    try:
        await gathering.run()
    finally:
        loop.remove_reader(sock.fileno())
        sock.close()
    diags = f"{series.count} ICMP echo requests to {series.address}, {sock.kind} socket"
    return Pings(len(gathering.sent), gathering.answers, diags)


class _Gathering:
    """The state of one series while it runs."""

    def __init__(self, series: Series, sock: EchoSocket) -> None:
        self._series = series
        self._socket = sock
        self.sent: Dict[int, float] = {}
        self.answers: List[Tuple[Echo, float]] = []
        self._open: Dict[int, float] = {}
        self._complete = asyncio.Event()

    async def run(self) -> None:
        """Send at the interval of the series, then wait for the last answers."""
        started = time.monotonic()
        ends = math.inf if self._series.deadline is None else started + self._series.deadline
        for number in range(self._series.count):
            due = started + number * self._series.interval
            if number and due >= ends:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._complete.clear()
            self._open[number + 1] = 0.0
            self.sent[number + 1] = self._socket.send((number + 1) & 0xFFFF)
            last = time.monotonic()
        left = min(last + self._series.timeout, ends) - time.monotonic()
        if self._open and left > 0:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._complete.wait(), left + _GRACE)

    def gather(self) -> None:
        """Read what has arrived."""
        for echo in self._socket.receive():
            number = self._number(echo.sequence)
            if number is None:
                continue
            elapsed = max(0.0, echo.received - self.sent[number])
            if elapsed > self._series.timeout:
                continue
            self.answers.append((Echo(**{**vars(echo), "sequence": number}), elapsed))
            self._open.pop(number, None)
        if not self._open:
            self._complete.set()

    def _number(self, sequence: int) -> Optional[int]:
        """Return the probe that a 16-bit sequence number belongs to: the latest one."""
        latest = len(self.sent)
        number = latest - ((latest - sequence) & 0xFFFF)
        return number if number in self.sent else None


def command() -> Optional[str]:
    """Return the path of the system's ``ping`` command."""
    return shutil.which("ping")


async def ping_by_command(series: Series) -> Pings:
    """
    Send a series with the system's ``ping`` command.

    Raises:
        OSError: It cannot be started, or it fails; the text is its own message.
    """
    arguments = _arguments(series)
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), series.longest + _COMMAND_SLACK)
    except asyncio.TimeoutError:
        raise OSError("the ping command did not end in time") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    output = out.decode(errors="replace")
    if process.returncode not in (0, 1) or (process.returncode == 1 and err):
        raise OSError(err.decode(errors="replace").strip() or f"ping exited with {process.returncode}")
    diags = f"{' '.join(arguments)}\n\n{output}"
    return Pings(_sent(output, series), _answers(output), diags)


def _arguments(series: Series) -> List[str]:
    options = series.options
    arguments = [command() or "ping", f"-{version_of(series.family)}", "-n", "-c", str(series.count)]
    arguments += ["-i", f"{series.interval:g}", "-W", f"{series.timeout:g}"]
    arguments += ["-s", str(options.length), "-t", str(options.ttl)]
    if options.tos:
        arguments += ["-Q", str(options.tos)]
    if options.source:
        arguments += ["-I", options.source]
    if not options.fragment:
        arguments += ["-M", "do"]
    if not options.loopback:
        arguments += ["-L"]
    if series.deadline is not None:
        arguments += ["-w", str(max(1, math.ceil(series.deadline)))]
    return [*arguments, series.address]


def _sent(output: str, series: Series) -> int:
    match = re.search(r"^(\d+) packets transmitted", output, re.MULTILINE)
    return int(match.group(1)) if match else series.count


def _answers(output: str) -> List[Tuple[Echo, float]]:
    line = re.compile(r"^(\d+) bytes from (\S+?):? icmp_seq=(\d+) (?:ttl|hlim)=(\d+) time=([\d.]+) ms", re.MULTILINE)
    answers = []
    for length, address, sequence, ttl, milliseconds in line.findall(output):
        answers.append((Echo(int(sequence), address, 0.0, int(ttl), int(length)), float(milliseconds) / 1000))
    return answers
