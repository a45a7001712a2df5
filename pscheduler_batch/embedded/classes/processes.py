"""
Processes with a time limit, none of which outlives the server.

Each leads a process group of its own. What it leaves in the background may go on after its exit, as in pScheduler, and
ends with the server. Only what leaves the group, as a daemon does, lives on.
"""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Set

# The words and the status of pScheduler.
TOO_LONG = "Process took too long to run."
ENDED_FROM_OUTSIDE = 2

# How long a process may take to end after SIGTERM, in seconds, as in pScheduler.
GRACE = 0.5
# How often to check whether a group is gone, in seconds; no event reports it.
_POLL_SECONDS = 0.02

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
    """The processes of one server that are running, or have left others in their groups."""

    def __init__(self) -> None:
        self._alive: Set[_Process] = set()

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
        self._forget_dead()
        self._alive.add(process)
        process.exited.add_done_callback(lambda _: self._forget_dead())
        try:
            process.write(text)
            await asyncio.wait({process.over}, timeout=seconds)
            if process.over.done():
                return process.how()
            await process.end()
            return Ended(ENDED_FROM_OUTSIDE, "", TOO_LONG)
        except asyncio.CancelledError:
            process.kill()
            raise
        finally:
            process.release()

    async def close(self) -> None:
        """End all processes and what is in their groups; each has a moment after SIGTERM."""
        self._forget_dead()
        await asyncio.gather(*(process.end() for process in tuple(self._alive)))

    def _forget_dead(self) -> None:
        self._alive = {process for process in self._alive if process.is_alive}


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
        # What it has left behind may be ended by another event loop than the one that started it.
        if not self.exited.done():
            await asyncio.wait({self.exited}, timeout=GRACE)
        await self._wait_for_group()
        self.kill()
        self.release()
        if not self.over.done():
            await asyncio.wait({self.over}, timeout=GRACE)
        await self._wait_for_group()

    async def _wait_for_group(self) -> None:
        """Wait a moment until its group is gone, unless it is still running itself."""
        for _ in range(int(GRACE / _POLL_SECONDS)):
            if not (self.exited.done() and self.is_alive):
                break
            await asyncio.sleep(_POLL_SECONDS)

    def kill(self) -> None:
        """Kill its group."""
        self._signal(signal.SIGKILL)

    def release(self) -> None:
        """Read no more of its output."""
        self._started.close()

    @property
    def is_alive(self) -> bool:
        """Whether there is something in its group."""
        return self._signal(0)

    def _signal(self, number: int) -> bool:
        """Signal its group; return whether there is one."""
        pid = self._started.get_pid()
        # The number of a process that has exited may be another's; the one of a group is in use while there is one.
        if self._started.get_returncode() is not None and _exists(pid):
            return False
        try:
            os.killpg(pid, number)
        except (PermissionError, ProcessLookupError):
            return False
        return True


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _decoded(parts: Sequence[bytes]) -> str:
    return b"".join(parts).decode("utf-8", "replace")
