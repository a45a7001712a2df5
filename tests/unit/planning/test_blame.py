"""Which transform is to blame, and what is shown of the task before and after it."""

from __future__ import annotations

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.planner import work_out
from pscheduler_batch.transforms.pipeline import Transforms

TASK = {"test": {"type": "rtt", "spec": {"dest": "ps.example.net"}}}
PRE, OWN, POST = "/global/transform-pre", "/jobs/0/task-transform", "/global/transform-post"


def problems_of(task, *, pre=".", own=".", post=".", args=None, **job):
    """Work out a batch of one job and say what is wrong with it."""
    scripts = {"transform-pre": {"script": pre}, "transform-post": {"script": post, "args": args or {}}}
    jobs = [{"label": "x", "task": task, "task-transform": {"script": own}, **job}]
    batch = load_batch({"global": scripts, "jobs": jobs})
    return work_out(batch, Transforms(batch)).problems


@pytest.mark.parametrize(
    ("scripts", "blamed"),
    [
        ({"pre": ".tool = 5"}, PRE),
        ({"own": ".tool = 5"}, OWN),
        ({"post": ".tool = 5"}, POST),
        ({"pre": ".tool = 5", "own": ".reference = 1"}, PRE),
        ({"pre": ".tool = 5", "own": ".tool = 6"}, OWN),
        ({"pre": ".tool = 5", "own": '.tool = "ping"', "post": ".tool = 5"}, POST),
        ({"own": "5", "post": "{test: 5}"}, POST),
        ({"own": "del(.test)"}, OWN),
        ({"own": "del(.test.spec)", "post": ".test.type = 1"}, OWN),
        ({"own": ".test |= (.spce = .spec | del(.spec))"}, OWN),
    ],
)
def test_the_first_after_which_it_stayed_wrong_is_to_blame(scripts, blamed):
    """What another one had put right again does not count."""
    problem = next(problem for problem in problems_of(TASK, **scripts) if problem.change.transform == blamed)

    assert problem.reason.endswith(f"(introduced by {blamed})")


def test_what_was_wrong_in_the_input_is_blamed_on_nobody_who_did_not_touch_it():
    """The place is that of the input."""
    (problem,) = problems_of({**TASK, "tool": 5}, own=".reference = 1")

    assert problem.change is None
    assert problem.reason.endswith("(already wrong in the input; no transform changed it)")


def test_a_task_that_was_to_be_completed_is_blamed_on_the_last_that_worked_on_it():
    """It may be incomplete before."""
    (problem,) = problems_of({"test": {"type": "rtt"}}, pre=".test.x = 1", own=".test |= del(.x)")

    assert problem.reason.endswith(f"(already wrong in the input; {OWN} changed this value without fixing it)")
    assert (problem.change.before, problem.change.after) == (
        '{"test": {"type": "rtt", "x": 1}}',
        '{"test": {"type": "rtt"}}',
    )


def test_the_task_is_shown_before_and_after_the_one_that_is_to_blame():
    """Not before the first and after the last."""
    (problem,) = problems_of(TASK, pre=".reference = 1", own=".tool = 5", post=".reference = 2")

    assert problem.change.before == '{"test": {"type": "rtt", "spec": {"dest": "ps.example.net"}}, "reference": 1}'
    assert problem.change.after.endswith('"reference": 1, "tool": 5}')


def test_of_a_large_task_only_the_part_in_question_is_shown():
    """The smallest one that says it is that around the place; what is still too long is cut."""
    task = {**TASK, "reference": ["x" * 1000]}
    (problem,) = problems_of(task, own=".test.type = 5")

    assert problem.change.part == "/test"
    assert problem.change.after == '{"type": 5, "spec": {"dest": "ps.example.net"}}'


def test_what_is_large_in_itself_is_cut():
    """However deep the place is."""
    (problem,) = problems_of(TASK, own=".tool = [range(100000)]")

    assert (problem.change.part, problem.change.before) == ("/tool", "")
    assert len(problem.change.after) < 400
    assert problem.change.after.endswith("…")


@pytest.mark.parametrize(
    "own",
    [
        ".tool = [._key]",
        '.tool = {x: (._key + "!")}',
        "._key = [._key]",
        ".test.type = [._key]",
        ".test = ._key",
        ".[._key] = 1",
        "error(._key)",
        "._key",
    ],
)
def test_no_secret_is_shown(own):
    """Not where a transform has put it either."""
    problems = problems_of({**TASK, "_key": "swordfish"}, own=own)

    assert problems
    assert "swordfish" not in str(problems)


def test_a_secret_from_the_arguments_is_not_shown():
    """Nor one from the global data."""
    (problem,) = problems_of(TASK, post=".tool = [$x._key]", args={"x": {"_key": "swordfish"}})

    assert "swordfish" not in repr(problem)


def test_a_failure_shows_what_the_script_was_given():
    """What came out is not known."""
    (problem,) = problems_of(TASK, pre=".reference = 1", own=".test + 1")

    assert (problem.change.transform, problem.change.after) == (OWN, "")
    assert problem.change.before.endswith('"reference": 1}')


def test_iterations_that_are_wrong_in_many_ways_are_told_in_a_few_lines():
    """The rest is counted."""
    problems = problems_of(TASK, own=".tool = $iteration", iterations=1000)

    assert [problem.during for problem in problems] == [
        'iteration 0 of "x"',
        'iteration 1 of "x"',
        'iteration 2 of "x"',
        'iteration 3 of "x" and 996 more',
    ]
    assert problems[-1].reason == "further problems here"


def test_iterations_that_are_wrong_in_many_places_are_told_in_a_few_lines():
    """The rest is counted."""
    problems = problems_of(TASK, own='.["x\\($iteration)"] = 1', iterations=200)

    assert len(problems) == 51
    assert (problems[-1].where, problems[-1].during) == ("/jobs/0/task", 'iteration 50 of "x" and 149 more')


def test_a_label_is_written_so_that_no_terminal_obeys_it():
    """And not at any length."""
    problems = problems_of(TASK, own=".tool = 5", label="\x1b[31m" + "x" * 10_000)

    assert problems[0].during.startswith('iteration 0 of "\\u001b[31mxxx')
    assert len(problems[0].during) < 100
