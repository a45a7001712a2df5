"""The real command as a process that tests can wait for, signal and end."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, List, Mapping, Sequence

from pscheduler_batch.embedded.faults.actions import Action
from tests.support.commands import TIME_LIMIT, Ended, environment, wait_for


class Gate:
    """An action of a fault that reports its first use."""

    def __init__(self, action: Action) -> None:
        self._action = action
        self._reached = threading.Event()

    async def __call__(self, app, scope, receive, send) -> None:
        """Apply the action to a request."""
        self._reached.set()
        await self._action(app, scope, receive, send)

    def wait(self) -> None:
        """Wait for the first request."""
        assert self._reached.wait(TIME_LIMIT)


class Held:
    """An action of a fault that holds requests until they are released; then they are executed."""

    def __init__(self) -> None:
        self._released = threading.Event()

    async def __call__(self, app, scope, receive, send) -> None:
        """Hold a request."""
        while not self._released.is_set():  # noqa: ASYNC110 - it is released by another thread
            await asyncio.sleep(0.01)
        await app(scope, receive, send)

    def release(self) -> None:
        """Execute all requests, those to come as well."""
        self._released.set()


class RunningCommand:
    """
    A running command, as a context manager.

    Attributes:
        seconds: How long it took to end after the last signal.
    """

    def __init__(self, *arguments: str, batch: Mapping[str, Any], python: Sequence[str] = (), **options: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *python, "-m", "pscheduler_batch", "--debug", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            **options,
        )
        self.seconds = 0.0
        self._lines: List[str] = []
        self._news = threading.Condition()
        self._sent = 0.0
        self._process.stdin.write(json.dumps(batch).encode())
        self._process.stdin.close()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> RunningCommand:  # noqa: PYI034 - not for inheritance
        """Return the command."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the process and close its pipes."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stderr.close()
        self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stderr:
            with self._news:
                self._lines.append(line.decode())
                self._news.notify_all()

    def until_said(self, *words: str, times: int = 1) -> None:
        """Wait until so many lines of its standard error contain all these words."""

        def said() -> bool:
            return sum(all(word in line for word in words) for line in self._lines) >= times

        with self._news:
            assert self._news.wait_for(said, TIME_LIMIT), self._lines

    def until_child(self) -> None:
        """Wait until it has a child process."""
        number = self._process.pid
        threads = Path(f"/proc/{number}/task")
        wait_for(lambda: any((thread / "children").read_text() for thread in threads.iterdir()))

    def until_jq_is_loaded(self) -> None:
        """Wait until it has loaded jq, which cannot be interrupted from Python."""
        wait_for(lambda: "/jq." in Path(f"/proc/{self._process.pid}/maps").read_text())

    def pause(self, seconds: float) -> None:
        """Wait until so many seconds have passed since the last signal, and some more."""
        threading.Event().wait(max(self._sent + 1.5 * seconds - time.monotonic(), 0))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._sent = time.monotonic()
        self._process.send_signal(number)

    def close_stdout(self) -> None:
        """Close its standard output."""
        self._process.stdout.close()

    def end(self) -> Ended:
        """Wait until it has ended, and return how."""
        stdout = b"" if self._process.stdout.closed else self._process.stdout.read()
        status = self._process.wait(TIME_LIMIT)
        self.seconds = time.monotonic() - self._sent
        self._reader.join()
        said = [line for line in self._lines if ": debug: " not in line]
        return Ended(status, stdout.decode(), "".join(said))
