"""The time, and waiting for it, so that tests can put their own in its place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Awaitable, Callable


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Clock:
    """
    The time and the waiting, so that tests need not wait.

    Attributes:
        now: Says what time it is, with zone.
        sleep: Waits for a number of seconds.
    """

    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
