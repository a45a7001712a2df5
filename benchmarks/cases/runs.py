"""Shared by the cases with runs: run a batch, or make the same requests with the floor client."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from benchmarks.batches import idle_spec
from benchmarks.figures import Row
from benchmarks.floor_client import STEPS, Script
from benchmarks.measuring import BenchmarkError, Taken, batch_command, by_turns, run_program
from benchmarks.replies import PARTICIPANTS, POST
from benchmarks.serving import Counted, RunningServer

# The numbers of threads with which the floor client is fastest, for one host (by keep-alive) and for each of several.
FLOOR_THREADS = {False: 4, True: 8}
FLOOR_THREADS_EACH = 1

# Politeness (ADR 20).
MOST_AT_ONCE = 8
# Without the look-up of the participants.
MOST_REQUESTS = 4


@dataclass(frozen=True)
class Done:
    """The measurements of a program that has made its requests."""

    taken: Taken
    counted: Counted


def run_batch(
    server: RunningServer, batch: bytes, runs: int, *, watch: bool = False, files: Optional[int] = None
) -> Done:
    """
    Run a batch with the real command on a server.

    Args:
        server: The server.
        batch: The batch.
        runs: The number of its runs.
        watch: Whether to measure its threads and its memory.
        files: The limit of open files; None for that of the system.

    Raises:
        BenchmarkError: It failed or did not make all runs.
    """
    there = ("--assist", server.hosts[0], "--lead", server.hosts[0])
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        output = str(Path(folder, "results.json"))
        taken = run_program(batch_command(*there, "--output", output), batch, watch=watch, files=files)
    return _done(server, taken, runs)


def run_floor(
    server: RunningServer,
    runs: int,
    *,
    at_once: Optional[int] = None,
    steps: Sequence[str] = STEPS,
    start: Optional[str] = None,
    keep_answers: bool = False,
) -> Done:
    """
    Make the requests of the runs with the floor client, divided evenly among the hosts.

    Raises:
        BenchmarkError: It failed or did not make all runs.
    """
    hosts = server.hosts
    usual = FLOOR_THREADS[server.setting.keep] if len(hosts) == 1 else FLOOR_THREADS_EACH
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        script = Script(
            hosts,
            runs // len(hosts),
            [idle_spec(host) for host in hosts],
            at_once or usual,
            server.setting.keep,
            tuple(steps),
            start,
            str(Path(folder, "answers")) if keep_answers else None,
        )
        command = [sys.executable, "-m", "benchmarks.floor_client"]
        taken = run_program(command, json.dumps(asdict(script)).encode() + b"\n", watch=keep_answers)
    return _done(server, taken, runs)


def _done(server: RunningServer, taken: Taken, runs: int) -> Done:
    counted = server.count()
    posts = counted.kinds.get(POST, 0)
    if posts != runs:
        message = f"{posts} tasks were posted instead of {runs}"
        raise BenchmarkError(message)
    return Done(taken, counted)


def compare(
    row: Row, batch: Callable[[], Done], floor: Callable[[], Done], runs: int, repeat: int, *, keep: bool
) -> Row:
    """
    Return the row with the times of a batch and of the floor client for the same runs.

    Args:
        row: The row without figures.
        batch: Runs the batch.
        floor: Runs the floor client.
        runs: The number of runs that both make.
        repeat: How often each is measured.
        keep: Whether the server keeps connections open.
    """
    floors, batches = by_turns(floor, batch, repeat)
    counts, guards = count_requests(batches, runs)
    # A slot opens another connection if the last one was idle for too long.
    kept = 2 * MOST_AT_ONCE * len(batches[0].counted.posts)
    guards["connections"] = kept if keep else max(done.counted.requests for done in batches) + MOST_AT_ONCE
    return replace(
        row,
        figures=tuple(done.taken.seconds for done in batches),
        floors=tuple(done.taken.seconds for done in floors),
        counts=counts,
        count_guards=guards,
    )


def count_requests(batches: List[Done], runs: int) -> Tuple[Dict[str, float], Dict[str, float]]:
    """
    Return the counts and the maximum of each.

    Requests are counted per run, without the look-ups of participants. A slot of a host has one connection at a time,
    but a server may see a new one opened before it sees the last one closed.
    """
    worst = max(batches, key=lambda done: done.counted.requests).counted
    asked = worst.requests - worst.kinds.get(PARTICIPANTS, 0)
    counts: Dict[str, float] = {
        "requests per run": round(asked / runs, 2),
        "look-ups": worst.kinds.get(PARTICIPANTS, 0),
        "connections": worst.connections,
        "at once": max(done.counted.open_at_once for done in batches),
    }
    guards: Dict[str, float] = {"look-ups": len(worst.posts), "at once": MOST_AT_ONCE + 2}
    # A fraction of one core; at 1, the server would limit what is measured.
    counts["server busy"] = round(max(done.counted.cpu_seconds / done.taken.seconds for done in batches), 2)
    threads = max(done.taken.threads for done in batches)
    if threads:
        counts["threads"] = threads
    return counts, guards
