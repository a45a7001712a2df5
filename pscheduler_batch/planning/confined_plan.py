"""Plan a batch that a stranger has sent: its scripts run with limits and see nothing but their input (ADR 63)."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Dict, Tuple

from pscheduler_batch.errors import InputError, Problem, TransformError
from pscheduler_batch.model import Batch, Iteration, JobPlan, Plan
from pscheduler_batch.planning.planner import DEFAULT_MAX_ITERATIONS, work_out
from pscheduler_batch.planning.watched_work import to_problem, work_watched
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.pipeline import Guard, Transforms
from pscheduler_batch.transforms.script import TOO_DEEP

_MICROSECOND = timedelta(microseconds=1)


def plan_confined(batch: Batch, confinement: Confinement, *, max_iterations: int = DEFAULT_MAX_ITERATIONS) -> Plan:
    """
    Plan a batch as :func:`~pscheduler_batch.planning.planner.plan_batch` does, with its scripts confined.

    Args:
        batch: The batch.
        confinement: The limits for its scripts.
        max_iterations: The most iterations of the whole batch.

    Raises:
        TransformError: A script does not compile, fails, exceeds a limit, or does not return a task.
        InputError: A task is invalid, or there are too many iterations. The error has all problems.
    """

    def work(guard: Guard) -> Dict[str, Any]:
        worked_out = work_out(batch, Transforms(batch, guard, confined=True), max_iterations=max_iterations)
        reply: Dict[str, Any] = {
            "problems": [asdict(problem) for problem in worked_out.problems],
            "warnings": [asdict(problem) for problem in worked_out.plan.warnings],
            "from_scripts": worked_out.from_scripts,
        }
        try:
            return {**reply, "jobs": "" if worked_out.problems else _write(worked_out.plan)}
        except RecursionError:
            return {**reply, "problems": [asdict(Problem("/", TOO_DEEP))]}

    reply = work_watched(batch, work, confinement.time, confinement)
    warnings = tuple(to_problem(pairs) for pairs in reply.get("warnings", ()))
    problems = [to_problem(pairs) for pairs in reply["problems"]]
    if not problems:
        try:
            return Plan(_read(batch, reply["jobs"]), warnings)
        except RecursionError:
            problems = [Problem("/", TOO_DEEP)]
    kind = TransformError if reply.get("from_scripts", True) else InputError
    raise kind(problems, warnings=warnings, source=batch.source, text=batch.text)


def _write(plan: Plan) -> str:
    """Write the iterations of each job as JSON; values that iterations share are written once."""
    jobs = []
    for job in plan.jobs:
        given = {id(iteration.given): number for number, iteration in enumerate(job.iterations)}
        values = {number: job.iterations[number].given for number in given.values()}
        iterations = [
            [each.number, each.label, each.delay // _MICROSECOND, each.task, given[id(each.given)]]
            for each in job.iterations
        ]
        jobs.append([iterations, list(values.items())])
    return json.dumps(jobs)


def _read(batch: Batch, text: str) -> Tuple[JobPlan, ...]:
    plans = []
    for job, (iterations, values) in zip(batch.jobs, json.loads(text)):
        given = dict(values)
        plans.append(
            JobPlan(
                job,
                tuple(
                    Iteration(job.number, number, label, delay * _MICROSECOND, task, given[shared])
                    for number, label, delay, task, shared in iterations
                ),
            )
        )
    return tuple(plans)
