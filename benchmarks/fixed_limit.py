"""
The real command, but with a fixed limit of concurrent requests per host instead of one that adapts (ADR 49).

The first argument is the limit, the others are those of the command.
"""

from __future__ import annotations

import sys
from typing import Optional
from unittest.mock import patch

from pscheduler_batch.http.adaptive_limit import AdaptiveLimit, Changed
from pscheduler_commands import batch


class FixedLimit(AdaptiveLimit):
    """A limit that is its upper bound, whatever happens."""

    def __init__(self, most: int, changed: Optional[Changed] = None) -> None:
        super().__init__(most, changed)
        self.limit = most

    def note_answer(self, kind: str, seconds: float, cuts: int, *, needed: bool) -> None:
        """Do nothing."""

    def note_overload(self, reason: str, cuts: int) -> None:
        """Do nothing."""


if __name__ == "__main__":
    sys.argv[1:2] = ["--max-connections", sys.argv[1]]
    with patch("pscheduler_batch.http.client.AdaptiveLimit", FixedLimit):
        batch()
