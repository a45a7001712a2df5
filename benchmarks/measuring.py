"""Run programs and measure their time, memory and threads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).parents[1]

# The interval of the measurements of a program's memory and threads, in seconds.
LOOK_SECONDS = 0.02
# The time limit of a single run of a program.
MOST_SECONDS = 1800.0
# The memory limit of a program, in megabytes; the machine may be shared.
MOST_MEGABYTES = 3000.0
# How many characters of the error of a failed program are quoted.
QUOTED = 300


class BenchmarkError(Exception):
    """Raised if something could not be measured, with the reason."""


@dataclass(frozen=True)
class Taken:
    """
    The measurements of a program.

    Attributes:
        seconds: The time from its start to its end.
        cpu_seconds: Its processor time, in user and system mode.
        megabytes: Its peak memory, in units of 10^6 bytes.
        threads: The maximum number of its threads; 0 if not measured.
        stdout: Its standard output.
    """

    seconds: float
    cpu_seconds: float
    megabytes: float
    threads: int
    stdout: bytes


def environment() -> Mapping[str, str]:
    """Return an environment that permits batches, without the user's settings for pScheduler."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PSCHEDULER_")}
    # Modules are compiled once, as in ordinary use.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "BETA": "1", "PSCHEDULER_LOCALHOST": "localhost"}


def batch_command(*arguments: str) -> List[str]:
    """Return the command line of the real command."""
    return [sys.executable, "-m", "pscheduler_batch", *arguments]


def fixed_limit_command(limit: int) -> List[str]:
    """Return the command line of the real command with a fixed limit of concurrent requests per host."""
    return [sys.executable, "-m", "benchmarks.fixed_limit", str(limit)]


def run_program(
    command: Sequence[str],
    given: bytes = b"",
    *,
    watch: bool = False,
    keep_output: bool = False,
    statuses: Tuple[int, ...] = (0,),
    files: Optional[int] = None,
) -> Taken:
    """
    Run a program to its end.

    Args:
        command: The program and its arguments.
        given: Its standard input.
        watch: Whether its threads and memory are measured while it runs, and the memory is limited.
        keep_output: Whether to return its standard output.
        statuses: The expected exit statuses.
        files: The limit of open files; None for that of the system.

    Raises:
        BenchmarkError: It ended in another way or took too long.
    """
    if files is not None:
        command = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *command]
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as said, _output(keep=keep_output) as output:
        source.write(given)
        source.seek(0)
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own programs
            command, stdin=source, stdout=output, stderr=said, env=environment(), cwd=ROOT
        )
        looking = _Looking(process.pid, watch=watch)
        killer = threading.Timer(MOST_SECONDS, _kill, [process.pid])
        killer.daemon = True
        killer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            killer.cancel()
            looking.stop()
        seconds = time.perf_counter() - began
        process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        if looking.megabytes > MOST_MEGABYTES:
            message = f"ended because it took more than {MOST_MEGABYTES:,.0f} MB"
            raise BenchmarkError(message)
        said.seek(0)
        if process.returncode not in statuses:
            lines = said.read().decode("utf-8", "replace").strip().splitlines()
            words = lines[-1][-QUOTED:] if lines else "no error output"
            message = f"{' '.join(command[1:4])} ended with status {process.returncode}: {words}"
            raise BenchmarkError(message)
        output.seek(0)
        return Taken(
            seconds,
            usage.ru_utime + usage.ru_stime,
            looking.megabytes or usage.ru_maxrss * 1024 / 1e6,
            looking.threads,
            output.read() if keep_output else b"",
        )


def _output(*, keep: bool) -> BinaryIO:
    """Open a file for the output of a program, or the null device if the output is not needed."""
    return tempfile.TemporaryFile() if keep else open(os.devnull, "r+b")


class _Looking:
    """Measures a program in a thread until stopped."""

    def __init__(self, pid: int, *, watch: bool) -> None:
        self.megabytes = 0.0
        self.threads = 0
        self._pid = pid
        self._status = Path("/proc", str(pid), "status")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        if watch:
            self._thread.start()

    def stop(self) -> None:
        """Stop measuring."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            # The program may have ended in the meantime.
            with suppress(OSError):
                fields = read_status(self._status.read_text(encoding="ascii", errors="replace"))
                self.megabytes = max(self.megabytes, fields.get("VmHWM", 0) * 1024 / 1e6)
                self.threads = max(self.threads, fields.get("Threads", 0))
            if self.megabytes > MOST_MEGABYTES:
                _kill(self._pid)
                return


def _kill(pid: int) -> None:
    # Not with Popen, which may collect the exit status that wait4 waits for.
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def read_status(text: str) -> Dict[str, int]:
    r"""
    Read the numbers of a ``/proc/PID/status`` file.

    >>> read_status("Name: python\nVmHWM:\t  1024 kB\nThreads:\t3")
    {'VmHWM': 1024, 'Threads': 3}
    """
    fields = (line.partition(":") for line in text.splitlines())
    first = {name: value.split()[0] for name, _, value in fields if value.split()}
    return {name: int(value) for name, value in first.items() if value.isdigit()}


def by_turns(one: Callable[[], T], other: Callable[[], T], repeat: int) -> Tuple[List[T], List[T]]:
    """
    Call two functions alternately, each of them first half of the time, so that other load affects both.

    >>> done = []
    >>> by_turns(lambda: done.append("a"), lambda: done.append("b"), 2) and "".join(done)
    'abba'
    """
    ones: List[T] = []
    others: List[T] = []
    for number in range(repeat):
        for thing, taken in ((one, ones), (other, others))[:: -1 if number % 2 else 1]:
            taken.append(thing())
    return ones, others
