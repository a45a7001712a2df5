"""Start a server, read its counts, and stop it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO, Any, Dict, Iterator, List, Optional, Tuple

from benchmarks.measuring import ROOT, BenchmarkError, environment
from benchmarks.server import Setting

# How long it may take to end, in seconds.
PATIENCE = 10.0


@dataclass(frozen=True)
class Counted:
    """
    The requests to the server since the last count.

    Attributes:
        kinds: The number of requests of each kind.
        connections: The number of connections, each with a TLS handshake.
        resumed: How many of them resumed a session.
        open_at_once: The maximum number of concurrent connections to one host.
        posts: For each host, the arrival of each POST in seconds since 1970.
        margin: How many seconds before its start the last task was accepted; None if none was posted.
        cpu_seconds: The processor time of the server.
    """

    kinds: Dict[str, int]
    connections: int
    resumed: int
    open_at_once: int
    posts: Tuple[Tuple[float, ...], ...]
    margin: Optional[float]
    cpu_seconds: float

    @property
    def requests(self) -> int:
        """The number of requests."""
        return sum(self.kinds.values())


class RunningServer:
    """
    A minimal server that is running.

    Attributes:
        setting: Its settings.
        hosts: Its addresses, as HOST:PORT.
    """

    def __init__(self, setting: Setting, process: subprocess.Popen[str]) -> None:
        self.setting = setting
        self._process = process
        self._seconds = 0.0
        self.hosts: List[str] = self._ask(asdict(setting))

    def count(self) -> Counted:
        """Return the counts since the last call."""
        said = self._ask("count")
        tallies = said["tallies"]
        kinds: Counter[str] = Counter()
        for tally in tallies:
            kinds.update(tally["kinds"])
        seconds, self._seconds = said["seconds"] - self._seconds, said["seconds"]
        return Counted(
            dict(kinds),
            sum(tally["connections"] for tally in tallies),
            sum(tally["resumed"] for tally in tallies),
            max(tally["open_at_once"] for tally in tallies),
            tuple(tuple(sorted(tally["posts"])) for tally in tallies),
            min((tally["margin"] for tally in tallies if tally["margin"] is not None), default=None),
            seconds,
        )

    def _ask(self, what: object) -> Any:
        return json.loads(_answer(self._process, json.dumps(what)))


@contextmanager
def serving(setting: Setting) -> Iterator[RunningServer]:
    """
    Run a server.

    Raises:
        BenchmarkError: It did not start.
    """
    with _running("benchmarks.server") as process:
        yield RunningServer(setting, process)


class SmallServer:
    """
    An embedded server of two cores that is running.

    Attributes:
        host: Its address, as HOST:PORT.
    """

    def __init__(self, speed: float, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.host = _answer(process, str(speed))

    def count_posts(self) -> int:
        """Return how many times a task was posted since the last call."""
        return int(_answer(self._process, "count"))


@contextmanager
def serving_small(speed: float) -> Iterator[SmallServer]:
    """
    Run an embedded server of two cores that is so many times as fast as a real one.

    Raises:
        BenchmarkError: It did not start.
    """
    with _running("benchmarks.small_server") as process:
        yield SmallServer(speed, process)


@contextmanager
def _running(module: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - our own programs
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        _end(process)


def _answer(process: subprocess.Popen[str], line: str) -> str:
    """Send a line to a server and return the line that it prints."""
    stdin, stdout = _pipes(process)
    try:
        stdin.write(f"{line}\n")
        stdin.flush()
        answer = stdout.readline()
    except OSError as error:
        raise BenchmarkError("the server has ended") from error
    if not answer:
        raise BenchmarkError("the server has ended")
    return answer.strip()


def _end(process: subprocess.Popen[str]) -> None:
    for pipe in _pipes(process):
        pipe.close()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _pipes(process: subprocess.Popen[str]) -> Tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise TypeError("the server was started without pipes")
    return process.stdin, process.stdout
