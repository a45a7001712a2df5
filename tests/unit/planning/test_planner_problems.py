"""Tests of what the planner finds wrong, and where it says that it is (ADR 8 and 18)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, List, Union
from unittest.mock import Mock

import pytest

from pscheduler_batch.errors import ERROR, WARNING, InputError, Problem, TransformError
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import Plan
from pscheduler_batch.planning import planner
from pscheduler_batch.planning.planner import DEFAULT_MAX_ITERATIONS, plan_batch, work_out
from pscheduler_batch.transforms.pipeline import StepError, Transforms
from tests.support.call_count import calls_of

TASK = {"test": {"type": "rtt", "spec": {"dest": "ps.example.net"}}}


def make_plan(batch: Union[str, Dict[str, Any]], limit: int = DEFAULT_MAX_ITERATIONS) -> Plan:
    """Plan a batch."""
    loaded = load_batch(batch, source="batch.json")
    return plan_batch(loaded, Transforms(loaded), max_iterations=limit)


def plan_jobs(*jobs: Dict[str, Any], **pairs: Any) -> Plan:
    """Plan a batch of some jobs, all of which have the same task unless they say otherwise."""
    return make_plan({"schema": 3, "jobs": [{"task": TASK, **job} for job in jobs], **pairs})


def problems_of(*jobs: Dict[str, Any], limit: int = DEFAULT_MAX_ITERATIONS, **pairs: Any) -> List[Problem]:
    """Return what is wrong with a batch of some jobs."""
    with pytest.raises(InputError) as caught:
        make_plan({"schema": 3, "jobs": [{"task": TASK, **job} for job in jobs], **pairs}, limit)
    return list(caught.value.problems)


@pytest.mark.parametrize(("step", "severity"), [("check_task", ERROR), ("find_spec_warnings", WARNING)])
def test_a_new_kind_of_problem_comes_out_without_secrets(monkeypatch, step, severity):
    """The step that finds it need not redact it, neither its text nor its place."""
    found = Problem("/open/x/s3cr3t~1a", 'unlike "s3cr3t/a" and s3cr…', severity=severity)
    monkeypatch.setattr(planner, step, lambda _: [found])
    job = {"task": {**TASK, "_key": "s3cr3t/a"}, "label": "rtt", "task-transform": {"script": "del(._key)"}}
    batch = load_batch({"schema": 3, "jobs": [job]})
    worked_out = work_out(batch, Transforms(batch))
    (problem,) = [*worked_out.problems, *worked_out.plan.warnings]

    assert "s3cr" not in repr(problem)
    assert problem.where == "/jobs/0/task/open/x/(hidden)"
    assert problem.reason.startswith('unlike "(hidden)" and (hidden)… (')
    assert problem.severity == severity


@pytest.mark.parametrize(("step", "severity"), [("check_task", ERROR), ("find_spec_warnings", WARNING)])
def test_a_problem_of_a_task_without_transforms_comes_out_without_secrets(monkeypatch, step, severity):
    """It goes the same way."""
    found = Problem("/open/s3cr3t", "found s3cr3t", severity=severity)
    monkeypatch.setattr(planner, step, lambda _: [found])
    batch = load_batch({"schema": 3, "jobs": [{"task": {**TASK, "_key": "s3cr3t"}}]})
    worked_out = work_out(batch, Transforms(batch))
    (problem,) = [*worked_out.problems, *worked_out.plan.warnings]

    assert (problem.where, problem.reason) == ("/jobs/0/task/open/(hidden)", "found (hidden)")


def test_what_an_earlier_transform_took_out_of_a_task_is_no_less_secret(monkeypatch):
    """The failing transform was not given it as a secret."""
    failed = StepError("/transform-post", "cannot use s3cr3t", {"open": "s3cr3t"})
    monkeypatch.setattr(Transforms, "apply_steps", Mock(side_effect=failed))
    (problem,) = problems_of({"task": {**TASK, "_key": "s3cr3t"}, "task-transform": {"script": "."}})

    assert (problem.where, problem.reason) == ("/transform-post", "cannot use (hidden)")
    assert problem.change.before == '{"open": "(hidden)"}'


def test_failures_that_differ_in_secrets_only_are_told_as_one():
    """However many different secrets there are."""
    tasks = [{**TASK, "_key": f"s3cr3t-{number}"} for number in range(9)]
    own = {"script": "error(.open)"}
    common = {"transform-pre": {"script": ".open = ._key | del(._key)"}}
    (problem,) = problems_of({"task": tasks, "label": "rtt", "task-transform": own}, **{"global": common})

    assert "s3cr3t" not in repr(problem)
    assert problem.during == 'iteration 0 of "rtt" and 8 more'


def test_iterations_from_a_script_that_are_wrong_are_told():
    """With the place of the script."""
    (problem,) = problems_of({"iterations": {"script": "0"}})

    assert (problem.where, problem.reason) == (
        "/jobs/0/iterations",
        "the script returned 0, expected a whole number of 1 or more",
    )


def test_a_billion_iterations_are_refused_at_once():
    """No memory is taken for them, and no time."""
    found = []
    problems_of({"iterations": 10**6})  # What is done once is done now.
    calls = calls_of(lambda: found.extend(problems_of({"iterations": 10**9})))
    (problem,) = found

    assert calls < 1_000
    assert problem.where == "/jobs/0/iterations"
    assert "1,000,000,000 up to this job" in problem.reason
    assert "--max-iterations" in problem.reason


def test_the_limit_is_for_the_whole_batch():
    """Each job that does not fit is told; those that fit are not."""
    problems = problems_of({"iterations": 3}, {"iterations": 3}, {"iterations": 2}, limit=5)

    assert [problem.where for problem in problems] == ["/jobs/1/iterations"]


def test_an_array_that_is_too_long_is_told_where_it_is():
    """There may be no iterations to point at."""
    (problem,) = problems_of({"task": [TASK] * 6}, limit=5)

    assert problem.where == "/jobs/0/task"


@pytest.mark.parametrize("pairs", [{"backoff": "P99999999D"}, {"setup-time": "P999999W"}])
def test_waits_that_no_calendar_has_are_refused(pairs):
    """The start would be after the year 9999."""
    (problem,) = problems_of({"iterations": 100, "parallel": True, **pairs})

    assert problem.where == f"/jobs/0/{next(iter(pairs))}"


def test_a_task_that_is_wrong_is_told_once_however_many_iterations_it_has():
    """The place is in the input."""
    (problem,) = problems_of({"task": {"tset": {}}, "iterations": 1000})

    assert problem.where.startswith("/jobs/0/task")
    assert problem.during == ""


def test_only_the_wrong_tasks_of_an_array_are_told():
    """By their place in it."""
    problems = problems_of({"task": [TASK, {}, TASK, {"test": 3}]})

    assert [problem.where for problem in problems] == ["/jobs/0/task/1", "/jobs/0/task/3/test"]


def test_a_task_that_a_transform_made_wrong_is_told_with_its_iteration():
    """And with the transform, which has the place in the text."""
    (problem,) = problems_of(
        {
            "label": "x",
            "iterations": 3,
            "task-transform": {"script": "if $iteration == 1 then .test.type = 3 else . end"},
        }
    )

    assert problem.where == "/jobs/0/task/test/type"
    assert problem.reason.endswith("(introduced by /jobs/0/task-transform)")
    assert problem.during == 'iteration 1 of "x"'


@pytest.mark.parametrize(
    ("condition", "during"),
    [
        ("$iteration == 4999", 'iteration 4999 of "x"'),
        ("$iteration >= 4998", 'iteration 4998 of "x" and 1 more'),
        ("$iteration > 0", 'iteration 1 of "x" and 4,998 more'),
    ],
)
def test_iterations_that_fail_alike_are_one_problem(condition, during):
    """Named by the first of them."""
    (problem,) = problems_of(
        {"label": "x", "iterations": 5000, "task-transform": {"script": f'if {condition} then error("no") else . end'}}
    )

    assert (problem.where, problem.reason, problem.during) == (
        "/jobs/0/task-transform",
        "the script failed: no",
        during,
    )


def test_a_failure_of_a_script_is_a_transform_error():
    """So that a program can tell it from other mistakes."""

    with pytest.raises(TransformError, match=r"^batch\.json: At /jobs/0/task-transform, iteration 0 of "):
        plan_jobs({"task-transform": {"script": "error"}})


def test_a_script_that_does_not_compile_is_a_transform_error():
    """Wherever else something is wrong."""

    with pytest.raises(TransformError, match=r"At /jobs/1/task-transform: the script does not compile"):
        plan_jobs({"task": {}}, {"task-transform": {"script": "foo"}})


def test_a_wrong_task_is_no_transform_error():
    """No script had to do with it."""
    with pytest.raises(InputError) as caught:
        plan_jobs({"task": {}})

    assert not isinstance(caught.value, TransformError)


def test_everything_that_is_wrong_is_told_at_once():
    """In the order of the input."""
    wheres = [p.where for p in problems_of({"task": {}}, {}, {"task-transform": {"script": "null"}}, {"task": {}})]

    assert wheres == ["/jobs/0/task", "/jobs/2/task-transform", "/jobs/3/task"]


@pytest.mark.parametrize(
    ("script", "where", "shown"),
    [
        (".reference = 1", "/jobs/0/task/tool", "5"),
        (".test.type = 3", "/jobs/0/task/test/type", '".test.type = 3"'),
    ],
)
def test_problems_have_their_line_and_column(script, where, shown):
    """Of the nearest place in the text, or of the script that is to blame."""
    task = {"test": {"type": "rtt", "spec": {}}, **({"tool": 5} if shown == "5" else {})}
    text = json.dumps({"jobs": [{"task": task, "task-transform": {"script": script}}]}, indent=1)
    with pytest.raises(InputError) as caught:
        make_plan(text)
    (problem,) = caught.value.problems

    assert problem.where == where
    assert text.split("\n")[(problem.line or 0) - 1][(problem.column or 0) - 1 : (problem.end_column or 0) - 1] == shown


def test_what_is_wrong_is_told_in_the_order_of_the_input():
    """Also where it is worked out in another order."""
    wrong = {"script": "{"}
    wheres = [p.where for p in problems_of({"task-transform": wrong}, **{"global": {"transform-pre": wrong}})]

    assert wheres == ["/jobs/0/task-transform", "/global/transform-pre"]


def test_what_is_not_concerned_by_a_script_that_does_not_compile_is_worked_out():
    """So that all that is wrong is told at once."""
    wheres = [p.where for p in problems_of({"task": {}}, {"task-transform": {"script": "{"}}, {"task": {}})]

    assert wheres == ["/jobs/0/task", "/jobs/1/task-transform", "/jobs/2/task"]


def test_a_script_that_does_not_compile_has_its_line_and_column():
    """Of the transform in the text."""
    text = '{"jobs": [\n  {"task": {},\n   "task-transform": {"script": "foo"}}]}'
    with pytest.raises(TransformError) as caught:
        make_plan(text)
    (problem,) = caught.value.problems

    assert (problem.line, problem.column) == (3, 22)


class Watched(Dict[str, Any]):
    """An object that counts how often it is searched."""

    looks = 0

    def items(self) -> Any:
        """Look through it."""
        self.looks += 1
        return super().items()


@pytest.mark.parametrize("script", ['error("x")', "del(.test)", ".reference = 9007199254740993 + $global.n"])
def test_what_is_wrong_with_many_iterations_costs_one_look_for_secrets(script):
    """A large ``$global`` would cost more than the iteration, be it of a few iterations or of many."""

    def looks(iterations: int) -> int:
        job = {"task": {**TASK, "reference": 9007199254740993}, "iterations": iterations}
        loaded = load_batch({"global": {"data": {"n": 1}}, "jobs": [{**job, "task-transform": {"script": script}}]})
        data = Watched(loaded.data)
        batch = replace(loaded, data=data)
        work_out(batch, Transforms(batch))
        return data.looks

    assert looks(30) == looks(2)
