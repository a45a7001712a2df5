"""Processes with a time limit, none of which outlives the server."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Set

# The words and the status of pScheduler.
TOO_LONG = "Process took too long to run."
ENDED_FROM_OUTSIDE = 2

# How long a process may take to end after SIGTERM, in seconds, as in pScheduler.
GRACE = 0.5

_STDIN, _STDOUT, _STDERR = range(3)


@dataclass(frozen=True)
class Ended:
    """
    How a process ended.

    Attributes:
        status: Its exit status; 2 if it could not be started or was ended, as in pScheduler.
        stdout: Its standard output, "" if lines were passed on as they came.
        stderr: Its standard error, or why it could not be started or was ended.
    """

    status: int
    stdout: str
    stderr: str


class Processes:
    """The running processes of one server."""

    def __init__(self) -> None:
        self._running: Set[_Process] = set()

    async def run(
        self,
        command: Sequence[str],
        text: str,
        *,
        seconds: float,
        environment: Mapping[str, str],
        on_line: Optional[Callable[[str], None]] = None,
    ) -> Ended:
        """
        Run a process until it ends, or end it when its time is over or this is cancelled.

        It runs in the root directory, in a process group of its own. As in pScheduler, it has not ended while another
        process has its output open.

        Args:
            command: The path of the program, and its arguments.
            text: Its standard input.
            seconds: Its time limit.
            environment: Its environment, all of it.
            on_line: Is called with each line of its standard output, without the line break, as soon as it is there.
        """
        process = _Process(on_line)
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: process, *command, env=dict(environment), cwd="/", start_new_session=True
            )
        except OSError as error:
            return Ended(ENDED_FROM_OUTSIDE, "", f"{command[0]}: {error.strerror or error}")
        self._running.add(process)
        process.exited.add_done_callback(lambda _: self._running.discard(process))
        try:
            process.write(text)
            await asyncio.wait({process.over}, timeout=seconds)
            if process.over.done():
                return process.how()
            await process.end()
            return Ended(ENDED_FROM_OUTSIDE, "", TOO_LONG)
        finally:
            process.kill()

    async def close(self) -> None:
        """End all processes; each has a moment after SIGTERM."""
        await asyncio.gather(*(process.end() for process in tuple(self._running)))


class _Process(asyncio.SubprocessProtocol):
    """
    One process.

    Attributes:
        exited: Is done when it has exited.
        over: Is done when, besides that, all of its output has been read.
    """

    def __init__(self, on_line: Optional[Callable[[str], None]]) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.over: asyncio.Future[None] = loop.create_future()
        self._transport: Optional[asyncio.SubprocessTransport] = None
        self._on_line = on_line
        self._output: Dict[int, List[bytes]] = {_STDOUT: [], _STDERR: []}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the process when it has been started."""
        if isinstance(transport, asyncio.SubprocessTransport):
            self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take some output; lines, of any length, are passed on."""
        parts = self._output[fd]
        if fd != _STDOUT or self._on_line is None:
            parts.append(data)
            return
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._on_line(_decoded([*parts, end]))
            parts.clear()
        parts.append(rest)

    def process_exited(self) -> None:
        """Note that the process has exited."""
        self.exited.set_result(None)

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """
        Note that there will be no more output.

        If the last line lacks its line break, it loses its last character instead, as it does in pScheduler's runner: a
        tool whose result is cut off there has to fail here, too.
        """
        del exc
        if self._on_line is not None:
            last = _decoded(self._output[_STDOUT])
            self._output[_STDOUT] = []
            if last:
                self._on_line(last[:-1])
        self.over.set_result(None)

    @property
    def _started(self) -> asyncio.SubprocessTransport:
        if self._transport is None:
            raise RuntimeError("the process was not started")
        return self._transport

    def write(self, text: str) -> None:
        """Write the standard input, which the process need not read."""
        pipe = self._started.get_pipe_transport(_STDIN)
        if isinstance(pipe, asyncio.WriteTransport):
            pipe.write(text.encode("utf-8", "backslashreplace"))
            pipe.write_eof()

    def how(self) -> Ended:
        """Return how it ended."""
        status = self._started.get_returncode()
        output = (_decoded(self._output[fd]) for fd in (_STDOUT, _STDERR))
        return Ended(ENDED_FROM_OUTSIDE if status is None else status, *output)

    async def end(self) -> None:
        """Terminate it, and kill what is left of its group after a moment."""
        self._signal(signal.SIGTERM)
        await asyncio.wait({self.exited}, timeout=GRACE)
        self.kill()
        await asyncio.wait({self.over}, timeout=GRACE)

    def kill(self) -> None:
        """Kill it with its group, unless it has exited, and read no more of its output."""
        self._signal(signal.SIGKILL)
        self._started.close()

    def _signal(self, number: signal.Signals) -> None:
        # The number of a process that has exited may be another's.
        if self._started.get_returncode() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._started.get_pid(), number)


def _decoded(parts: Sequence[bytes]) -> str:
    return b"".join(parts).decode("utf-8", "replace")
