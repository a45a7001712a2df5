"""
What is wrong with the iterations of a job, in so few words that they can be read.

Thousands of iterations may fail alike, or each in a way of its own; the first is one problem, and of the second there
are a few.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, List, Sequence, Tuple

from pscheduler_batch.errors import Problem
from pscheduler_batch.model import Job
from pscheduler_batch.text import shorten

# How many different things are told of one place, and of how many places in one job.
MOST_REASONS = 3
_PLACES = 50

# What is said of the iterations that are wrong in more ways than are told.
FURTHER = "further problems here"


class IterationProblems:
    """Collects what is wrong with the iterations of one job, by what it is."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._told: Dict[Tuple[str, str], Problem] = {}
        self._iterations: Dict[Tuple[str, str], List[int]] = {}
        self._reasons: Dict[str, int] = {}
        self._further: Dict[str, List[int]] = {}
        # What is told may hide a part of the place, which may hold a secret.
        self._places: Dict[str, str] = {}

    def add(self, problem: Problem, iteration: int, explain: Callable[[], Problem]) -> None:
        """
        Add a problem.

        Args:
            problem: What is wrong, by which it is known to be the same as others.
            iteration: The number of the iteration; those of earlier calls are not larger.
            explain: Gives the problem as it is told, which is worth the effort only once.
        """
        key = (problem.where, problem.reason)
        if key not in self._told:
            if len(self._reasons) >= _PLACES and problem.where not in self._reasons:
                self._count(self._further.setdefault(f"{self._job.where}/task", []), iteration)
                return
            if self._reasons.get(problem.where, 0) >= MOST_REASONS:
                self._count(self._further.setdefault(problem.where, []), iteration)
                return
            self._reasons[problem.where] = self._reasons.get(problem.where, 0) + 1
            told = self._told[key] = explain()
            self._places[problem.where] = told.where
        self._count(self._iterations.setdefault(key, []), iteration)

    def _count(self, iterations: List[int], iteration: int) -> None:
        if iterations[-1:] != [iteration]:
            iterations.append(iteration)

    def problems(self) -> List[Problem]:
        """Give them as they are told, each with the iterations that it concerns."""
        told = [
            replace(problem, during=name_iterations(self._job.label, self._iterations[key]))
            for key, problem in self._told.items()
        ]
        return told + [self._further_problem(where, iterations, told) for where, iterations in self._further.items()]

    def _further_problem(self, where: str, iterations: Sequence[int], told: Sequence[Problem]) -> Problem:
        where = self._places.get(where, where)
        changes = (problem.change for problem in told if problem.where == where)
        change = next((replace(change, before="", after="") for change in changes if change is not None), None)
        during = name_iterations(self._job.label, iterations)
        return Problem(where, FURTHER, during=during, change=change)


def name_iterations(label: str, numbers: Sequence[int]) -> str:
    """
    Name iterations for a message: the first of them, and how many others.

    Args:
        label: That of their job.
        numbers: Their numbers, in ascending order; one at least.
    """
    others = len(numbers) - 1
    more = f" and {others:,} more" if others else ""
    return f'iteration {numbers[0]} of "{shorten(label)}"{more}'
