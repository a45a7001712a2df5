"""Limit how many iterations of a parallel job are under way at once (ADR 72)."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional

from pscheduler_batch.errors import WARNING, Problem
from pscheduler_batch.input.locations import in_order, locate_problems
from pscheduler_batch.model import Batch, JobPlan, Plan


def check_limit(most: int) -> None:
    """
    Check a limit of parallel iterations; with less than 1, nothing would ever be submitted.

    Raises:
        ValueError: It is not an integer of 1 or more.
    """
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise ValueError(f"invalid max_parallel: {most!r}; it is an integer of 1 or more, or None for no limit")


def limit_parallel(batch: Batch, plan: Plan, most: Optional[int]) -> Plan:
    """
    Limit the parallel iterations of each job.

    Args:
        batch: The batch.
        plan: Its plan.
        most: How many iterations of a job may be under way at once; None for no limit.

    Returns:
        The plan with the limit. Iterations that wait for others cannot start together with them, so jobs with more
        iterations lose their synchronized start, with a warning.
    """
    if most is None:
        return plan
    jobs: List[JobPlan] = []
    warnings: List[Problem] = []
    for job_plan in plan.jobs:
        job, count = job_plan.job, len(job_plan.iterations)
        if not job.parallel or count <= most:
            jobs.append(job_plan)
            continue
        if job.sync_start:
            reason = (
                f"its {count:,} iterations do not start together, as at most {most:,} may be under way at once; "
                'write "sync-start": false, or allow more of them'
            )
            warnings.append(Problem(job.where, reason, severity=WARNING))
        jobs.append(replace(job_plan, job=replace(job, sync_start=False, at_once=most)))
    located = locate_problems(warnings, batch.text)
    return replace(plan, jobs=tuple(jobs), warnings=tuple(in_order([*plan.warnings, *located], batch.document)))
