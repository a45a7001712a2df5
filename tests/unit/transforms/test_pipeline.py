"""Tests of the jq transforms of a batch (ADR 8, 16, 18 and 21)."""

from __future__ import annotations

import json
import time
from typing import Any, Dict, Optional

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.transforms.pipeline import StepError, Transforms
from pscheduler_batch.transforms.script import TOO_DEEP, ScriptError
from tests.support.nesting_depth import FOR_JQ, beyond_json
from tests.support.transforms import TASK, run


def failure_of(
    script: object, task: object = None, *, data: object = None, args: Optional[Dict[str, Any]] = None
) -> str:
    """Return why a task-transform fails on a task."""
    batch = load_batch(
        {"global": {"data": data}, "jobs": [{"task": TASK, "task-transform": {"script": script, "args": args or {}}}]}
    )
    with pytest.raises(StepError) as caught:
        Transforms(batch).apply_steps(batch.jobs[0], 0, {}, json.dumps(task))
    return caught.value.reason


def test_the_steps_go_from_pre_to_the_task_to_post():
    """ADR 8 has the order."""
    batch = load_batch(
        {
            "global": {
                "transform-pre": {"script": ".out += [1]"},
                "transform-post": {"script": ".out += [3]"},
            },
            "jobs": [{"task": TASK, "task-transform": {"script": ".out += [2]"}}],
        }
    )

    assert Transforms(batch).apply_steps(batch.jobs[0], 0, {}, "{}")[-1] == {"out": [1, 2, 3]}


@pytest.mark.parametrize("where", ["transform-pre", "transform-post"])
def test_global_and_iteration_are_set_in_the_transforms_of_all_jobs(where):
    """Also the global transforms know the iteration."""
    batch = load_batch(
        {"global": {"data": 5, where: {"script": ".out = [$global, $iteration]"}}, "jobs": [{"task": TASK}]}
    )

    assert Transforms(batch).apply_steps(batch.jobs[0], 7, {}, "{}")[-1] == {"out": [5, 7]}


def test_global_is_null_where_there_is_none():
    """A script may ask for it in any batch."""
    batch = load_batch({"jobs": [{"task": TASK, "task-transform": {"script": "{out: [$global]}"}}]})

    assert Transforms(batch).apply_steps(batch.jobs[0], 0, {}, "{}")[-1] == {"out": [None]}


@pytest.mark.parametrize(
    ("script", "out"),
    [
        ("{out: .}", 1),
        (["{out:", "  . + 1}"], 2),
        ("# a comment\n{out: .} # another", 1),
        ("{out: (. as $x | $x)}", 1),
        ("def f: 5; {out: f}", 5),
        ("{out: ., b: 1} | .b = 2", 1),
        ("{out: $task}", 1),
        ("{out: $__loc__.line}", 1),
    ],
)
def test_a_script_may_have_any_form(script, out):
    """What goes before the script takes no part in it."""

    assert run(script, 1) == out


@pytest.mark.parametrize("script", ["", " \n", "# nothing", ["# one", "# two"]])
def test_an_empty_script_changes_nothing(script):
    """As in jq itself."""

    assert run(script, {"out": 1}) == 1


def test_args_become_variables():
    """Each pair of args is one."""

    assert run("{out: [$a, $b.c]}", args={"a": 1, "b": {"c": [2]}}) == [1, [2]]


@pytest.mark.parametrize("args", [{"task": "mine"}, {"task": "mine", "_task": "too", "__task": "also"}])
def test_an_argument_named_task_keeps_its_name(args):
    """A name of ours never hides one of the user's."""

    assert run("{out: [.test, $" + ", $".join(args) + "]}", {"test": 1}, args=args) == [1, *args.values()]


def test_an_argument_hides_neither_the_iteration_nor_the_global_data():
    """These are set in all transforms (ADR 8)."""

    assert run("{out: [$iteration, $global]}", number=3, data="d", args={"iteration": "x", "global": "y"}) == [3, "d"]


def test_large_global_data_does_not_slow_an_iteration():
    """It is bound when the script is compiled; 500 iterations would copy 500 times 100,000 numbers."""
    batch = load_batch(
        {
            "global": {"data": list(range(100_000))},
            "jobs": [{"task": TASK, "task-transform": {"script": ".out = $global[$iteration]"}}],
        }
    )
    transforms = Transforms(batch)
    begin = time.process_time()
    for number in range(500):
        transforms.apply_steps(batch.jobs[0], number, {}, "{}")

    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    ("script", "gave"),
    [("empty", "nothing"), ("{}, {}", "more than one value"), ("range(1e12)", "more than one value")],
)
def test_exactly_one_value_must_come_out(script, gave):
    """A script without an end is stopped at its second value."""

    assert failure_of(script) == f"the script returned {gave}; it must return exactly one value"


@pytest.mark.parametrize(
    ("script", "gave"), [("null", "null"), ("3", "3"), ("[1]", "[1]"), ('"x"', '"x"'), ("true", "true")]
)
def test_the_last_transform_must_give_an_object(script, gave):
    """Only an object can be a task."""

    assert failure_of(script) == f"the script returned {gave}, expected a task, which is an object"


