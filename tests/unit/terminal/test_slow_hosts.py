"""What the summary says of slow hosts (ADR 49)."""

from __future__ import annotations

from pscheduler_batch.events import LimitChanged
from pscheduler_batch.terminal.summary_notes import MANY, SlowHosts
from tests.support.clock import after

HOST = "ps.example.net"
LOWEST = "lowest limit"
SLOW = "answers took 5.0 s instead of 1.0 s"


def limit(number: int, reason: str = "", *, host: str = HOST, submitting: bool = True, overload: bool = False):
    """Make an event."""
    return LimitChanged(after(1), host, submitting, number, 8, growing=False, reason=reason or None, overload=overload)


def notes(*events: LimitChanged):
    """Return the notes after some events."""
    hosts = SlowHosts()
    for event in events:
        hosts.watch(event)
    return hosts.notes()


def test_fast_hosts_are_not_mentioned():
    """Neither is one that is slow at the greatest limit."""

    assert notes(limit(4), limit(8), limit(8, "answers took 4.0 s")) == []


def test_a_slow_host_is_mentioned_with_what_it_was_at():
    """The fewest requests of each kind, and the time of submissions rather than that of others."""

    assert notes(
        limit(3, "answers took 4.0 s instead of 1.0 s"),
        limit(5, "answers took 1.0 s instead of 0.3 s", submitting=False),
        limit(2, SLOW),
        limit(3),
    ) == [f"note: {HOST} was slow ({SLOW}); {LOWEST}: 2 concurrent submissions, 5 other concurrent requests"]


def test_what_a_host_said_of_overload_is_quoted():
    """Each thing once."""

    assert notes(
        limit(4, SLOW),
        limit(2, "answered 503", overload=True),
        limit(1, "answered 503", overload=True),
        limit(1, "answered 500", overload=True),
    ) == [f"note: {HOST} was overloaded (answered 500, answered 503); {LOWEST}: 1 concurrent submission"]


def test_of_many_hosts_not_all_are_listed():
    """The others are counted."""
    found = notes(*(limit(2, "answered 503", host=f"{number}.example.net", overload=True) for number in range(1200)))

    assert len(found) == MANY + 1
    assert found[-1] == f"note: {1200 - MANY:,} more hosts were slow or overloaded"
