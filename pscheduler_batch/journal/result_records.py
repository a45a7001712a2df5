"""Results as JSON and back, for the journal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Dict, Mapping, Optional

from pscheduler_batch.model import JSON, Failure, Iteration, IterationResult, RunResult
from pscheduler_batch.scheduler.api import run_of


def record_result(result: IterationResult) -> Dict[str, Any]:
    """
    Write everything obtained of an iteration, but for its task.

    >>> from pscheduler_batch.model import Iteration
    >>> iteration = Iteration(0, 0, "rtt/0", timedelta(0), {})
    >>> result = IterationResult(iteration, failure=Failure("no", "posting the task", "https://ps.example.net/"))
    >>> restore_result(iteration, record_result(result)) == result
    True
    """
    return {
        "href": result.task_href,
        "runs": [
            {
                "document": run.run.document,
                "formats": dict(run.formats),
                "failures": {media_type: _record_failure(failure) for media_type, failure in run.failures.items()},
            }
            for run in result.runs
        ],
        "failure": None if result.failure is None else _record_failure(result.failure),
        "late": None if result.late is None else result.late.total_seconds(),
    }


def restore_result(iteration: Iteration, record: Mapping[str, Any]) -> IterationResult:
    """
    Read a result that :func:`record_result` wrote.

    Args:
        iteration: What it is the result of, with the task that was submitted.
        record: What was written.

    Raises:
        SchedulerError: A run in it is none.
    """
    return IterationResult(
        iteration,
        task_href=record["href"],
        runs=tuple(_restore_run(run) for run in record["runs"]),
        failure=_restore_failure(record["failure"]),
        late=None if record["late"] is None else timedelta(seconds=record["late"]),
    )


def _restore_run(record: Mapping[str, Any]) -> RunResult:
    failures = {media_type: Failure(**failure) for media_type, failure in record["failures"].items()}
    run = run_of(record["document"], doing="reading the journal", url="the journal")
    return RunResult(run, record["formats"], failures)


def _record_failure(failure: Failure) -> Dict[str, str]:
    return {"message": failure.message, "doing": failure.doing, "url": failure.url}


def _restore_failure(record: JSON) -> Optional[Failure]:
    return None if record is None else Failure(**record)
