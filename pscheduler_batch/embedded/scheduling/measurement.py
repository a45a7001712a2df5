"""What comes out of a test's measurement, brought into the forms that runs have."""

from __future__ import annotations

import traceback
from datetime import datetime
from typing import Any, AsyncGenerator, Mapping, Optional, Tuple

from pscheduler_batch.embedded.scheduling.tasks_and_runs import Run
from pscheduler_batch.embedded.test import Outcome, Test


async def outcomes(test: Test, spec: Mapping[str, Any]) -> AsyncGenerator[Outcome, None]:
    """Make a measurement and give what comes of it; the test has ended when this has, however this ends."""
    measuring = test.measure(spec)
    try:
        async for outcome in measuring:
            yield outcome
    finally:
        close = getattr(measuring, "aclose", None)
        if close is not None:
            await close()


async def first_outcome(test: Test, spec: Mapping[str, Any]) -> Optional[Outcome]:
    """Make a measurement and give the first outcome, None where the test ends without one."""
    every = outcomes(test, spec)
    try:
        async for outcome in every:
            return outcome
    finally:
        await every.aclose()
    return None


def failure(error: Exception) -> Outcome:
    """Turn an error of a test into the outcome that it is."""
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    report = {"succeeded": False, "result": None, "error": str(error) or type(error).__name__, "diags": lines}
    return Outcome(merged={"succeeded": False}, full=(report,), errors=lines)


def reports(outcome: Outcome) -> Tuple[Mapping[str, Any], ...]:
    """Give what the participants reported, the lead first; a test that leaves this out reports its merged result."""
    succeeded = outcome.merged.get("succeeded") is True
    return outcome.full or ({"succeeded": succeeded, "result": outcome.merged, "error": None, "diags": ""},)


def extra_run(outcome: Outcome, now: datetime) -> Run:
    """Make one of the further runs of a test with several results, over the moment that it appears (h10-run01)."""
    return Run(
        added=now,
        start_time=now,
        end_time=now,
        state="finished" if outcome.merged.get("succeeded") is True else "failed",
        errors=outcome.errors,
        result_merged=outcome.merged,
        is_extra=True,
    )
