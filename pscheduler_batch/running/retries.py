"""Which iterations are submitted again, and when (ADR 71)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from pscheduler_batch.iso8601 import LONGEST
from pscheduler_batch.model import IterationResult
from pscheduler_batch.run_states import UNMEASURED_STATES
from pscheduler_batch.scheduler.api import is_final, is_overloaded

# What is retried: iterations that measured nothing through no fault of their test, or all that failed.
UNMEASURED, ANY = "unmeasured", "any"
CHOICES = (UNMEASURED, ANY)

DEFAULT_DELAY = timedelta(seconds=10)


@dataclass(frozen=True)
class Retries:
    """
    How often iterations are submitted again.

    Attributes:
        count: How often at most; 0 for never.
        delay: How long to wait before, counted from the end of the last attempts of the job.
        on: :data:`UNMEASURED` or :data:`ANY`.
    """

    count: int = 0
    delay: timedelta = DEFAULT_DELAY
    on: str = UNMEASURED

    def __post_init__(self) -> None:
        """
        Check the values.

        Raises:
            ValueError: One is invalid.
        """
        if self.count < 0 or not timedelta(0) <= self.delay <= LONGEST or self.on not in CHOICES:
            raise ValueError(
                f"invalid retries: {self}; the count is 0 or more, the delay is 0 to {LONGEST.days:,} days, and on is "
                "unmeasured or any"
            )

    def want(self, result: IterationResult) -> bool:
        """Return whether another attempt is to be made after one."""
        if result.iteration.attempt > self.count or result.succeeded:
            return False
        if self.on == ANY:
            # A failure without a URL is our own.
            return result.failure is None or bool(result.failure.url)
        return is_unmeasured(result)


def is_unmeasured(result: IterationResult) -> bool:
    """
    Return whether an attempt measured nothing, and another one may.

    Its run did not come about or was cut, or its server was overloaded or out of reach. A test that was run and failed
    has measured just that, and a refused task is refused again.
    """
    runs = [result.run for result in result.runs]
    if any(run.succeeded for run in result.runs):
        return False
    if runs and all(map(is_final, runs)):
        return all(run.state in UNMEASURED_STATES or is_overloaded(run) for run in runs)
    return result.failure is not None and result.failure.may_pass
