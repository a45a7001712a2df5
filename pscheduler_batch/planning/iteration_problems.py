"""
Summarize the errors of the iterations of a job.

Thousands of iterations may fail alike, or each in its own way. The former is one error; of the latter a few are shown.
All errors and warnings of tasks leave the planning here, without the secrets of the tasks (ADR 75).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from pscheduler_batch.errors import Change, Problem
from pscheduler_batch.model import JSON, Job
from pscheduler_batch.pointers import Path, steps_of
from pscheduler_batch.redaction import Redactor
from pscheduler_batch.text import shorten

# The most errors shown at one place, and the most places shown in one job.
MOST_REASONS = 3
_PLACES = 50

# The message for iterations with more errors than are shown.
FURTHER = "further problems here"


# Writes a part of a task as JSON text without secrets, given where the part is.
Show = Callable[[JSON, Path], str]

# Returns words to append to an error, and the change that caused it, with what it shows of tasks written by a `Show`.
Explain = Callable[[Show], Tuple[str, Optional[Change]]]


class IterationProblems:
    """
    Collects the errors and warnings of the iterations of one job and merges equal ones.

    Attributes:
        job: The job.
    """

    def __init__(self, job: Job, secrets: Sequence[JSON] = ()) -> None:
        """
        Start without problems.

        Args:
            job: The job.
            secrets: The secrets that its transforms are given besides the task, as pairs.
        """
        self.job = job
        self._secrets = secrets
        self._reported: Dict[Tuple[str, str], Problem] = {}
        self._iterations: Dict[Tuple[str, str], List[int]] = {}
        self._reasons: Dict[str, int] = {}
        self._further: Dict[Tuple[str, str], List[int]] = {}
        # The reported pointer may differ from the key: parts of it may be secret.
        self._places: Dict[str, str] = {}

    def redact(self, text: str, values: Sequence[JSON]) -> str:
        """Take the secrets of values of a task out of a text, and those that its transforms are given besides."""
        return self._redactor(values).message(text)

    def redacted(self, problem: Problem, iteration: int, values: Sequence[JSON]) -> Problem:
        """Return an error about the task of an iteration without secrets; it is not kept."""
        return self._redacted(problem, iteration, self._redactor(values), "", None)

    def add_failure(self, problem: Problem, iteration: int, values: Sequence[JSON], explain: Explain) -> None:
        """Add the failure of a script, as :meth:`add` does; failures that differ in secrets only are one."""
        self.add(replace(problem, reason=self.redact(problem.reason, values)), iteration, values, explain)

    def add(self, problem: Problem, iteration: int, values: Sequence[JSON], explain: Explain) -> None:
        """
        Add an error.

        Args:
            problem: The error, with secrets; equal ones are merged.
            iteration: The number of the iteration, not smaller than in earlier calls.
            values: The task, as it was before, between and after its transforms.
            explain: Explains the error, which takes effort and is called once.
        """
        key = (problem.where, problem.reason)
        if key not in self._reported:
            if len(self._reasons) >= _PLACES and problem.where not in self._reasons:
                self._count(self._further.setdefault((f"{self.job.where}/task", problem.severity), []), iteration)
                return
            if self._reasons.get(problem.where, 0) >= MOST_REASONS:
                self._count(self._further.setdefault((problem.where, problem.severity), []), iteration)
                return
            self._reasons[problem.where] = self._reasons.get(problem.where, 0) + 1
            redactor = self._redactor(values)
            reported = self._reported[key] = self._redacted(problem, iteration, redactor, *explain(redactor.json_text))
            self._places[problem.where] = reported.where
        self._count(self._iterations.setdefault(key, []), iteration)

    def _redactor(self, values: Sequence[JSON]) -> Redactor:
        return Redactor.of([*values, *self._secrets])

    def _redacted(
        self, problem: Problem, iteration: int, redactor: Redactor, words: str, change: Optional[Change]
    ) -> Problem:
        task = f"{self.job.where}/task/{iteration}" if self.job.task_is_array else f"{self.job.where}/task"
        where = problem.where
        if where.startswith(f"{task}/"):
            where = task + redactor.pointer(tuple(steps_of(where[len(task) :])))
        if change is not None:
            change = replace(change, part=redactor.pointer(tuple(steps_of(change.part))))
        return replace(problem, where=where, reason=redactor.message(problem.reason) + words, change=change)

    def _count(self, iterations: List[int], iteration: int) -> None:
        if iterations[-1:] != [iteration]:
            iterations.append(iteration)

    def problems(self) -> List[Problem]:
        """Return the errors as they are to be reported, each with its iterations."""
        reported = [
            replace(problem, during=name_iterations(self.job.label, self._iterations[key]))
            for key, problem in self._reported.items()
        ]
        further = [self._further_problem(*key, iterations, reported) for key, iterations in self._further.items()]
        return reported + further

    def _further_problem(
        self, where: str, severity: str, iterations: Sequence[int], reported: Sequence[Problem]
    ) -> Problem:
        where = self._places.get(where, where)
        changes = (problem.change for problem in reported if problem.where == where)
        change = next((replace(change, before="", after="") for change in changes if change is not None), None)
        during = name_iterations(self.job.label, iterations)
        return Problem(where, FURTHER, during=during, severity=severity, change=change)


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
