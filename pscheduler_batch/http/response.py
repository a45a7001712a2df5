"""An HTTP response: statuses and what they mean, and what the header says about time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Mapping, Optional

# The statuses that decide what happens next; scheduler/api.py says which of them pScheduler itself uses for what.
OK = 200
NO_CONTENT = 204
REDIRECTION = 300
BAD_REQUEST = 400
NOT_FOUND = 404
# May be retried if it says when, in Retry-After.
TOO_MANY = 429
# Something broke in the application; retried a few times, unless it was killed because the host is too slow.
INTERNAL = 500
KILLED = "Process took too long to run"
# A gateway answers for an application that is down, overloaded or too slow; retried. The same is said of a long poll
# that a web server cuts, which is not a failure [e20a].
GATEWAY = frozenset({502, 503, 504})

# The Date of a reply has whole seconds and is a little old, so clocks closer than this count as equal.
SAME_CLOCK = timedelta(seconds=2.5)


@dataclass(frozen=True)
class Reply:
    """
    An HTTP response.

    Attributes:
        status: The status code.
        headers: The header fields, names in lower case.
        body: The whole body, decompressed.
        elapsed: How many seconds passed from the start of the request to the end of the response.
        in_vain: How long the request was tried, or why it was not retried, in words; empty if it was not given up.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float = field(default=0.0, compare=False)
    in_vain: str = ""

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def overloaded(self) -> bool:
        """
        Whether it says that the server has too much to do or is down, so that it may answer later (ADR 50).

        A pScheduler server that is too slow kills its own plug-ins, and says so in a 500, after the name of the step
        that it was at [o10]. A 429 is not among these answers: the server can do it, but does not want to.

        >>> Reply(500, {}, b"Unable to determine participants: Process took too long to run.").overloaded
        True
        """
        return self.status in GATEWAY or (self.status == INTERNAL and KILLED in self.text)

    @property
    def date(self) -> Optional[datetime]:
        """The server's clock at some moment of the request, in whole seconds; None if it is not given."""
        return _http_date(self.headers.get("date", ""))

    def retry_after(self, now: datetime) -> Optional[timedelta]:
        """
        Return when the server wants to be asked again: in so many seconds, or at a certain time (RFC 9110, 10.2.3).

        Args:
            now: Our time, for a server that does not give its own.
        """
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return timedelta(days=1) if len(value) > len("86400") else timedelta(seconds=int(value))
        moment = _http_date(value)
        return None if moment is None else max(moment - (self.date or now), timedelta(0))

    def clock_offset(self, now: datetime) -> timedelta:
        """
        Return how far the server's clock is ahead of ours.

        Stock servers write the time at which a request began into its answer, even if that comes a minute later [e20a];
        others the time of the answer. Whatever lies between is not a difference.

        Args:
            now: Our time when the answer came.

        >>> noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
        >>> Reply(200, {"date": "Sun, 01 Mar 2026 14:00:00 GMT"}, b"").clock_offset(noon).total_seconds()
        7200.0
        """
        date = self.date
        if date is None:
            return timedelta(0)
        elapsed = timedelta(seconds=self.elapsed)
        offset = date - (now - elapsed)
        return timedelta(0) if -SAME_CLOCK < offset < elapsed + SAME_CLOCK else offset


def _http_date(value: str) -> Optional[datetime]:
    """Parse a date of a header field; None if it is not one, or not in the calendar."""
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    # A zone of "-0000" gives a time without one; in HTTP all dates are in UTC.
    return date if date.tzinfo is not None else date.replace(tzinfo=timezone.utc)
