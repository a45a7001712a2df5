"""
Check everything about a batch that needs no server (``--check``).

All errors are reported at once: an invalid job, or a script that had to be stopped, does not keep the rest from being
checked.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.errors import InputError, OptionError, Problem
from pscheduler_batch.input.loader import load_right_parts
from pscheduler_batch.input.locations import in_order
from pscheduler_batch.model import JSON, Batch, Plan
from pscheduler_batch.planning.check_result import CheckResult
from pscheduler_batch.planning.parallel_limit import limit_parallel
from pscheduler_batch.planning.planner import DEFAULT_MAX_ITERATIONS, work_out
from pscheduler_batch.planning.watched_work import to_problem, work_watched
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.pipeline import Guard, Transforms

if TYPE_CHECKING:
    from pscheduler_batch.input.selection import Selection
    from pscheduler_batch.input.values import Values

# Returns a plan and its errors.
Planner = Callable[[Transforms], Tuple[Plan, Sequence[Problem]]]

# The time limit of a script; a normal one takes milliseconds.
DEFAULT_LIMIT = timedelta(seconds=10)


def check_batch(
    data: bytes,
    *,
    source: str,
    values: Optional[Values] = None,
    selection: Optional[Selection] = None,
    max_iterations: int = DEFAULT_MAX_ITERATIONS,
    max_parallel: Optional[int] = None,
    limit: timedelta = DEFAULT_LIMIT,
    examine: Optional[Callable[[Plan], JSON]] = None,
    confinement: Optional[Confinement] = None,
) -> CheckResult:
    """
    Check a batch: its format, its transforms in every iteration, and every task that they return.

    Scripts run in a process of their own (ADR 36). Where processes cannot be forked, they run in this one, without a
    limit.

    Args:
        data: The content of the file.
        source: The name of the file for messages.
        values: Values from outside for its data.
        selection: The jobs and iterations that are checked; None for all.
        max_iterations: The most iterations of the batch.
        max_parallel: How many iterations of a job may be under way at once; jobs with more may get a warning.
        limit: The time limit of a script, for its compilation and for each iteration.
        examine: Returns what the caller wants to know of the plan, which has no iterations of jobs with errors. It is
            called in the process of the scripts.
        confinement: Limits for the scripts of a stranger, instead of ``limit``; they are never run without.

    Raises:
        OptionError: The values do not fit the data of the batch, or the selection its jobs.
    """
    try:
        loaded = load_right_parts(data, source=source, values=values, selection=selection)
    except OptionError:
        raise
    except InputError as error:
        return CheckResult(source, error.text, None, 0, error.problems)
    if loaded.batch is None:
        return CheckResult(source, loaded.text, None, 0, (*loaded.warnings, *loaded.problems))
    batch = loaded.batch
    planner = partial(_plan, batch, max_iterations, max_parallel)
    reply = _work_out(batch, planner, limit, confinement, examine)
    problems = in_order([*loaded.problems, *map(to_problem, reply["problems"])], batch.document)
    return CheckResult(source, batch.text, batch, reply["iterations"], tuple(problems), reply["examined"])


def _plan(
    batch: Batch, max_iterations: int, max_parallel: Optional[int], transforms: Transforms
) -> Tuple[Plan, Sequence[Problem]]:
    """Return the plan, with its warnings, and the errors."""
    worked_out = work_out(batch, transforms, max_iterations=max_iterations)
    return limit_parallel(batch, worked_out.plan, max_parallel), worked_out.problems


def _work_out(
    batch: Batch,
    planner: Planner,
    limit: timedelta,
    confinement: Optional[Confinement],
    examine: Optional[Callable[[Plan], JSON]],
) -> Mapping[str, Any]:
    """Compute the plan, again until no script has to be stopped; the reply is plain JSON."""

    def work(guard: Guard) -> Dict[str, Any]:
        plan, errors = planner(Transforms(batch, guard, confined=confinement is not None))
        return {
            "problems": [asdict(problem) for problem in (*errors, *plan.warnings)],
            "iterations": sum(len(job.iterations) for job in plan.jobs),
            "examined": None if examine is None else examine(plan),
        }

    stopped: Dict[str, Any] = {"iterations": 0, "examined": None}
    return {**stopped, **work_watched(batch, work, limit, confinement)}
