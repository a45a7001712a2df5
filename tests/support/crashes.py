"""Batches in processes that are killed in the middle, and gone on with in others."""

from __future__ import annotations

import asyncio
import copy
import json
import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.processor import AsyncBatchProcessor
from pscheduler_batch.running.signals import SignalWatch
from pscheduler_batch.scheduler.tasks import MARK
from pscheduler_batch.scheduler.waiting import WaitLimits

# Everything is quick here: servers, runs, and so the time in which a lost POST may still arrive.
PATIENCE = WaitLimits(pause=timedelta(seconds=0.05), waits=(1,))
RETRY = RetryPolicy(first=timedelta(seconds=0.1))

# An exit status can be read once only, and starting a process reads those of all others that have ended, so tries in
# several threads would take them from each other.
_LOOKING = threading.Lock()

TIME_LIMIT = 60  # seconds; only what hangs needs them

# What a process may have left of the line that it was about to synchronize when it was killed.
NOTHING, HALF, LINE, SYNCED = "nothing", "half", "line", "synced"
LEFT = (NOTHING, HALF, LINE, SYNCED)


@dataclass(frozen=True)
class Try:
    """
    One process that runs a batch, or goes on with it.

    Attributes:
        batch: The batch.
        server: Where everything goes.
        journal: The file.
        output: Where the output document goes.
        resume: Whether to go on.
        kill_at: The write of the journal, from 1, at which the process kills itself; 0 is never.
        left: What is left of that line.
        lost_post: How many seconds a POST that was lost may still take to arrive.
        retries: How often iterations are submitted again.
        shuffle: Whether serial iterations are in random order.
    """

    batch: Mapping[str, Any]
    server: str
    journal: str
    output: str
    resume: bool = False
    kill_at: int = 0
    left: str = SYNCED
    lost_post: float = 0.5
    retries: int = 0
    shuffle: bool = False

    def again(self, *, kill_at: int = 0, left: str = SYNCED) -> Try:
        """Go on with the same batch; if not even the journal was begun, whatever is there is begun with."""
        return replace(self, resume=os.path.exists(self.journal), kill_at=kill_at, left=left)


@cache
def _processes() -> ForkServerContext:
    """Return what makes processes, from one that has imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "tests.support.crashes"])
    return context


def start(attempt: Try) -> ForkServerProcess:
    """Start the process of a try; the caller ends it."""
    process = _processes().Process(target=_run, args=(attempt,))
    with _LOOKING:
        process.start()
    return process


def finish(attempt: Try) -> int:
    """Wait for the process of a try; give its exit status, the negative number of a signal if that ended it."""
    return end_of(start(attempt))


def end_of(process: ForkServerProcess) -> int:
    """Wait for a process to end and give its exit status, see :func:`finish`."""
    # It is waited for without looking at its status.
    ended = wait([process.sentinel], TIME_LIMIT)
    if not ended:
        process.kill()
        wait([process.sentinel])
    with _LOOKING:
        status = process.exitcode
        process.close()
    if not ended or status is None:
        raise AssertionError("the process hangs")
    return status


def interrupt(process: ForkServerProcess) -> None:
    """Interrupt a process as Control-C does, if it has not ended."""
    if process.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)


def marks_of(document: Mapping[str, Any]) -> List[str]:
    """Return the marks of all tasks in an output document, "" where a task was never posted."""
    return [result["task"]["reference"].get(MARK, "") for job in document["jobs"] for result in job["results"]]


def document_of(attempt: Try) -> Any:
    """Read the output document of a try that was carried through."""
    return json.loads(Path(attempt.output).read_text(encoding="utf-8"))


def comparable(document: Mapping[str, Any]) -> Dict[str, Any]:
    """Take out of an output document what differs between two runs of a batch: marks, times and places."""
    same = copy.deepcopy(dict(document))
    same["batch"] = {name: value for name, value in same["batch"].items() if name == "error"}
    for job in same["jobs"]:
        for result in job["results"]:
            result["task"].get("reference", {}).pop(MARK, None)
            result["task"]["schedule"].pop("start", None)
            result.pop("late", None)
            if "lead-run" in result:
                result["lead-run"] = result["lead-run"]["state"]
            for run in result["runs"]:
                # Where and when it was.
                del run["run"]
    return same


def events_of(journal: str) -> List[Mapping[str, Any]]:
    """Read the events of a whole journal."""
    return [json.loads(line) for line in Path(journal).read_text(encoding="ascii").splitlines()]


def kill_at_write(number: int, left: str) -> None:
    """
    Make this process kill itself at a write of its journal.

    Args:
        number: Which one, from 1.
        left: What is left of the line.
    """
    synchronize = os.fdatasync
    written = 0
    before: Optional[int] = None

    def fdatasync(file: int) -> None:
        nonlocal written, before
        written += 1
        if written == number:
            end = os.fstat(file).st_size
            begin = _last_line(file, end)
            os.ftruncate(file, {NOTHING: begin, HALF: (begin + end) // 2}.get(left, end))
            if left == SYNCED:
                synchronize(file)
            os.kill(os.getpid(), signal.SIGKILL)
        synchronize(file)

    os.fdatasync = fdatasync  # type: ignore[assignment]


def _last_line(file: int, end: int) -> int:
    """Return where the last line of a file begins."""
    return os.pread(file, end - 1, 0).rfind(b"\n") + 1


def _run(attempt: Try) -> None:
    """Run a batch, as the command does, but with less patience; in a process of its own."""
    signals = SignalWatch()
    with signals.holding():
        _run_watched(attempt, signals)


def _run_watched(attempt: Try, signals: SignalWatch) -> None:
    if attempt.kill_at:
        kill_at_write(attempt.kill_at, attempt.left)
    processor = AsyncBatchProcessor(
        attempt.batch,
        attempt.server,
        None,
        attempt.server,
        journal=attempt.journal,
        resume=attempt.resume,
        patience=replace(PATIENCE, lost_post=timedelta(seconds=attempt.lost_post)),
        retry=RETRY,
        shuffle=attempt.shuffle,
        retries=attempt.retries,
        retry_delay=timedelta(seconds=0.1),
    )
    outcome = asyncio.run(processor.run(processor.plan(), signals=signals))
    document = processor.document(outcome)
    whole = Path(f"{attempt.output}.part")
    whole.write_text(json.dumps(document), encoding="utf-8")
    whole.replace(attempt.output)
    if signals.caught is not None:
        raise SystemExit(signals.exit_status)
    if outcome.error is not None or outcome.bugs:
        raise SystemExit(1)
