"""
Summarize what servers report about the tests of a batch.

A server may refuse a thousand iterations with a thousand specifications for the same reason.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from pscheduler_batch.errors import ERROR, NOTE, Problem
from pscheduler_batch.model import JSON, Iteration, JobPlan, JSONObject, Plan
from pscheduler_batch.planning.iteration_problems import FURTHER, MOST_REASONS, name_iterations
from pscheduler_batch.redaction import Redactor, find_secrets
from pscheduler_batch.text import list_names, show


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
        Problems without secrets, with pointers into the input; at each place a few, and one for the rest.
    """
    groups: Dict[Tuple[str, str, str], List[Tuple[ServerProblem, UseOfTest]]] = {}
    reasons: Dict[str, Set[str]] = {}
    for problem, wanted in _places(found):
        where = f"{wanted.where}{problem.part}"
        known = reasons.setdefault(where, set())
        reason = problem.reason if problem.reason in known or len(known) < MOST_REASONS else FURTHER
        if reason is not FURTHER:
            known.add(reason)
        groups.setdefault((where, reason, problem.severity), []).append((problem, wanted))
    return [
        Problem(where, f"{reason}{_test_words(group)}", during=_during([use for _, use in group]), severity=severity)
        for (where, reason, severity), group in groups.items()
    ]


def sum_up_tools(found: Iterable[UsableTool]) -> List[ToolChoice]:
    """Merge the tools that many iterations have in common; the result has no secrets, and pointers into the input."""
    groups: Dict[Tuple[str, str, str, Tuple[str, ...]], List[UseOfTest]] = {}
    for question, use, tool, hosts in found:
        test_type, *named = map(question.redacted, (question.test_type, *hosts))
        groups.setdefault((use.where, test_type, tool, tuple(named)), []).append(use)
    return [
        ToolChoice(where, _during(uses), test_type, tool, hosts)
        for (where, test_type, tool, hosts), uses in groups.items()
    ]


def _places(found: Iterable[ServerProblem]) -> Iterator[Tuple[ServerProblem, UseOfTest]]:
    for problem in found:
        redacted = replace(problem, reason=problem.question.redacted(problem.reason))
        yield from ((redacted, wanted) for wanted in problem.question.uses)