def test_only_the_last_transform_must_give_an_object():
    """What is between the transforms is the user's own business."""
    batch = load_batch(
        {
            "global": {"transform-pre": {"script": "[1, 2]"}},
            "jobs": [{"task": TASK, "task-transform": {"script": "{out: .[1]}"}}],
        }
    )

    assert Transforms(batch).apply_steps(batch.jobs[0], 0, {}, "{}")[-1] == {"out": 2}


def test_a_long_value_that_cannot_be_used_is_shown_in_part():
    """A message is no place for a whole document."""
    said = failure_of('"x" * 5000')

    assert len(said) < 200
    assert "…" in said


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('error("no such thing")', "the script failed: no such thing"),
        ('error({a: 1, "b": [2]})', 'the script failed: {"a": 1, "b": [2]}'),
        (".a + 1", "the script failed: object ({}) and number (1) cannot be added"),
        ('error("break")', "the script failed: break"),
    ],
)
def test_a_failure_has_the_words_of_jq(script, said):
    """An error may also be an object."""

    assert failure_of(script, {"a": {}}) == said


def test_a_failure_names_the_step():
    """Any of the three may fail."""
    batch = load_batch(
        {"global": {"transform-post": {"script": "error"}}, "jobs": [{"task": TASK, "task-transform": {"script": "."}}]}
    )
    with pytest.raises(StepError) as caught:
        Transforms(batch).apply_steps(batch.jobs[0], 0, {}, "{}")

    assert caught.value.where == "/global/transform-post"


@beyond_json
def test_what_is_nested_too_deeply_is_a_failure_like_any_other():
    """It could neither be posted nor written."""

    assert failure_of(f"reduce range({FOR_JQ}) as $i ({{}}; {{a: .}})") == TOO_DEEP


SECRET = "correct-horse-battery-staple-and-more"


@pytest.mark.parametrize(
    "script",
    ["error", "._key | tonumber", ". + 1", "._key + 1", "._key | fromjson", "._key", "[._key]", "{} | .[$task]"],
)
def test_a_failure_does_not_tell_the_secrets_of_the_task(script):
    """Values that jq stumbles over are quoted, long ones cut short (ADR 18)."""

    assert "correct" not in failure_of(script, {"_key": SECRET})


@pytest.mark.parametrize("script", ["$global._key", "$_key", "$open._key | tonumber"])
def test_a_failure_does_not_tell_the_secrets_of_the_batch(script):
    """There may be some in the global data and in the args."""
    args = {"_key": SECRET, "open": {"_key": SECRET}}

    assert "correct" not in failure_of(script, data={"_key": SECRET}, args=args)


def test_a_task_without_transforms_is_the_very_one_that_went_in():
    """It never passes through jq, so its numbers survive (ADR 21)."""
    batch = load_batch({"jobs": [{"task": TASK}]})
    task = {"n": 2**70 + 1}

    assert Transforms(batch).apply_steps(batch.jobs[0], 0, task, "{}")[-1] is task


def make_job(**pairs: Any) -> Any:
    """Make a batch of one job and its transforms."""
    batch = load_batch({"schema": 3, "global": {"data": {"n": 4, "_key": SECRET}}, "jobs": [{"task": TASK, **pairs}]})
    return batch.jobs[0], Transforms(batch)


@pytest.mark.parametrize("script", ["$global.n", "3 + 1", "4.0", "if . == null then 4 else 5 end"])
def test_iterations_are_what_the_script_gives_for_null(script):
    """With the global data (schema 3)."""
    job, transforms = make_job(iterations={"script": script})

    assert repr(transforms.count_iterations(job)) == "4"


@pytest.mark.parametrize("script", ["0", "-1", "1.5", "true", "null", '"3"', "[1]", "nan", "infinite | tostring"])
def test_iterations_must_be_a_whole_number_of_one_or_more(script):
    """The message says what the script gave."""
    job, transforms = make_job(iterations={"script": script})

    with pytest.raises(ScriptError, match=r"^the script returned .*, expected a whole number of 1 or more$"):
        transforms.count_iterations(job)


def test_iterations_do_not_tell_secrets():
    """The script may give one by mistake."""
    job, transforms = make_job(iterations={"script": "$global"})
    with pytest.raises(ScriptError) as caught:
        transforms.count_iterations(job)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("job", "scripts"),
    [
        ({}, False),
        ({"task-transform": {"script": "."}}, True),
        ({"iterations": {"script": "2"}}, True),
        ({"continue-if": {"script": "true"}}, True),
        ({"continue-if": {"script": "true"}, "enabled": False}, False),
    ],
)
def test_a_batch_without_scripts_is_known(job, scripts):
    """There is nothing to compile."""
    assert bool(load_batch({"schema": 3, "jobs": [{"task": {}, **job}]}).scripts) is scripts


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("input", "the script failed: `.` is its only input, so `input` fails"),
        (
            '"why" | halt_error',
            "the script returned nothing; it must return exactly one value (`halt_error` returns",
        ),
        ("halt", "the script returned nothing; it must return exactly one value (`halt` returns nothing"),
    ],
)
def test_what_makes_sense_only_where_jq_is_a_command_is_explained(script, said):
    """As it says hardly anything itself."""

    assert failure_of(script, {}).startswith(said)
