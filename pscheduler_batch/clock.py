"""The time, and waiting for it, which tests replace."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import Awaitable, Callable


@dataclass(frozen=True)
class Clock:
    """
    A clock.

    Attributes:
        now: Returns the time, with its time zone.
        sleep: Waits for a number of seconds.
    """

    now: Callable[[], datetime] = partial(datetime.now, timezone.utc)
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
