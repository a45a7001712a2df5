"""The delays of the embedded server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """
    The delays between the steps of a run, in seconds; the duration of the measurement itself depends on the test.

    The defaults are short enough for interactive use.

    Attributes:
        scheduling: From the POST until the first run exists (recordings e01 to e04).
        setup: The minimum from the creation of a run until its start.
        cleanup: From the local result until the merged one.
        whole_seconds: Whether runs start at whole seconds and all times are written without fractions.
        participants: For finding the participants of a test, its tools, or the specification that arguments describe.
        posting: For accepting a task. As in pScheduler, a task is accepted even if its client disconnects meanwhile.
        giving_up: From the announced end of a run without a result until it becomes missed or overdue (recordings
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
        """Return those of an idle pScheduler server (recordings b10, c01, g31, t-timings, timelines of group f)."""
        return cls(scheduling=2.0, setup=4.0, cleanup=0.8, whole_seconds=True, participants=0.5, posting=3.0)
