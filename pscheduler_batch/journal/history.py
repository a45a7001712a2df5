"""
What an earlier try of a batch left in its journal.

The lines of a journal are read here; they are written, and what they mean is said, in
:mod:`~pscheduler_batch.journal.journal`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Dict, Iterable, Iterator, Optional, Tuple

from pscheduler_batch.iso8601 import parse_timestamp
from pscheduler_batch.journal.interface import IterationHistory, JournalError

VERSION = 1

# How every line of a journal begins.
BEGINNING = b'{"event":"'

Key = Tuple[int, int]

# Where a line begins, and how long it is, both in bytes.
Place = Tuple[int, int]

Event = Dict[str, Any]


@dataclass
class JournalHistory:
    """
    What is known of a batch from an earlier try.

    Attributes:
        start: When the batch began.
        job_starts: When each job that has begun did, by its number.
        job_iterations: How many iterations each of them has.
        iterations: Where in the journal the lines are that say what is known of iterations, by the numbers of job and
            iteration; the results in them may be too large to be in memory together.
        end: When the batch was carried through; None where it was not.
    """

    start: datetime
    job_starts: Dict[int, datetime] = field(default_factory=dict)
    job_iterations: Dict[int, int] = field(default_factory=dict)
    iterations: Dict[Key, Tuple[Place, ...]] = field(default_factory=dict)
    end: Optional[datetime] = None


def read_history(lines: Iterator[bytes], digest: str, path: str) -> Tuple[Optional[JournalHistory], int]:
    """
    Read a journal; no more than one line of it is in memory at a time.

    Args:
        lines: The lines with their ends. What a crash has torn can only be the last one: it is without its end, or
            has pages in it that never got to the disk. That is dropped.
        digest: Which batch the journal must be of.
        path: The name of the file, for messages.

    Returns:
        The past, None where there is not one whole line; and how many bytes the whole lines take.

    Raises:
        JournalError: The file is something else, is the journal of another batch, or was changed by somebody.
    """
    past: Optional[JournalHistory] = None
    length = 0
    for number, line in enumerate(lines, 1):
        event = _event_of(line)
        if event is None or not line.endswith(b"\n"):
            if next(lines, None) is None and _may_be_torn(line):
                break
            raise JournalError(f"{path} is no journal, or is damaged: line {number} cannot be read")
        try:
            if past is None:
                past = _begin(event, digest, path)
            else:
                _add(past, event, (length, len(line)))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise JournalError(f"{path} is damaged: line {number} is no event: {error!r}") from error
        length += len(line)
    return past, length


def history_of_lines(lines: Iterable[bytes]) -> IterationHistory:
    """
    Say what is known of an iteration.

    Args:
        lines: Those that :class:`Past` has the places of.

    Raises:
        ArithmeticError, AttributeError, KeyError, TypeError, ValueError: They are not what they were.
    """
    past = IterationHistory()
    for line in lines:
        event = json.loads(line)
        past = _added(past, event["event"], event)
    return past


def _begin(head: Event, digest: str, path: str) -> JournalHistory:
    if head.get("event") != "batch":
        raise JournalError(f"{path} is no journal of a batch")
    if head.get("version") != VERSION:
        raise JournalError(f"{path} is a journal of version {head.get('version')}; this program knows {VERSION}")
    if head.get("digest") != digest:
        raise JournalError(
            f"{path} is the journal of another batch, or of other options: it is of {head.get('digest')}, "
            f"and this is {digest}"
        )
    return JournalHistory(parse_timestamp(head["start"]))


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


def _add(past: JournalHistory, event: Event, place: Place) -> None:
    kind = event["event"]
    if kind == "job":
        past.job_starts[event["job"]] = parse_timestamp(event["start"])
        past.job_iterations[event["job"]] = int(event["iterations"])
    elif kind == "end":
        past.end = parse_timestamp(event["end"])
    else:
        key = (event["job"], event["iteration"])
        # Only to see that it can be: what is wrong with a journal is said before anything is sent.
        _added(IterationHistory(), kind, event)
        # What was before these two does not count any more.
        before = () if kind in {"posting", "canceled"} else past.iterations.get(key, ())
        past.iterations[key] = (*before, place)


def _added(before: IterationHistory, kind: str, event: Event) -> IterationHistory:
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
