"""Which times are taken by tests that tolerate no company."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Dict, Optional, Tuple

_LONERS = frozenset({"exclusive", "normal"})


class Bookings:
    """
    The calendar of one server.

    An exclusive test shares its time with no other exclusive and no normal test; background tests take part in
    nothing of this.
    """

    def __init__(self) -> None:
        self._taken: Dict[str, Tuple[datetime, datetime, str]] = {}

    def find(
        self, kind: str, wanted: datetime, slip: timedelta, duration: timedelta, not_before: Optional[datetime] = None
    ) -> Optional[datetime]:
        """
        Find the first start that suits a test.

        Args:
            kind: Its scheduling class.
            wanted: When it is to start.
            slip: How much later than that it may start.
            duration: How long it takes.
            not_before: Start no earlier than this, inside the slip.

        Returns:
            The start, or None where no time is free.
        """
        start = max(wanted, not_before or wanted)
        ends = sorted(end for begin, end, other in self._taken.values() if _collide(kind, other))
        for candidate in [start, *(end for end in ends if end > start)]:
            if candidate > wanted + slip:
                return None
            if self._is_free(kind, candidate, candidate + duration):
                return candidate
        return None

    def take(self, name: str, kind: str, start: datetime, end: datetime) -> None:
        """Take a time under a name, instead of the one that was taken under it before; background tests take none."""
        if kind in _LONERS:
            self._taken[name] = (start, end, kind)

    def free(self, name: str) -> None:
        """Give back what was taken under a name; nothing where nothing was."""
        self._taken.pop(name, None)

    def _is_free(self, kind: str, start: datetime, end: datetime) -> bool:
        return not any(
            _collide(kind, other) and start < other_end and begin < end
            for begin, other_end, other in self._taken.values()
        )


def _collide(one: str, other: str) -> bool:
    return one in _LONERS and other in _LONERS and "exclusive" in {one, other}
