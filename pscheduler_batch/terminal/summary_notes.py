"""Notes below the summary of a batch: about slow hosts (ADR 49), and about second attempts (ADR 71)."""

from __future__ import annotations

from typing import Dict, List, Set, Tuple

from pscheduler_batch.events import AttemptEnded, Event, IterationEnded, LimitChanged
from pscheduler_batch.text import count_words, shorten

# The maximum number of hosts with a line of their own; the others are counted.
MANY = 10


class SlowHosts:
    """Watches a batch for hosts whose limit of concurrent requests was reduced, or that were overloaded."""

    KINDS = (LimitChanged,)

    def __init__(self) -> None:
        """Prepare to watch."""
        self._hosts: Dict[str, _SlowHost] = {}

    def watch(self, event: Event) -> None:
        """Take an event; a :data:`pscheduler_batch.events.Watch`."""
        if (
            isinstance(event, LimitChanged)
            and event.reason is not None
            and (event.overload or event.limit < event.most)
        ):
            self._hosts.setdefault(event.host, _SlowHost()).note(event)

    def notes(self) -> List[str]:
        """Return a line for each of these hosts, fit for a terminal."""
        lines = [f"note: {shorten(name)} {host.describe()}" for name, host in list(self._hosts.items())[:MANY]]
        if len(self._hosts) > MANY:
            lines.append(f"note: {len(self._hosts) - MANY:,} more hosts were slow or overloaded")
        return lines


class _SlowHost:
    """One of them."""

    def __init__(self) -> None:
        self._least: Dict[bool, int] = {}
        self._overloads: List[str] = []
        self._slow = ""

    def note(self, changed: LimitChanged) -> None:
        self._least[changed.submitting] = min(changed.limit, self._least.get(changed.submitting, changed.limit))
        if changed.overload:
            self._overloads.append(changed.reason or "")
        elif changed.submitting or not self._slow:
            self._slow = changed.reason or ""

    def describe(self) -> str:
        if self._overloads:
            reasons: Set[str] = set(self._overloads)
            was = f"was overloaded ({', '.join(sorted(reasons))})"
        else:
            was = f"was slow ({self._slow})"
        least = [
            count_words(self._least[is_submitting], what)
            for is_submitting, what in ((True, "concurrent submission"), (False, "other concurrent request"))
            if is_submitting in self._least
        ]
        return f"{was}; lowest limit: {', '.join(least)}"


class RetryNotes:
    """Watches a batch for iterations that are submitted again."""

    KINDS = (AttemptEnded, IterationEnded)

    def __init__(self) -> None:
        """Prepare to watch."""
        self._retried: Set[Tuple[int, int]] = set()
        self._succeeded = 0

    def watch(self, event: Event) -> None:
        """Take an event; a :data:`pscheduler_batch.events.Watch`."""
        if not isinstance(event, (AttemptEnded, IterationEnded)):
            return
        iteration, failure = event.result.iteration, event.result.failure
        # A failure without a URL is our own: the batch ended before this attempt was made.
        if iteration.attempt > 1 and (event.result.task_href is not None or failure is None or failure.url):
            self._retried.add((iteration.job, iteration.number))
            self._succeeded += isinstance(event, IterationEnded) and event.succeeded

    def notes(self) -> List[str]:
        """Return a line if there were any, fit for a terminal."""
        count = len(self._retried)
        if not count:
            return []
        was = "was" if count == 1 else "were"
        return [
            f"note: {count_words(count, 'iteration')} {was} submitted again; {self._succeeded:,} succeeded in the end"
        ]
