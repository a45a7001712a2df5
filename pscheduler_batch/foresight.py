"""
Foreseeing when a run can be over, so that it is looked for then and not before.

A run that is first looked for when it is done costs one request less: the answer to the question for the first run has
its result in it [e08]. What a run takes beside its known length, and how long after the POST it begins, differs with
the server and the tool; the quickest run that was seen says it, so that nobody waits for long because of looking late.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Dict, Optional, Set, Tuple

from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.lengths import Length, known_length
from pscheduler_batch.model import JSONObject, Run
from pscheduler_batch.rest import host_of, is_final

# Runs that take longer are looked for early, so that one that is denied or moved is not found out long afterwards.
LONGEST = timedelta(minutes=1)

# No run was ever seen to begin sooner after the answer to its POST on a server with nothing else to do [t-timings], so
# that none is looked for later than this because others were slow to begin.
SOONEST = timedelta(seconds=4)

# Tests of one host alone, whose runs are over soon after their length. Where two take part, only the announced end
# counts: iperf3 announces 12 seconds for 3 [m-thr-01-detail]. Of several results none is ever the lead run's [h10].
_OVER_WITH_THEIR_LENGTH = frozenset({"clock", "dns", "http", "idle", "idleex", "noop", "rtt"})

_NONE = timedelta(0)

# The host, the type of the test, and its specification where it does not say how long the test takes.
_Kind = Tuple[str, str, str]


@dataclass(frozen=True)
class Posted:
    """
    A task that a server has accepted.

    Attributes:
        href: The task.
        task: What was posted.
        at: When, by our clock; None where nobody remembers.
        start: Its synchronized start, where it has one that it was not too late for.
    """

    href: str
    task: JSONObject
    at: Optional[datetime] = None
    start: Optional[datetime] = None


class Foresight:
    """Says when runs can be over, and learns it from those that are; belongs to one batch."""

    def __init__(self) -> None:
        self._delays: Dict[str, timedelta] = {}
        self._needs: Dict[_Kind, timedelta] = {}
        self._fruitless: Set[_Kind] = set()

    def left(self, posted: Posted, now: datetime, offset: timedelta) -> Optional[timedelta]:
        """
        Say for how long no result of a task is to be expected.

        Args:
            posted: The task.
            now: The time.
            offset: How far ahead of ours the clock of its server is.

        Returns:
            It may be negative. None where nothing is known of such runs, where they take longer than a minute, where
            the last one gave no result, or where nobody remembers when the task was posted.
        """
        takes = self._least_length(posted)
        if takes is None:
            return None
        # The offset is taken from a difference, as the calendar may not have the time itself by our clock.
        if posted.start is not None:
            return posted.start - now - offset + takes
        if posted.at is None:
            return None
        return posted.at - now + self._delays.get(host_of(posted.href), _NONE) + takes

    def _least_length(self, posted: Posted) -> Optional[timedelta]:
        """Say how long a run takes from its start until it has a result, at least; None where it is not foreseen."""
        length = known_length(posted.task)
        kind = _kind_of(posted, length)
        if kind in self._fruitless:
            return None
        takes = _least_known(posted.task, length)
        need = self._needs.get(kind)
        if need is not None and not (length is not None and length.at_most):
            takes = need + (_NONE if length is None else length.span)
        return None if takes is None or takes > LONGEST else takes

    def learn(self, posted: Posted, run: Run, offset: timedelta) -> None:
        """
        Learn from a run.

        Args:
            posted: Its task.
            run: The run, as it was first seen or when it is done.
            offset: How far ahead of ours the clock of its server is.
        """
        length = known_length(posted.task)
        kind = _kind_of(posted, length)
        if run.result_merged is not None:
            self._fruitless.discard(kind)
        elif is_final(run):
            self._fruitless.add(kind)
        if run.start_time is None:
            return
        if posted.start is None and posted.at is not None:
            host = host_of(posted.href)
            delay = max(run.start_time - posted.at - offset, _NONE)
            self._delays[host] = min(delay, self._delays.get(host, SOONEST))
        if run.end_time is not None and run.state == "finished" and run.result_merged is not None:
            need = max(run.end_time - run.start_time, _NONE) - (_NONE if length is None else length.span)
            self._needs[kind] = min(need, self._needs.get(kind, need))


def _kind_of(posted: Posted, length: Optional[Length]) -> _Kind:
    test = posted.task["test"]
    spec = "" if length is not None else json.dumps(test.get("spec"), sort_keys=True)
    return host_of(posted.href), test["type"], spec


def _least_known(task: JSONObject, length: Optional[Length]) -> Optional[timedelta]:
    """Say what a run takes at least of which nothing but its task is known; None where that says nothing."""
    test = task["test"]
    if length is None or test["type"] not in _OVER_WITH_THEIR_LENGTH:
        return None
    if test["type"] == "rtt":
        # After the last packet nobody waits any more.
        return max(length.span - parse_duration(test["spec"].get("interval", "PT1S")), _NONE)
    # A noop is announced with a second, and needs none [t-noop-waitmerged].
    return _NONE if test["type"] == "noop" else length.least
