"""
Summarize the errors of the iterations of a job.

Thousands of iterations may fail alike, or each in its own way. The former is one error; of the latter a few are shown.
Errors of iterations leave the planning here, so this is where the secrets of tasks are taken out of them (ADR 18).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from pscheduler_batch.errors import Change, Problem
from pscheduler_batch.model import Job
from pscheduler_batch.pointers import pointer, steps_of
from pscheduler_batch.redaction import Redactor
from pscheduler_batch.text import shorten

# The most errors shown at one place, and the most places shown in one job.
MOST_REASONS = 3
_PLACES = 50

# The message for iterations with more errors than are shown.
FURTHER = "further problems here"


# Returns words to append to an error, and the change that caused it; both without secrets, except for the pointer.
Explain = Callable[[], Tuple[str, Optional[Change]]]


class IterationProblems:
    """Collects the errors and warnings of the iterations of one job and merges equal ones."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._told: Dict[Tuple[str, str], Problem] = {}
        self._iterations: Dict[Tuple[str, str], List[int]] = {}
        self._reasons: Dict[str, int] = {}
        self._further: Dict[Tuple[str, str], List[int]] = {}
        # The reported pointer may differ from the key: parts of it may be secret.
        self._places: Dict[str, str] = {}

    def add(self, problem: Problem, iteration: int, redactor: Redactor, explain: Explain) -> None:
        """
        Add an error.

        Args:
            problem: The error, with secrets; equal ones are merged.
            iteration: The number of the iteration, not smaller than in earlier calls.
            redactor: Takes out the secrets of the task and of its transforms.
            explain: Explains the error, which takes effort and is called once.
        """
        key = (problem.where, problem.reason)
        if key not in self._told:
            if len(self._reasons) >= _PLACES and problem.where not in self._reasons:
                self._count(self._further.setdefault((f"{self._job.where}/task", problem.severity), []), iteration)
                return
            if self._reasons.get(problem.where, 0) >= MOST_REASONS:
                self._count(self._further.setdefault((problem.where, problem.severity), []), iteration)
                return
            self._reasons[problem.where] = self._reasons.get(problem.where, 0) + 1
            told = self._told[key] = self._redacted(problem, iteration, redactor, *explain())
            self._places[problem.where] = told.where
        self._count(self._iterations.setdefault(key, []), iteration)

    def _redacted(
        self, problem: Problem, iteration: int, redactor: Redactor, words: str, change: Optional[Change]
    ) -> Problem:
        task = f"{self._job.where}/task/{iteration}" if self._job.task_is_array else f"{self._job.where}/task"
        where = problem.where
        if where.startswith(f"{task}/"):
            where = task + _redacted_pointer(where[len(task) :], redactor)
        if change is not None:
            change = replace(change, part=_redacted_pointer(change.part, redactor))
        return replace(problem, where=where, reason=redactor.message(problem.reason) + words, change=change)

    def _count(self, iterations: List[int], iteration: int) -> None:
        if iterations[-1:] != [iteration]:
            iterations.append(iteration)

    def problems(self) -> List[Problem]:
        """Return the errors as they are to be reported, each with its iterations."""
        told = [
            replace(problem, during=name_iterations(self._job.label, self._iterations[key]))
            for key, problem in self._told.items()
        ]
        return told + [self._further_problem(*key, iterations, told) for key, iterations in self._further.items()]

    def _further_problem(
        self, where: str, severity: str, iterations: Sequence[int], told: Sequence[Problem]
    ) -> Problem:
        where = self._places.get(where, where)
        changes = (problem.change for problem in told if problem.where == where)
        change = next((replace(change, before="", after="") for change in changes if change is not None), None)
        during = name_iterations(self._job.label, iterations)
        return Problem(where, FURTHER, during=during, severity=severity, change=change)


def _redacted_pointer(where: str, redactor: Redactor) -> str:
    return pointer(tuple(redactor.message(step) for step in steps_of(where)))


def name_iterations(label: str, numbers: Sequence[int]) -> str:
    """
    Name iterations for a message: the first one, and the number of others.

    >>> name_iterations("rtt", [0, 2, 5])
    'iteration 0 of "rtt" and 2 more'

    Args:
        label: The label of their job.
        numbers: Their numbers, in ascending order; at least one.
    """
    others = len(numbers) - 1
    more = f" and {others:,} more" if others else ""
    return f'iteration {numbers[0]} of "{shorten(label)}"{more}'
