"""How fast the embedded server goes about its work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """
    The times between the steps of a run, in seconds; how long the measurement itself takes is the test's affair.

    The defaults are quick enough for people who wait at a terminal.

    Attributes:
        scheduling: From the POST until the first run appears; before that there is none (recordings e01 to e04).
        setup: From the run's appearing until it starts, at the least.
        cleanup: From the local result until the merged one.
        whole_seconds: Whether runs start at whole seconds and all times are written without fractions.
        participants: For finding out who takes part in a test.
        posting: For accepting a task. As in pScheduler, one whose client leaves in that time is accepted all the same.
        giving_up: From the announced end of a run without a result until it is called missed or overdue (recordings
            f-missed-timeline and f-overdue-timeline).
    """

    scheduling: float = 0.1
    setup: float = 0.2
    cleanup: float = 0.05
    whole_seconds: bool = False
    participants: float = 0.0
    posting: float = 0.0
    giving_up: float = 33.0

    @classmethod
    def real(cls) -> Pace:
        """Give the times of an idle pScheduler server (recordings b10, c01, g31, t-timings, timelines of group f)."""
        return cls(scheduling=2.0, setup=4.0, cleanup=0.8, whole_seconds=True, participants=0.5, posting=3.0)
