"""The times that are reserved for tests that cannot run in parallel with others."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Dict, Optional, Tuple

_RESERVING = frozenset({"exclusive", "normal"})


class Bookings:
    """
    The calendar of one server.

    An exclusive test shares its time with no other exclusive or normal test; background tests need no reservation.
    """

    def __init__(self) -> None:
        self._taken: Dict[str, Tuple[datetime, datetime, str]] = {}

    def find(
        self, kind: str, wanted: datetime, slip: timedelta, duration: timedelta, not_before: Optional[datetime] = None
    ) -> Optional[datetime]:
        """
        Return the first possible start of a test, or None if there is none.

        Args:
            kind: Its scheduling class.
            wanted: The requested start.
            slip: How much later than that it may start.
            duration: How long it takes.
            not_before: The earliest start, within the slip.
        """
        start = max(wanted, not_before or wanted)
        ends = sorted(end for _, end, other in self._taken.values() if _collide(kind, other))
        for candidate in [start, *(end for end in ends if end > start)]:
            if candidate > wanted + slip:
                return None
            if self._is_free(kind, candidate, candidate + duration):
                return candidate
        return None

    def take(self, name: str, kind: str, start: datetime, end: datetime) -> None:
        """Reserve a time under a name, in place of an earlier one; background tests reserve nothing."""
        if kind in _RESERVING:
            self._taken[name] = (start, end, kind)

    def free(self, name: str) -> None:
        """Release the time that is reserved under a name, if any."""
        self._taken.pop(name, None)

    def _is_free(self, kind: str, start: datetime, end: datetime) -> bool:
        return not any(
            _collide(kind, other) and start < other_end and other_start < end
            for other_start, other_end, other in self._taken.values()
        )


def _collide(one: str, other: str) -> bool:
    return one in _RESERVING and other in _RESERVING and "exclusive" in {one, other}
