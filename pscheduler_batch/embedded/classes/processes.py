"""Processes with a time limit, none of which outlives the server."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable, List, Mapping, Optional, Sequence, Set

# The words and the status of pScheduler.
TOO_LONG = "Process took too long to run."
ENDED_FROM_OUTSIDE = 2

# How long a process may take to end after SIGTERM, in seconds, as in pScheduler.
GRACE = 0.5

_CHUNK = 65536


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
        self._running: Set[Process] = set()

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

        It runs in the root directory, in a process group of its own.

        Args:
            command: The path of the program, and its arguments.
            text: Its standard input.
            seconds: Its time limit.
            environment: Its environment, all of it.
            on_line: Is called with each line of its standard output, without the line break, as soon as it is there.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                env=dict(environment),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            return Ended(ENDED_FROM_OUTSIDE, "", f"{command[0]}: {error.strerror or error}")
        self._running.add(process)
        talk = asyncio.ensure_future(_talk(process, text, on_line))
        try:
            await asyncio.wait({talk}, timeout=seconds)
            if talk.done():
                return talk.result()
            await _end(process)
            # What it had written before is read, unless something else keeps the pipe open.
            await asyncio.wait({talk}, timeout=GRACE)
            return Ended(ENDED_FROM_OUTSIDE, "", TOO_LONG)
        finally:
            _signal(process, signal.SIGKILL)
            talk.cancel()
            self._running.discard(process)

    async def close(self) -> None:
        """End all processes; each has a moment after SIGTERM."""
        await asyncio.gather(*(_end(process) for process in tuple(self._running)))


async def _talk(process: Process, text: str, on_line: Optional[Callable[[str], None]]) -> Ended:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise RuntimeError("a process without pipes")
    stdout, stderr, _ = await asyncio.gather(
        process.stdout.read() if on_line is None else _read_lines(process.stdout, on_line),
        process.stderr.read(),
        _write(process.stdin, text),
    )
    status = await process.wait()
    return Ended(status, _decoded(stdout), _decoded(stderr))


async def _read_lines(stream: asyncio.StreamReader, on_line: Callable[[str], None]) -> bytes:
    """
    Pass lines on as they come, of any length.

    If the last one lacks its line break, it loses its last character instead, as it does in pScheduler's runner: a tool
    whose result is cut off there has to fail here, too.
    """
    parts: List[bytes] = []
    while True:
        chunk = await stream.read(_CHUNK)
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            on_line(_decoded(b"".join([*parts, end])))
            parts = []
        parts.append(rest)
        if not chunk:
            if any(parts):
                on_line(_decoded(b"".join(parts))[:-1])
            return b""


async def _write(stream: asyncio.StreamWriter, text: str) -> None:
    """Write the standard input; a process need not read it."""
    with suppress(BrokenPipeError, ConnectionResetError):
        stream.write(text.encode("utf-8", "backslashreplace"))
        await stream.drain()
    stream.close()


async def _end(process: Process) -> None:
    """Terminate a process, and kill what is left of its group after a moment."""
    _signal(process, signal.SIGTERM)
    waiting = asyncio.ensure_future(process.wait())
    await asyncio.wait({waiting}, timeout=GRACE)
    _signal(process, signal.SIGKILL)
    await waiting


def _signal(process: Process, number: signal.Signals) -> None:
    """Send a signal to the group of a process, unless the process has ended and its number may be another's."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")