def _during(uses: List[UseOfTest]) -> str:
    first = uses[0]
    numbers = sorted({number for use in uses for number in use.iterations})
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
        allowed: The tools that the task allows; None if it leaves the choice to the servers.
    """

    where: str
    label: str
    iterations: Tuple[int, ...]
    among: int
    transformed: bool = False
    allowed: Optional[AllowedTools] = None


class AllowedTools(NamedTuple):
    """
    The tools that a task allows.

    Attributes:
        pair: The pair of the task that names them, "tool" or "tools".
        names: Their names, in order of preference.
    """

    pair: str
    names: Tuple[str, ...]


class UsableTool(NamedTuple):
    """
    The tool that would run a test where it is used.

    Attributes:
        question: The test.
        use: The use of it.
        tool: The name of the tool.
        hosts: The participants that were asked, the lead first.
    """

    question: DistinctTest
    use: UseOfTest
    tool: str
    hosts: Tuple[str, ...]


@dataclass(frozen=True)
class ToolChoice:
    """
    The tool that would run the tests of a task.

    Attributes:
        where: The JSON pointer of the task in the input.
        during: The iterations concerned, "" for all at this place.
        test_type: The kind of test.
        tool: The name of the tool.
        hosts: The participants that were asked, the lead first.
        line: The line of the task in the input, counted from 1, if it is known.
        column: Its column, counted from 1.
    """

    where: str
    during: str
    test_type: str
    tool: str
    hosts: Tuple[str, ...]
    line: Optional[int] = None
    column: Optional[int] = None

    def note(self) -> Problem:
        """Return it as a note."""
        reason = f"{self.tool} would run the {self.test_type} test on {list_names(self.hosts)}"
        return Problem(self.where, reason, self.line, self.column, self.during, severity=NOTE)


@dataclass(frozen=True)
class ServerAnswers:
    """
    What servers say about the tests of a batch.

    Attributes:
        problems: Errors, and warnings for what could not be found out, with pointers into the input.
        tools: The tools that would run the tests, where that could be found out.
    """

    problems: Tuple[Problem, ...] = ()
    tools: Tuple[ToolChoice, ...] = ()


@dataclass(frozen=True)
class DistinctTest:
    """
    A test with its specification.

    Attributes:
        test_type: The kind of test.
        spec: Its specification, with its secrets.
        uses: Its uses, in the order of the input.
        secrets: The secrets of its task and its transforms that occur in the specification.
    """

    test_type: str
    spec: JSON
    uses: Tuple[UseOfTest, ...]
    secrets: Tuple[str, ...] = ()

    @property
    def private(self) -> Iterable[str]:
        """All secrets that must not appear in messages about this test."""
        return find_secrets(self.spec).union(self.secrets)

    def redacted(self, text: str) -> str:
        """Take the secrets of the test out of a text about it."""
        return Redactor(self.private).message(text)

    def only(self, use: UseOfTest) -> DistinctTest:
        """Return the test with one of its uses."""
        return replace(self, uses=(use,))


def redactor_of_tests(questions: Iterable[DistinctTest]) -> Redactor:
    """Return what takes the secrets of some tests out of texts."""
    return Redactor(secret for question in questions for secret in question.private)


def distinct_tests(plan: Plan) -> Tuple[DistinctTest, ...]:
    """
    Return the distinct tests of a plan, on which the answers of a server depend.

    Returns:
        One test for each type and specification, in the order of their first use.
    """
    firsts: Dict[str, Iteration] = {}
    wanted: Dict[str, List[UseOfTest]] = {}
    for job_plan in plan.jobs:
        job = job_plan.job
        for (key, where, allowed), numbers in _iterations_by_test(job_plan, firsts).items():
            among = 1 if job.task_is_array else len(job_plan.iterations)
            written = job.tasks[numbers[0] if job.task_is_array else 0].get("test")
            changed = written != firsts[key].task["test"]
            place = UseOfTest(where, job.label, tuple(numbers), among, transformed=changed, allowed=allowed)
            wanted.setdefault(key, []).append(place)
    return tuple(_distinct_test(key, firsts[key], places) for key, places in wanted.items())


def write_tests(tests: Iterable[DistinctTest]) -> JSON:
    """Write tests as plain JSON, for another process."""
    return [asdict(test) for test in tests]


def read_tests(written: JSON) -> Tuple[DistinctTest, ...]:
    """Read what :func:`write_tests` has written."""
    return tuple(
        DistinctTest(test["test_type"], test["spec"], tuple(map(_read_use, test["uses"])), tuple(test["secrets"]))
        for test in written
    )


def _read_use(use: JSONObject) -> UseOfTest:
    allowed = use["allowed"] and AllowedTools(use["allowed"][0], tuple(use["allowed"][1]))
    return UseOfTest(**{**use, "iterations": tuple(use["iterations"]), "allowed": allowed})


def _distinct_test(key: str, first: Iteration, places: Iterable[UseOfTest]) -> DistinctTest:
    """Return a test, with those secrets of its first iteration that are in the key, which is its JSON."""
    test = first.task["test"]
    return DistinctTest(test["type"], test["spec"], tuple(places), first.redactor.found_in(key))


def _iterations_by_test(
    job_plan: JobPlan, firsts: Dict[str, Iteration]
) -> Mapping[Tuple[str, str, Optional[AllowedTools]], List[int]]:
    job = job_plan.job
    found: Dict[Tuple[str, str, Optional[AllowedTools]], List[int]] = {}
    # Iterations may share a task, which is then converted to text once.
    keys: Dict[int, str] = {}
    for iteration in job_plan.iterations:
        test = iteration.task["test"]
        key = keys.get(id(test))
        if key is None:
            key = keys[id(test)] = json.dumps([test["type"], test["spec"]], sort_keys=True)
            firsts.setdefault(key, iteration)
        where = f"{job.where}/task/{iteration.number}" if job.task_is_array else f"{job.where}/task"
        found.setdefault((key, where, _allowed_tools(iteration.task)), []).append(iteration.number)
    return found


def _allowed_tools(task: JSONObject) -> Optional[AllowedTools]:
    """Return what a task says about its tools; ``tools`` counts if there is ``tool`` as well."""
    if "tools" in task:
        return AllowedTools("tools", tuple(task["tools"]))
    return AllowedTools("tool", (task["tool"],)) if "tool" in task else None
