"""
Rounds of killing and interrupting a batch and going on with it: ``python -m tests.support.crash_rounds --rounds 200``.

In each round a batch of 20 iterations, serial and parallel ones, with a synchronized start and with a continue-if, is
run on a server of two cores, some of whose answers are refusals for want of time, or are lost. The process ends by
``kill -9``: at a random write of its journal, with nothing of the line, half of it or all of it on the disk, or at a
random moment; or it is interrupted at a random moment, and perhaps killed while it cancels its tasks. Another process
resumes, and is perhaps ended as well, up to four times; the last one carries the batch through. Then there must be one
task for each iteration on the server, apart from those that were canceled, and the output must be that of a batch that
was not killed, but for marks and times; no secret may be in the journal.

Prints a line for every 20 rounds and a summary; the exit status is 1 if anything was wrong, or the time was over. The
seed that is printed first makes the same choices again.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence

from pscheduler_batch.embedded.faults.cores import Cores
from pscheduler_batch.embedded.faults.rules import Faults
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.embedded.tests.noop import NoopTest
from pscheduler_batch.scheduler.tasks import MARK
from tests.support import crashes
from tests.support.crashes import Try

PACE = Pace(scheduling=0.01, setup=0.02, cleanup=0.01)
# How many times as fast as a real one the server is, and how many seconds it may have a POST that was lost: it kills it
# after 0.6, and the machine may be busy.
SPEED = 20
LOST_POST = 2.0
ITERATIONS = 20
SECRET = "swordfish"

# Of the tries of a round, so many at the most are ended.
ENDS = 4

# About how many lines an uninterrupted try writes, and how many seconds it takes.
LINES = 66
SECONDS = 3.0


@dataclass
class Tally:
    """
    What came of some rounds.

    Attributes:
        tasks: How many tasks the server has got that were not canceled.
        iterations: How many iterations the batches had.
        complete: How many iterations have all of their results.
        kills: How many processes were killed.
        interruptions: How many were interrupted.
        violations: What was not as it must be.
    """

    rounds: int = 0
    tasks: int = 0
    iterations: int = 0
    complete: int = 0
    kills: int = 0
    interruptions: int = 0
    violations: List[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Summarize it in one line."""
        return (
            f"{self.rounds} rounds, {self.kills} kills, {self.interruptions} interruptions: {self.tasks} tasks for "
            f"{self.iterations} iterations, {self.complete} with complete results, {len(self.violations)} violations"
        )


# Each adds a fault for some POSTs. A batch makes one three times, so only one of them is in a round.
POST_FAULTS: Sequence[Callable[[Faults, Any], object]] = (
    lambda faults, selection: faults.refuse("tasks", 503, "busy", method="POST", **selection),
    lambda faults, selection: faults.share("tasks", Cores(1), 9, limit=0.05, method="POST", done=True, **selection),
    lambda faults, selection: faults.reset("tasks", method="POST", **selection),
    lambda faults, selection: faults.reset("tasks", method="POST", done=True, **selection),
)
# The same for other requests.
OTHER_FAULTS: Sequence[Callable[[Faults, Any], object]] = (
    lambda faults, selection: faults.refuse("tasks/*", 503, "busy", **selection),
    lambda faults, selection: faults.reset("tasks/*", sent="half", **selection),
)


def batch_of(number: int) -> Dict[str, Any]:
    """Make the batch of a round; the number is in all of its tasks."""
    noop = {"test": {"type": "noop", "spec": {"data": 0}}}
    marking = f'.reference = {{"round": {number}, "_secret": "{SECRET}"}}'
    jobs: Sequence[Dict[str, Any]] = (
        {"label": "serial", "iterations": 5, "task": noop, "continue-if": {"script": "length == 5"}},
        {"label": "apart", "iterations": 6, "task": noop, "parallel": True, "backoff": "PT0.03S", "sync-start": False},
        {"label": "together", "iterations": 7, "task": noop, "parallel": True, "setup-time": "PT0.1S"},
        {"label": "last", "iterations": 2, "task": noop},
    )
    counted = {"script": ".test.spec.data = $iteration"}
    return {
        "schema": 2,
        "global": {"transform-post": {"script": marking}},
        "jobs": [{**job, "task-transform": counted} for job in jobs],
    }


def comparable(document: Any) -> Dict[str, Any]:
    """Take out of an output document what differs between rounds."""
    same = crashes.comparable(document)
    del same["global"]
    for job in same["jobs"]:
        for result in job["results"]:
            del result["task"]["reference"]["round"]
    return same


