"""
Check everything about a batch that needs no server (``--check``).

All errors are reported at once: an invalid job, or a script that had to be stopped, does not keep the rest from being
checked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.errors import InputError, OptionError, Problem
from pscheduler_batch.input.loader import load_right_parts
from pscheduler_batch.input.locations import in_order
from pscheduler_batch.input.selection import ALL, Selection
from pscheduler_batch.input.values import NONE as NO_VALUES
from pscheduler_batch.input.values import Values
from pscheduler_batch.metrics.expectations import tests_of
from pscheduler_batch.model import Batch, Plan
from pscheduler_batch.planning.check_result import CheckResult
from pscheduler_batch.planning.parallel_limit import limit_parallel
from pscheduler_batch.planning.planner import DEFAULT_MAX_ITERATIONS, work_out
from pscheduler_batch.planning.server_problems import AllowedTools, DistinctTest, UseOfTest, distinct_tests
from pscheduler_batch.planning.watched_work import to_problem, work_watched
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.pipeline import Guard, Transforms

# Returns a plan and its errors.
Planner = Callable[[Transforms], Tuple[Plan, Sequence[Problem]]]

# The time limit of a script; a normal one takes milliseconds.
DEFAULT_LIMIT = timedelta(seconds=10)


def check_batch(
    data: bytes,
    *,
    source: str,
    values: Values = NO_VALUES,
    selection: Selection = ALL,
    max_iterations: int = DEFAULT_MAX_ITERATIONS,
    max_parallel: Optional[int] = None,
    limit: timedelta = DEFAULT_LIMIT,
    with_questions: bool = False,
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
        selection: The jobs and iterations that are checked.
        max_iterations: The most iterations of the batch.
        max_parallel: How many iterations of a job may be under way at once; jobs with more may get a warning.
        limit: The time limit of a script, for its compilation and for each iteration.
        with_questions: Whether to collect the tests that servers are asked about.
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
    found = _Found.of(_work_out(batch, planner, limit, confinement, with_questions=with_questions))
    problems = in_order([*loaded.problems, *found.problems], batch.document)
    return CheckResult(source, batch.text, batch, found.iterations, tuple(problems), found.questions, tests=found.tests)


def _plan(
    batch: Batch, max_iterations: int, max_parallel: Optional[int], transforms: Transforms
) -> Tuple[Plan, Sequence[Problem]]:
    """Return the plan, with its warnings, and the errors."""
    worked_out = work_out(batch, transforms, max_iterations=max_iterations)
    return limit_parallel(batch, worked_out.plan, max_parallel), worked_out.problems


def _work_out(
    batch: Batch, planner: Planner, limit: timedelta, confinement: Optional[Confinement], *, with_questions: bool
) -> Mapping[str, Any]:
    """Compute the plan, again until no script has to be stopped; the reply is plain JSON."""

    def work(guard: Guard) -> Dict[str, Any]:
        plan, errors = planner(Transforms(batch, guard, confined=confinement is not None))
        return {
            "problems": [asdict(problem) for problem in (*errors, *plan.warnings)],
            "iterations": sum(len(job.iterations) for job in plan.jobs),
            "questions": _questions(plan) if with_questions else [],
            "tests": list(tests_of(plan).items()),
        }

    stopped: Dict[str, Any] = {"iterations": 0, "questions": [], "tests": []}
    return {**stopped, **work_watched(batch, work, limit, confinement)}


def _questions(plan: Plan) -> List[Dict[str, Any]]:
    return [asdict(question) for question in distinct_tests(plan)]


@dataclass(frozen=True)
class _Found:
    problems: Tuple[Problem, ...]
    iterations: int
    questions: Tuple[DistinctTest, ...]
    tests: Mapping[int, Sequence[str]]

    @classmethod
    def of(cls, reply: Mapping[str, Any]) -> _Found:
        """Read the reply of the other process."""
        return cls(
            problems=tuple(to_problem(pairs) for pairs in reply["problems"]),
            iterations=reply["iterations"],
            questions=tuple(_to_question(pairs) for pairs in reply["questions"]),
            tests=dict(reply["tests"]),
        )


def _to_question(pairs: Mapping[str, Any]) -> DistinctTest:
    uses = tuple(_to_use(place) for place in pairs["uses"])
    return DistinctTest(pairs["test_type"], pairs["spec"], uses, tuple(pairs["secrets"]))


def _to_use(place: Mapping[str, Any]) -> UseOfTest:
    allowed = place["allowed"] and AllowedTools(place["allowed"][0], tuple(place["allowed"][1]))
    return UseOfTest(**{**place, "iterations": tuple(place["iterations"]), "allowed": allowed})
