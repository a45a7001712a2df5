"""What the servers can be asked about a plan: each test with its specification once, and where it is wanted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Dict, List, Mapping, Tuple

from pscheduler_batch.model import JSON, JobPlan, JSONObject, Plan


@dataclass(frozen=True)
class Wanted:
    """
    Where a test is wanted.

    Attributes:
        where: The JSON pointer of the task in the input.
        label: That of the job.
        iterations: The numbers of the iterations that want it.
        among: How many iterations have this place.
        transformed: Whether the test is another one in the input.
    """

    where: str
    label: str
    iterations: Tuple[int, ...]
    among: int
    transformed: bool = False


@dataclass(frozen=True)
class Question:
    """
    A test with its specification.

    Attributes:
        test_type: The kind of test.
        spec: Its specification, with its secrets.
        wanted: Where it is wanted, in the order of the input.
    """

    test_type: str
    spec: JSON
    wanted: Tuple[Wanted, ...]


def questions_of(plan: Plan) -> Tuple[Question, ...]:
    """
    Collect the distinct tests of a plan; those are what a server's answers depend on.

    Returns:
        One question for each type and specification, in the order in which they are first wanted.
    """
    tests: Dict[str, JSONObject] = {}
    wanted: Dict[str, List[Wanted]] = {}
    for job_plan in plan.jobs:
        job = job_plan.job
        for (key, where), numbers in _iterations_by_test(job_plan, tests).items():
            among = 1 if job.task_is_array else len(job_plan.iterations)
            written = job.tasks[numbers[0] if job.task_is_array else 0].get("test")
            place = Wanted(where, job.label, tuple(numbers), among, transformed=written != tests[key])
            wanted.setdefault(key, []).append(place)
    return tuple(Question(tests[key]["type"], tests[key]["spec"], tuple(places)) for key, places in wanted.items())


def _iterations_by_test(job_plan: JobPlan, tests: Dict[str, JSONObject]) -> Mapping[Tuple[str, str], List[int]]:
    job = job_plan.job
    found: Dict[Tuple[str, str], List[int]] = {}
    # Iterations may share a task, the text of which is then made once.
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