class Rounds:
    """Rounds on one server."""

    def __init__(self, server: EmbeddedServer, folder: Path, chance: random.Random) -> None:
        self._server = server
        self._folder = folder
        self._chance = chance
        self._expected: Optional[Dict[str, Any]] = None
        self.tally = Tally()

    def run(self, number: int) -> None:
        """Run a round; the first one needs an uninterrupted run before it to compare with."""
        if self._expected is None:
            whole = self._first_try(-1)
            status = crashes.finish(whole)
            if status != 0:
                raise RuntimeError(f"the uninterrupted run ended with {status}")
            self._expected = comparable(crashes.document_of(whole))
        self._set_faults()
        before = self.tally.interruptions
        attempt, status = self._end_often(number)
        self.tally.rounds += 1
        self.tally.iterations += ITERATIONS
        for violation in self._check(number, attempt, status, canceled=self.tally.interruptions > before):
            self.tally.violations.append(f"round {number}: {violation}")

    def _first_try(self, number: int) -> Try:
        paths = [str(self._folder / f"{number}.{kind}") for kind in ("journal", "output")]
        return Try(batch_of(number), self._server.netloc, paths[0], paths[1], lost_post=LOST_POST)

    def _set_faults(self) -> None:
        """Let some answers be refusals or get lost, and the server be small."""
        faults = self._server.state.faults
        faults.clear()
        for kind in (POST_FAULTS, OTHER_FAULTS):
            if self._chance.random() < 0.7:
                selection = {"after": self._chance.randint(0, ITERATIONS), "times": self._chance.randint(1, 2)}
                self._chance.choice(kind)(faults, selection)
        faults.shrink(2, speed=SPEED)

    def _end_often(self, number: int) -> tuple[Try, int]:
        """Run a batch to its end through some crashes and interruptions; give the last try and its exit status."""
        attempt = self._first_try(number)
        for _ in range(self._chance.randint(1, ENDS)):
            status, interrupted = self._end(attempt)
            self.tally.kills += status == -signal.SIGKILL
            self.tally.interruptions += interrupted
            if status == 0 or (status > 0 and not interrupted):
                return attempt, status
            attempt = attempt.again()
        return attempt, crashes.finish(attempt)

    def _end(self, attempt: Try) -> tuple[int, bool]:
        """Run one try and end it, unless it ends before; give its status, and whether it was interrupted."""
        if self._chance.random() < 0.4:
            kill_at, left = self._chance.randint(1, LINES), self._chance.choice(crashes.LEFT)
            return crashes.finish(replace(attempt, kill_at=kill_at, left=left)), False
        process = crashes.start(attempt)
        process.join(self._chance.uniform(0, SECONDS))
        interrupted = self._chance.random() < 0.5
        is_killed = not interrupted or self._chance.random() < 0.3
        if interrupted:
            crashes.interrupt(process)
            process.join(self._chance.uniform(0, SECONDS / 10) if is_killed else None)
        if is_killed:
            process.kill()
        return crashes.end_of(process), interrupted

    def _check(self, number: int, attempt: Try, status: int, *, canceled: bool) -> List[str]:
        violations: List[str] = []
        tasks = self._server.state.tasks_marked({"round": number})
        kept = [task for task in tasks if task.enabled]
        self.tally.tasks += len(kept)
        if len(kept) != ITERATIONS:
            violations.append(f"{len(kept)} tasks for {ITERATIONS} iterations")
        if len(tasks) != len(kept) and not canceled:
            violations.append(f"{len(tasks) - len(kept)} tasks were canceled without an interruption")
        if SECRET.encode() in Path(attempt.journal).read_bytes():
            violations.append("a secret is in the journal")
        if status != 0:
            return [*violations, f"the last try ended with {status}"]
        document = crashes.document_of(attempt)
        if sorted(crashes.marks_of(document)) != sorted(task.document["reference"][MARK] for task in kept):
            violations.append("the tasks of the output are not those of the server")
        document = comparable(document)
        for job, expected in zip(document["jobs"], (self._expected or {})["jobs"]):
            wrong = [got for got, wanted in zip(job["results"], expected["results"]) if got != wanted]
            self.tally.complete += len(job["results"]) - len(wrong)
            violations += [f"a result of {job['label']} is not as expected: {got}" for got in wrong]
        if not violations and document != self._expected:
            violations.append("the output is not as expected")
        return violations


def run_rounds(count: int, seed: int, seconds: float, tell: Callable[[str], None]) -> Tally:
    """
    Run some rounds.

    Args:
        count: How many.
        seed: Of all that is left to chance.
        seconds: No round begins later than that.
        tell: Is given a line for every 20 rounds.
    """
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(tests={"noop": NoopTest()}, pace=PACE, keep_alive=True) as server,
    ):
        rounds = Rounds(server, Path(folder), random.Random(seed))  # noqa: S311 - no secret depends on it
        for number in range(count):
            if time.monotonic() - begun > seconds:
                rounds.tally.violations.append(f"the time was over after {number} rounds")
                break
            rounds.run(number)
            if (number + 1) % 20 == 0:
                tell(str(rounds.tally))
        return rounds.tally


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run what the command line asks for; give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.crash_rounds", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of all choices")  # noqa: S311
    parser.add_argument("--seconds", type=float, default=3600, help="no round begins later (%(default)s)")
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}", flush=True)  # noqa: T201 - it reports by printing
    tally = run_rounds(given.rounds, given.seed, given.seconds, lambda line: print(line, flush=True))  # noqa: T201
    for line in (*tally.violations, str(tally)):
        print(line)  # noqa: T201
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
