"""
Summarize what servers report about the tests of a batch.

A thousand iterations with a thousand specifications are asked about one by one, and may all be refused for one reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Mapping, Set, Tuple

from pscheduler_batch.errors import ERROR, Problem
from pscheduler_batch.model import JSON, JobPlan, JSONObject, Plan
from pscheduler_batch.planning.iteration_problems import FURTHER, MOST_REASONS, name_iterations
from pscheduler_batch.redaction import redact
from pscheduler_batch.text import show


@dataclass(frozen=True)
class ServerProblem:
    """
    An error of a test, wherever it is used.

    Attributes:
        question: The test.
        part: The part of the task, as the rest of a JSON pointer.
        reason: The message.
        severity: "error", or "warning" for what could not be found out.
    """

    question: DistinctTest
    part: str
    reason: str
    severity: str = ERROR


def sum_up(found: Iterable[ServerProblem]) -> List[Problem]:
    """
    Merge errors that many iterations have in common.

    Returns:
        Problems with pointers into the input; at each place a few, and one for the rest.
    """
    groups: Dict[Tuple[str, str, str], List[Tuple[ServerProblem, UseOfTest]]] = {}
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


def _places(found: Iterable[ServerProblem]) -> Iterator[Tuple[ServerProblem, UseOfTest]]:
    return ((problem, wanted) for problem in found for wanted in problem.question.wanted)


def _during(group: List[Tuple[ServerProblem, UseOfTest]]) -> str:
    first = group[0][1]
    numbers = sorted({number for _, wanted in group for number in wanted.iterations})
    return "" if len(numbers) == first.among else name_iterations(first.label, numbers)


def _test_words(group: List[Tuple[ServerProblem, UseOfTest]]) -> str:
    """Return the first of the tests as words, unless it is in the input as it is."""
    problem, wanted = group[0]
    if not wanted.transformed:
        return ""
    test = {"type": problem.question.test_type, "spec": problem.question.spec}
    first = "" if len(group) == 1 else "the first "
    return f" ({first}after the transforms: {problem.question.redacted(show(test))})"


@dataclass(frozen=True)
class UseOfTest:
    """
    A use of a test.

    Attributes:
        where: The JSON pointer of the task in the input.
        label: The label of the job.
        iterations: The numbers of the iterations that use it.
        among: The number of iterations at this place.
        transformed: Whether the test differs from the one in the input.
    """

    where: str
    label: str
    iterations: Tuple[int, ...]
    among: int
    transformed: bool = False


@dataclass(frozen=True)
class DistinctTest:
    """
    A test with its specification.

    Attributes:
        test_type: The kind of test.
        spec: Its specification, with its secrets.
        wanted: Its uses, in the order of the input.
    """

    test_type: str
    spec: JSON
    wanted: Tuple[UseOfTest, ...]

    def redacted(self, text: str) -> str:
        """Take the secrets of the specification out of a text about the test."""
        return redact(text, self.spec)


def distinct_tests(plan: Plan) -> Tuple[DistinctTest, ...]:
    """
    Return the distinct tests of a plan, on which the answers of a server depend.

    Returns:
        One test for each type and specification, in the order of their first use.
    """
    tests: Dict[str, JSONObject] = {}
    wanted: Dict[str, List[UseOfTest]] = {}
    for job_plan in plan.jobs:
        job = job_plan.job
        for (key, where), numbers in _iterations_by_test(job_plan, tests).items():
            among = 1 if job.task_is_array else len(job_plan.iterations)
            written = job.tasks[numbers[0] if job.task_is_array else 0].get("test")
            place = UseOfTest(where, job.label, tuple(numbers), among, transformed=written != tests[key])
            wanted.setdefault(key, []).append(place)
    return tuple(DistinctTest(tests[key]["type"], tests[key]["spec"], tuple(places)) for key, places in wanted.items())


def _iterations_by_test(job_plan: JobPlan, tests: Dict[str, JSONObject]) -> Mapping[Tuple[str, str], List[int]]:
    job = job_plan.job
    found: Dict[Tuple[str, str], List[int]] = {}
    # Iterations may share a task, which is then converted to text once.
    keys: Dict[int, str] = {}
    for iteration in job_plan.iterations:
        test = iteration.task["test"]
        key = keys.get(id(test))
        if key is None:
            key = keys[id(test)] = json.dumps([test["type"], test["spec"]], sort_keys=True)
            tests.setdefault(key, test)
        where = f"{job.where}/task/{iteration.number}" if job.task_is_array else f"{job.where}/task"
        found.setdefault((key, where), []).append(iteration.number)
    return found
