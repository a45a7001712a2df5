"""
What servers say against the tests of a batch, in so few words that they can be read.

A thousand iterations with a thousand specifications are asked about one by one, and may all be refused for one reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Set, Tuple

from pscheduler_batch.errors import ERROR, Problem
from pscheduler_batch.iteration_problems import FURTHER, MOST_REASONS, name_iterations
from pscheduler_batch.private import conceal
from pscheduler_batch.questions import Question, Wanted
from pscheduler_batch.wording import show


@dataclass(frozen=True)
class ServerProblem:
    """
    What is wrong with a test, wherever it is wanted.

    Attributes:
        question: The test.
        part: Which part of the task it is about, as the rest of a JSON pointer.
        reason: What is wrong.
        severity: "error", or "warning" for what could not be found out.
    """

    question: Question
    part: str
    reason: str
    severity: str = ERROR


def sum_up(found: Iterable[ServerProblem]) -> List[Problem]:
    """
    Tell once what is wrong alike with many iterations.

    Returns:
        The problems with their places in the input; of each place there are a few, and one for the rest.
    """
    groups: Dict[Tuple[str, str, str], List[Tuple[ServerProblem, Wanted]]] = {}
    reasons: Dict[str, Set[str]] = {}
    for problem, wanted in _places(found):
        where = f"{wanted.where}{problem.part}"
        told = reasons.setdefault(where, set())
        reason = problem.reason if problem.reason in told or len(told) < MOST_REASONS else FURTHER
        if reason is not FURTHER:
            told.add(reason)
        groups.setdefault((where, reason, problem.severity), []).append((problem, wanted))
    return [
        Problem(where, f"{reason}{_test_words(group)}", during=_during(group), severity=severity)
        for (where, reason, severity), group in groups.items()
    ]


def _places(found: Iterable[ServerProblem]) -> Iterator[Tuple[ServerProblem, Wanted]]:
    return ((problem, wanted) for problem in found for wanted in problem.question.wanted)


def _during(group: List[Tuple[ServerProblem, Wanted]]) -> str:
    first = group[0][1]
    numbers = sorted({number for _, wanted in group for number in wanted.iterations})
    return "" if len(numbers) == first.among else name_iterations(first.label, numbers)


def _test_words(group: List[Tuple[ServerProblem, Wanted]]) -> str:
    """Show the first of the tests, if none of the input is like it."""
    problem, wanted = group[0]
    if not wanted.transformed:
        return ""
    test = {"type": problem.question.test_type, "spec": problem.question.spec}
    first = "" if len(group) == 1 else "the first "
    return f" ({first}after the transforms: {conceal(show(test), test['spec'])})"
