"""
Recover the state of an interrupted batch from its journal.

The lines of a journal are read here; :mod:`~pscheduler_batch.journal.journal` writes them. What both need is here: the
version of the format, and the form of a result.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple

from pscheduler_batch.errors import BatchError
from pscheduler_batch.iso8601 import parse_timestamp
from pscheduler_batch.journal.identity import Identity, differences
from pscheduler_batch.model import JSON, Failure, Iteration, IterationResult, Run, RunResult
from pscheduler_batch.scheduler.api import run_of
from pscheduler_batch.text import printable

# Version 1 had one digest for the whole input.
VERSION = 2

# The first characters of every line of a journal.
BEGINNING = b'{"event":"'

# The numbers of a job, of an iteration in it, and of the attempt at that.
AttemptKey = Tuple[int, int, int]

# The offset and the length of a line, in bytes.
Extent = Tuple[int, int]

JournalEntry = Dict[str, Any]


class JournalError(BatchError):
    """A journal that cannot be written, read, or used for this batch."""


@dataclass(frozen=True)
class IterationHistory:
    """
    What an earlier try recorded of one iteration; None where it recorded nothing.

    Attributes:
        task: The task that was about to be posted.
        lead: The host to which.
        mark: The mark of the task.
        posting_at: When it was about to be posted.
        task_href: The URL of the task, if there was an answer.
        run_href: The URL of its first run.
        late: By how much it missed its synchronized start.
        canceling: Whether the task was about to be canceled; whether it was is not known.
        result: The result, in the form of the journal.
        check: A check of the secrets that were taken out of task and result.
    """

    task: JSON = None
    lead: Optional[str] = None
    mark: Optional[str] = None
    posting_at: Optional[datetime] = None
    task_href: Optional[str] = None
    run_href: Optional[str] = None
    late: Optional[timedelta] = None
    canceling: bool = False
    result: JSON = None
    check: Optional[str] = None


NO_HISTORY = IterationHistory()


@dataclass
class JournalHistory:
    """
    What earlier tries of a batch recorded.

    Attributes:
        start: When the batch started.
        job_starts: When each job that has started did, by its number.
        job_iterations: The number of iterations of each of them.
        retry_starts: When later attempts at iterations of a job started, by the numbers of job and attempt.
        iterations: The places of the lines about each attempt at an iteration; the results in these lines may be too
            large to be in memory together.
        end: When the batch was completed; None if it was not.
        seed: The seed of the random order of iterations; None if it is not random.
    """

    start: datetime
    job_starts: Dict[int, datetime] = field(default_factory=dict)
    job_iterations: Dict[int, int] = field(default_factory=dict)
    retry_starts: Dict[Tuple[int, int], datetime] = field(default_factory=dict)
    iterations: Dict[AttemptKey, Tuple[Extent, ...]] = field(default_factory=dict)
    end: Optional[datetime] = None
    seed: Optional[int] = None


def read_history(lines: Iterator[bytes], identity: Identity, path: str) -> Tuple[Optional[JournalHistory], int]:
    """
    Read a journal, with at most one line of it in memory.

    Args:
        lines: The lines with their line ends. Only the last one can be torn by a crash: it has no line end, or has
            pages that never reached the disk. It is dropped.
        identity: That of the batch to which the journal must belong.
        path: The name of the file, for messages.

    Returns:
        The history, None without a single whole line; and the length of the whole lines in bytes.

    Raises:
        JournalError: The file is not a journal, belongs to another batch, or was changed.
    """
    history: Optional[JournalHistory] = None
    length = 0
    for number, line in enumerate(lines, 1):
        event = _event_of(line)
        if event is None or not line.endswith(b"\n"):
            if next(lines, None) is None and _may_be_torn(line):
                break
            raise JournalError(f"{printable(path)} is not a journal, or is damaged: line {number} cannot be read")
        try:
            if history is None:
                history = _start(event, identity, path)
            else:
                _add(history, event, (length, len(line)))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise JournalError(f"{printable(path)} is damaged: line {number} is not an event: {error!r}") from error
        length += len(line)
    return history, length


def history_of_lines(lines: Iterable[bytes]) -> IterationHistory:
    """
    Return what was recorded of an iteration.

    Args:
        lines: The lines at the places that a :class:`JournalHistory` has.

    Raises:
        ArithmeticError, AttributeError, KeyError, TypeError, ValueError: The lines have changed.
    """
    history = IterationHistory()
    for line in lines:
        event = json.loads(line)
        history = _added(history, event["event"], event)
    return history


def _start(head: JournalEntry, identity: Identity, path: str) -> JournalHistory:
    if head.get("event") != "batch":
        raise JournalError(f"{printable(path)} is not the journal of a batch")
    if head.get("version") != VERSION:
        raise JournalError(
            f"{printable(path)} is a journal of version {head.get('version')}; this program reads version {VERSION}"
        )
    different = differences(head["identity"], identity)
    if different:
        raise JournalError(
            f"{printable(path)} is the journal of another batch or of other options, which differ in {different}; "
            "resume it with the input and the options with which it was started, or use a new --journal"
        )
    seed = head.get("seed")
    return JournalHistory(parse_timestamp(head["start"]), seed=None if seed is None else int(seed))


def _event_of(line: bytes) -> Optional[JournalEntry]:
    try:
        event = json.loads(line)
    except (RecursionError, ValueError):
        return None
    return event if isinstance(event, dict) else None


def _may_be_torn(line: bytes) -> bool:
    """Return whether a crash may have torn one of our lines; a disk has zeros for pages that never reached it."""
    start = line[: len(BEGINNING)]
    return b"\0" in line or start == BEGINNING[: len(start)]


def _add(history: JournalHistory, event: JournalEntry, place: Extent) -> None:
    kind = event["event"]
    if kind == "job":
        history.job_starts[event["job"]] = parse_timestamp(event["start"])
        history.job_iterations[event["job"]] = int(event["iterations"])
    elif kind == "retry":
        history.retry_starts[event["job"], event["attempt"]] = parse_timestamp(event["start"])
    elif kind == "end":
        history.end = parse_timestamp(event["end"])
    else:
        key = (event["job"], event["iteration"], event.get("attempt", 1))
        # Only to see whether it can be: errors in a journal are reported before anything is sent.
        _added(IterationHistory(), kind, event)
        # These two make all earlier lines obsolete.
        before = () if kind in {"posting", "canceled"} else history.iterations.get(key, ())
        history.iterations[key] = (*before, place)


def _added(before: IterationHistory, kind: str, event: JournalEntry) -> IterationHistory:
    if kind == "posting":
        at = parse_timestamp(event["at"])
        return IterationHistory(event["task"], event["lead"], event["mark"], at, check=event["check"])
    if kind == "posted":
        late = None if event["late"] is None else timedelta(seconds=event["late"])
        return replace(before, task_href=event["href"], late=late)
    if kind == "run":
        return replace(before, run_href=event["href"])
    if kind == "canceling":
        return replace(before, canceling=True)
    if kind == "canceled":
        return IterationHistory()
    if kind == "result":
        return replace(before, result=event["result"], check=event["check"])
    raise ValueError(f"unknown event {kind!r}")


def record_result(result: IterationResult) -> Dict[str, Any]:
    """
    Write everything obtained of an iteration, except its task, as JSON.

    >>> from pscheduler_batch.model import Iteration
    >>> iteration = Iteration(0, 0, "rtt/0", timedelta(0), {})
    >>> result = IterationResult(iteration, failure=Failure("no", "posting the task", "https://ps.example.net/"))
    >>> restore_result(iteration, record_result(result)) == result
    True
    """
    return {
        "href": result.task_href,
        "runs": [
            {
                "document": run.run.document,
                "formats": dict(run.formats),
                "failures": {media_type: _record_failure(failure) for media_type, failure in run.failures.items()},
            }
            for run in result.runs
        ],
        "failure": None if result.failure is None else _record_failure(result.failure),
        "late": None if result.late is None else result.late.total_seconds(),
        "lead_run": None if result.lead_run is None else result.lead_run.document,
    }


def restore_result(iteration: Iteration, record: Mapping[str, Any]) -> IterationResult:
    """
    Read a result that :func:`record_result` wrote.

    Args:
        iteration: The iteration, with the task that was submitted.
        record: What was written.

    Raises:
        SchedulerError: A run in it is not a run.
    """
    # Older journals do not have it.
    lead_run = record.get("lead_run")
    return IterationResult(
        iteration,
        task_href=record["href"],
        runs=tuple(_restore_run(run) for run in record["runs"]),
        failure=_restore_failure(record["failure"]),
        late=None if record["late"] is None else timedelta(seconds=record["late"]),
        lead_run=None if lead_run is None else _recorded_run(lead_run),
    )


def _restore_run(record: Mapping[str, Any]) -> RunResult:
    failures = {media_type: Failure(**failure) for media_type, failure in record["failures"].items()}
    return RunResult(_recorded_run(record["document"]), record["formats"], failures)


def _recorded_run(document: JSON) -> Run:
    return run_of(document, doing="reading the journal", url="the journal")


def _record_failure(failure: Failure) -> Dict[str, Any]:
    may_pass = {"may_pass": True} if failure.may_pass else {}
    return {"message": failure.message, "doing": failure.doing, "url": failure.url, **may_pass}


def _restore_failure(record: JSON) -> Optional[Failure]:
    return None if record is None else Failure(**record)
