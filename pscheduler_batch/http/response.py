"""An answer of a web server, and what its head says of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Mapping, Optional


@dataclass(frozen=True)
class Reply:
    """
    An HTTP answer.

    Attributes:
        status: The status code.
        headers: The header fields, names in lower case.
        body: The whole body, decompressed.
        elapsed: How many seconds the request took, from its beginning to the end of the answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float = 0.0

    @property
    def text(self) -> str:
        """The body as text, whatever is in it."""
        return self.body.decode("utf-8", "replace")

    @property
    def date(self) -> Optional[datetime]:
        """What the server's clock said at some moment of the request, in whole seconds; None if it did not say."""
        return _http_date(self.headers.get("date", ""))

    def retry_after(self, now: datetime) -> Optional[timedelta]:
        """
        Say when the server wants to be asked again: in so many seconds, or at a certain time (RFC 9110, 10.2.3).

        Args:
            now: Our time, for a server that does not say what its own is.
        """
        value = self.headers.get("retry-after", "").strip()
        if value.isascii() and value.isdigit():
            return timedelta(days=1) if len(value) > len("86400") else timedelta(seconds=int(value))
        moment = _http_date(value)
        return None if moment is None else max(moment - (self.date or now), timedelta(0))


def _http_date(value: str) -> Optional[datetime]:
    """Read a date of a header field; None where it is none, or one that the calendar does not have."""
    try:
        date = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    # A zone of "-0000" gives a time without one; in HTTP all dates are in UTC.
    return date if date.tzinfo is not None else date.replace(tzinfo=timezone.utc)
