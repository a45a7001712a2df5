"""Put the iterations of serial jobs into random order (ADR 72)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from secrets import randbelow
from typing import Optional, Union

from pscheduler_batch.model import SEEDS, Iteration, JobPlan, Plan

# New seeds are short enough to type.
_NEW_SEEDS = 1_000_000


def check_shuffle(shuffle: Union[bool, int, None]) -> None:  # noqa: FBT001 - a seed or not
    """
    Check whether :func:`seed_of` can return a seed.

    Raises:
        ValueError: It is a seed that is not an integer from 0 and below :data:`~pscheduler_batch.model.SEEDS`.
    """
    if shuffle is not None and not (isinstance(shuffle, int) and 0 <= shuffle < SEEDS):
        raise ValueError(f"invalid shuffle: {shuffle!r}; it is a seed of up to 15 digits, True for a new one, or False")


def seed_of(shuffle: Union[bool, int]) -> Optional[int]:  # noqa: FBT001 - a seed or not
    """
    Return the seed of a random order.

    Args:
        shuffle: The seed, True for a new one, or False for no random order.

    Returns:
        The seed; None for no random order.
    """
    if shuffle is True:
        return randbelow(_NEW_SEEDS)
    return None if shuffle is False else shuffle


def shuffle_serial(plan: Plan, seed: Optional[int]) -> Plan:
    """
    Put the iterations of each serial job into random order; those of a parallel job are under way together anyway.

    Args:
        plan: The plan; in which order its iterations are does not matter.
        seed: The same seed results in the same order, in every version of Python. None leaves the plan as it is.

    Returns:
        The plan; its iterations keep their numbers.
    """
    if seed is None:
        return plan
    jobs = tuple(job_plan if job_plan.job.parallel else _shuffled(job_plan, seed) for job_plan in plan.jobs)
    return replace(plan, jobs=jobs, seed=seed)


def _shuffled(job_plan: JobPlan, seed: int) -> JobPlan:
    def key(iteration: Iteration) -> bytes:
        # It depends on nothing else, so a part of a job has the order that it has in the whole.
        return hashlib.sha256(f"{seed}/{iteration.job}/{iteration.number}".encode()).digest()

    return replace(job_plan, iterations=tuple(sorted(job_plan.iterations, key=key)))
