"""
What an earlier try of a batch left in its journal.

The lines of a journal are read here; they are written, and what they mean is said, in
:mod:`~pscheduler_batch.journal`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Dict, List, Optional, Tuple

from pscheduler_batch.errors import BatchError
from pscheduler_batch.iso8601 import parse_timestamp
from pscheduler_batch.model import JSON

VERSION = 1

# How every line of a journal begins.
BEGINNING = b'{"event":"'

Key = Tuple[int, int]
Event = Dict[str, Any]


class JournalError(BatchError):
    """A journal that cannot be written, read, or used for this batch."""


@dataclass(frozen=True)
class IterationPast:
    """
    What is known of one iteration from an earlier try.

    Attributes:
        task: The task that was about to be posted; None where none was.
        lead: Where to.
        mark: Its mark; None where it had none.
        posting_at: When it was about to be posted.
        task_href: Where the task is; None where no answer is known.
        run_href: Where its first run is; None where none was seen.
        late: By how much it missed its synchronized start.
        canceling: Whether the task was about to be canceled, and it is not known whether it was.
        result: What became of it, as it was recorded; None where it was not done.
        check: Of the secrets that were taken out of task and result; None where there were none.
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


@dataclass
class Past:
    """
    What is known of a batch from an earlier try; what is known of iterations is still sealed.

    Attributes:
        start: When the batch began.
        job_starts: When each job that has begun did, by its number.
        job_iterations: How many iterations each of them has.
        iterations: What is known of iterations, by the numbers of job and iteration.
        end: When the batch was carried through; None where it was not.
    """

    start: datetime
    job_starts: Dict[int, datetime] = field(default_factory=dict)
    job_iterations: Dict[int, int] = field(default_factory=dict)
    iterations: Dict[Key, IterationPast] = field(default_factory=dict)
    end: Optional[datetime] = None


def read_events(data: bytes, path: str) -> Tuple[List[Event], int]:
    """
    Read the lines of a journal.

    Args:
        data: The whole file. What a crash has torn can only be its end: a line without its end, or the last line with
            pages in it that never got to the disk. That is dropped.
        path: The name of the file, for messages.

    Returns:
        The events, and how many bytes they take.

    Raises:
        JournalError: The file is something else, or was changed by somebody.
    """
    events: List[Event] = []
    length = 0
    lines = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        event = _event_of(line)
        if event is None or number == len(lines):
            if not any(lines[number:]) and len(lines) - number <= 1 and _may_be_torn(line):
                break
            raise JournalError(f"{path} is no journal, or is damaged: line {number} cannot be read")
        events.append(event)
        length += len(line) + 1
    return events, length


def past_of_events(events: List[Event], digest: str, path: str) -> Past:
    """
    Make a past of the events of a journal.

    Args:
        events: At least one.
        digest: Which batch the journal must be of.
        path: The name of the file, for messages.

    Raises:
        JournalError: It is of another batch, or was changed by somebody.
    """
    head = events[0]
    if head.get("event") != "batch":
        raise JournalError(f"{path} is no journal of a batch")
    if head.get("version") != VERSION:
        raise JournalError(f"{path} is a journal of version {head.get('version')}; this program knows {VERSION}")
    if head.get("digest") != digest:
        raise JournalError(
            f"{path} is the journal of another batch, or of other options: it is of {head.get('digest')}, "
            f"and this is {digest}"
        )
    number = 1
    try:
        past = Past(parse_timestamp(head["start"]))
        for number, event in enumerate(events[1:], 2):  # noqa: B007 - the message says which it was
            _add(past, event)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise JournalError(f"{path} is damaged: line {number} is no event: {error!r}") from error
    return past


def _event_of(line: bytes) -> Optional[Event]:
    try:
        event = json.loads(line)
    except (RecursionError, ValueError):
        return None
    return event if isinstance(event, dict) else None


def _may_be_torn(line: bytes) -> bool:
    """Say whether a line may be what a crash left of one of ours; disks give pages of zeros for what they never got."""
    start = line[: len(BEGINNING)]
    return b"\0" in line or start == BEGINNING[: len(start)]


def _add(past: Past, event: Event) -> None:
    kind = event["event"]
    if kind == "job":
        past.job_starts[event["job"]] = parse_timestamp(event["start"])
        past.job_iterations[event["job"]] = int(event["iterations"])
    elif kind == "end":
        past.end = parse_timestamp(event["end"])
    else:
        key = (event["job"], event["iteration"])
        after = _added(past.iterations.get(key, IterationPast()), kind, event)
        past.iterations[key] = after


def _added(before: IterationPast, kind: str, event: Event) -> IterationPast:
    if kind == "posting":
        at = parse_timestamp(event["at"])
        return IterationPast(event["task"], event["lead"], event["mark"], at, check=event["check"])
    if kind == "posted":
        late = None if event["late"] is None else timedelta(seconds=event["late"])
        return replace(before, task_href=event["href"], late=late)
    if kind == "run":
        return replace(before, run_href=event["href"])
    if kind == "canceling":
        return replace(before, canceling=True)
    if kind == "canceled":
        return IterationPast()
    if kind == "result":
        return replace(before, result=event["result"], check=event["check"])
    raise ValueError(f"unknown event {kind!r}")
