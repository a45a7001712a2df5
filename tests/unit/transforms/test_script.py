"""Tests of scripts that share a program, so that a large ``$global`` is bound once."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import jq
import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.transforms.pipeline import StepError, Transforms
from pscheduler_batch.transforms.script import ScriptError, can_share, uses_global

TASK = {"test": {"type": "rtt", "spec": {"dest": "ps.example.net"}}}
DATA = {"n": 7, "_key": "hunter2"}


@pytest.fixture
def bound(monkeypatch) -> List[Any]:
    """What ``$global`` was in each program that jq has been given to compile."""
    found: List[Any] = []
    real = jq.compile

    def counting(program, *, args):
        found.append(args["global"])
        return real(program, args=args)

    monkeypatch.setattr(jq, "compile", counting)
    return found


def transform(script: object, **args: Any) -> Dict[str, Any]:
    """Write a transform."""
    return {"script": script, "args": args}


def make(*transforms: Dict[str, Any], data: object = DATA, **common: Any) -> Transforms:
    """Make the transforms of a batch with a job for each given task-transform."""
    jobs = [{"task": TASK, "task-transform": own} for own in transforms]
    return Transforms(load_batch({"schema": 3, "global": {"data": data, **common}, "jobs": jobs}))


def outcomes(*transforms: Dict[str, Any], task: object = None, number: int = 0) -> List[Any]:
    """Take a task through each of some task-transforms; give what each put under "out", or why it failed."""
    batch = load_batch(
        {"global": {"data": DATA}, "jobs": [{"task": TASK, "task-transform": own} for own in transforms]}
    )
    made = Transforms(batch)
    found: List[Any] = []
    for job in batch.jobs:
        try:
            found.append(made.apply_steps(job, number, {}, json.dumps(task))[-1]["out"])
        except StepError as error:
            found.append(error.reason)
    return found


def test_a_global_is_bound_once_for_all_scripts(bound):
    """However many transforms and jobs there are; each script is also compiled alone, without it."""
    transforms = [transform(f".a = $global.n + {number}") for number in range(4)]
    make(*transforms, **{name: transform(".b = $global.n") for name in ("transform-pre", "transform-post")})

    assert bound == [None] * 5 + [DATA]


def test_an_only_script_is_compiled_once(bound):
    """There is nothing to share."""
    make(transform(".a = $global.n"), transform(".b = 1"))

    assert bound == [DATA, None]


def test_without_a_global_nothing_is_shared(bound):
    """Each distinct script is one program."""
    make(transform(".a = $global"), transform(".b = $global"), data=None)

    assert bound == [None, None]


def test_an_iteration_compiles_nothing(bound):
    """This holds for thousands of them, right or wrong."""
    batch = load_batch(
        {
            "global": {"data": DATA, "transform-pre": transform(".reference = $global.n")},
            "jobs": [{"task": TASK, "iterations": 50, "task-transform": transform(".reference += $global.n")}],
        }
    )
    plan = plan_batch(batch, Transforms(batch))

    assert plan.jobs[0].iterations[49].task["reference"] == 14
    assert len(bound) == 3


def test_programs_do_not_grow_without_an_end(bound):
    """Many scripts are several programs."""
    transforms = [transform(f".out = {number} * $global.n") for number in range(20)]
    found = outcomes(*transforms)

    assert found == [number * 7 for number in range(20)]
    assert bound == [None] * 20 + [DATA] * 3


def test_arguments_of_one_name_keep_their_values():
    """Each script has its own."""
    script = ".out = [$x, $global.n]"

    assert outcomes(transform(script, x=1), transform(script, x=[2]), transform(script, x="3")) == [
        [1, 7],
        [[2], 7],
        ["3", 7],
    ]


@pytest.mark.parametrize(
    ("own", "out"),
    [
        (transform("{out: [$task, $iteration, $global.n]}"), [5, 3, 7]),
        (transform("{out: [$task, ., $global.n]}", task="mine"), ["mine", 5, 7]),
        (transform("{out: [$iteration, $global.n]}", iteration="mine", **{"global": "mine"}), [3, 7]),
        (transform("{out: [$a, $a_b, $global.n]}", a=1, a_b=2, **{"a-b": 3, "": 4, "é": 5}), [1, 2, 7]),
        (transform("{out: $global.n} # )"), 7),
        (transform("{out: $global.n} # \\"), 7),
        (transform(["# first", "def f: $global.n;", "{out: f}", ""]), 7),
        (transform('{out: "\\($global.n))"}'), "7)"),
        (transform("{out: $global.n} | {out}, empty"), 7),
        (transform("$global.n as $number | {out: $number}"), 7),
        (transform("\n\n{out: [$global.n, $__loc__.line]}"), [7, 3]),
        (transform("{out: $global.n} " + " " * 2000), 7),
        (transform("{out: $global.n}", __loc__=1), 7),
    ],
)
def test_a_script_means_the_same_beside_others(own, out):
    """Whatever it looks like, and whatever its arguments are named."""
    other = transform(".out = $global._key", task=0, number=0, given=0)
    found = outcomes(other, own, other, task=5, number=3)

    assert found[1] == out


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("error($global._key)", "the script failed: (hidden)"),
        ("empty, ($global | empty)", "the script returned nothing; it must return exactly one value"),
        ("repeat($global)", "the script returned more than one value; it must return exactly one value"),
        ("$global._key", 'the script returned "(hidden)", expected a task, which is an object'),
        ("$global.n + 10", "the script returned 17, expected a task, which is an object"),
    ],
)
def test_what_is_wrong_with_one_is_told_of_that_one(script, reason):
    """As where the script is alone; what is in another one's arguments is no secret of this one."""
    other = transform("{out: ($global.n + $ten)}", ten=10)
    found = outcomes(other, transform(script), other)

    assert found == [17, reason, 17]
    assert outcomes(transform(script)) == [reason]


@pytest.mark.parametrize(
    "script", ["$x | $global", "$number | $global", "$given | $global", "$global) | (.", "$global ("]
)
def test_what_does_not_compile_alone_does_not_compile_beside_others(script):
    """Neither another one's arguments nor brackets reach out of a script, and the others are as they were."""
    made = make(transform(".out = $global.n", x=1), transform(script), transform("{out: $global.n}", number=1))

    assert [problem.where for problem in made.problems] == ["/jobs/1/task-transform"]


def test_a_script_that_cannot_share_has_the_global(tmp_path, monkeypatch):
    """A script with imports is a program of its own."""
    (tmp_path / "mine.jq").write_text("def twice: . * 2;")
    monkeypatch.chdir(tmp_path)
    script = 'import "mine" as mine; {out: ($global.n | mine::twice)}'
    found = outcomes(transform("{out: $global.n}"), transform(script), transform("{out: ($global.n + 1)}"))

    assert found == [7, 14, 8]
    assert not can_share(script)


def test_numbers_of_iterations_may_come_from_the_global():
    """This script has no task and no iteration."""
    script = transform("$global.n")
    job = {"task": TASK, "iterations": script, "task-transform": transform(".reference = $global.n")}
    batch = load_batch({"schema": 3, "global": {"data": DATA}, "jobs": [job]})
    plan = plan_batch(batch, Transforms(batch))

    assert [iteration.task["reference"] for iteration in plan.jobs[0].iterations] == [7] * 7


def test_a_script_that_does_not_name_the_global_does_not_use_it():
    """Its value is not even given to it."""

    assert (uses_global(".a = 1"), uses_global(".a = $ global")) == (False, True)


def test_what_jq_has_against_scripts_together_it_has_not_against_each(monkeypatch):
    """They are bound alone then."""
    real = jq.compile

    def refusing(program, *, args):
        if "$given" in program:
            raise ValueError("too much")
        return real(program, args=args)

    monkeypatch.setattr(jq, "compile", refusing)

    assert outcomes(transform("{out: $global.n}"), transform("{out: ($global.n + 1)}")) == [7, 8]


def test_a_count_that_is_none_hides_what_is_secret():
    """Of the batch's data, where the script shares it."""
    job = {"task": TASK, "iterations": transform("$global._key"), "task-transform": transform(".a = $global")}
    batch = load_batch({"schema": 3, "global": {"data": DATA}, "jobs": [job]})
    made = Transforms(batch)
    with pytest.raises(ScriptError) as caught:
        made.count_iterations(batch.jobs[0])

    assert str(caught.value) == 'the script returned "(hidden)", expected a whole number of 1 or more'
