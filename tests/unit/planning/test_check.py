"""Everything that can be known about a batch without a server."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from pscheduler_batch.errors import ExpectationError, Problem
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.check_result import render_json, render_summary, render_text

ROOT = Path(__file__).parents[3]
TASK = {"test": {"type": "rtt", "spec": {"dest": "ps.example.net"}}}
GOOD = sorted(example for folder in ("tests/examples/good", "examples") for example in (ROOT / folder).glob("*.json"))
ENDLESS = "last(repeat(.))"
# A script that does what it should takes a thousandth of this.
LIMIT = timedelta(seconds=1)


def check(*jobs, limit=LIMIT, **pairs):
    """Check a batch of some jobs, all of which have the same task unless they say otherwise."""
    options = {name: pairs.pop(name) for name in ("max_iterations", "max_parallel") if name in pairs}
    batch = {"schema": 3, "jobs": [{"task": TASK, **job} for job in jobs], **pairs}
    return check_batch(json.dumps(batch).encode(), source="a.json", limit=limit, **options)


def own(script):
    """Make a job with a transform."""
    return {"task-transform": {"script": script}}


def wheres(checked):
    """List the places of what is wrong."""
    return [problem.where for problem in checked.errors]


@pytest.mark.parametrize("example", GOOD, ids=lambda example: example.stem)
def test_a_good_example_is_right(example):
    """With warnings at most."""
    checked = check_batch(example.read_bytes(), source=example.name)

    assert checked.valid
    assert render_summary(checked).startswith(f"{example.name}: ")


def test_a_right_batch_is_said_to_be_right_in_a_line():
    """With what is in it."""
    checked = check({"iterations": 16}, own("."), {"enabled": False})

    assert checked.valid
    assert render_text(checked) == ""
    assert render_summary(checked) == "a.json: 3 jobs (1 of them disabled), 17 iterations: no errors"


def test_a_file_name_is_made_printable():
    """A name may hold whatever a terminal obeys."""
    checked = check_batch(json.dumps({"schema": 3, "jobs": []}).encode(), source="a\n\x1b[2J.json")

    assert render_summary(checked) == "a\\u000a\\u001b[2J.json: 0 jobs, 0 iterations: no errors, 1 warning"


def test_one_of_each_is_said_in_the_singular():
    """As people speak."""
    assert render_summary(check({})) == "a.json: 1 job, 1 iteration: no errors"
    assert render_summary(check({}), asked=True).endswith("no errors, servers included")


def test_warnings_do_not_make_a_batch_wrong():
    """They are counted in the line, and written beside it."""
    checked = check({"iterations": 2, "parallel": True, "backoff": "PT1M"})

    assert checked.valid
    assert render_summary(checked).endswith(": no errors, 1 warning")
    assert render_text(checked).startswith("a.json:1:142: warning: /jobs/0/backoff: ")


def test_everything_is_told_at_once_in_the_order_of_the_input():
    """A job that is wrong in itself and scripts that do not compile do not keep the others from being looked at."""
    checked = check(
        {"task": {"test": {"type": 5, "spec": {}}}},
        {"enabled": "no"},
        own("{"),
        own('error("why")'),
        own(".tool = 5"),
        {"iterations": {"script": "0"}},
        {"continue-if": {"script": "nothing"}},
        {"iterations": 1_000_000},
    )

    assert wheres(checked) == [
        "/jobs/0/task/test/type",
        "/jobs/1/enabled",
        "/jobs/2/task-transform",
        "/jobs/3/task-transform",
        "/jobs/4/task/tool",
        "/jobs/5/iterations",
        "/jobs/6/continue-if",
        "/jobs/7/iterations",
    ]


def test_what_is_wrong_for_all_jobs_is_told_alone():
    """The jobs cannot be judged without it."""
    checked = check({"task": 5}, own("{"), **{"global": {"transform-pre": 5}})

    assert wheres(checked) == ["/jobs/0/task", "/global/transform-pre"]
    assert checked.batch is None


def test_scripts_run_in_every_iteration():
    """Not only in the first."""
    checked = check({"iterations": 100, **own('if $iteration == 99 then error("why") else . end')})

    assert [problem.during for problem in checked.errors] == ['iteration 99 of "job-0"']


@pytest.mark.parametrize(
    ("job", "where", "during"),
    [
        (
            {"iterations": 5, **own(f"if $iteration == 3 then {ENDLESS} else . end")},
            "/jobs/0/task-transform",
            'iteration 3 of "job-0"',
        ),
        ({"iterations": {"script": "last(range(1e18))"}}, "/jobs/0/iterations", ""),
        (own("def f: f; f"), "/jobs/0/task-transform", 'iteration 0 of "job-0"'),
    ],
)
def test_a_script_without_an_end_is_named_and_the_rest_is_checked(job, where, during):
    """After the limit."""
    checked = check(job, {"task": {**TASK, "tool": 5}}, own(".tool = 5"))
    first, *rest = checked.errors

    assert (first.where, first.during) == (where, during)
    assert first.reason == "the script was still running after 1 s, the limit"
    assert [problem.where for problem in rest] == ["/jobs/1/task/tool", "/jobs/2/task/tool"]


def test_a_script_without_an_end_for_all_jobs_is_told_once():
    """It is not tried again for each of them."""
    checked = check({}, {"iterations": 5}, {}, **{"global": {"transform-post": {"script": ENDLESS}}})

    assert wheres(checked) == ["/global/transform-post"]


def test_what_was_found_before_a_script_without_an_end_is_told():
    """In the iterations before it."""
    checked = check({"iterations": 9, **own(f"if $iteration == 5 then {ENDLESS} else .tool = 5 end")})

    assert [problem.during for problem in checked.errors] == [
        'iteration 0 of "job-0" and 4 more',
        'iteration 5 of "job-0"',
    ]


def test_after_some_scripts_without_an_end_no_more_are_tried():
    """A thousand of them would take hours."""
    checked = check(*[own(ENDLESS)] * 9, limit=timedelta(seconds=0.4))

    assert wheres(checked) == [f"/jobs/{number}/task-transform" for number in range(5)]
    assert checked.errors[-1].reason.endswith("5 scripts had to be stopped, so the others were not checked")
    assert checked.errors[-1].line == 1


def test_a_continue_if_is_compiled_only():
    """There are no results that it could be given."""
    assert check({"continue-if": {"script": ENDLESS}}).valid


def test_a_limit_of_iterations_is_kept():
    """It is the one of the command."""
    assert wheres(check({"iterations": 3}, max_iterations=2)) == ["/jobs/0/iterations"]


def test_what_is_no_json_is_told():
    """With its line."""
    checked = check_batch(b'{"jobs": [}', source="a.json")

    assert not checked.valid
    assert render_text(checked).split("\n")[1:] == ['    {"jobs": [}', "              ^"]


def test_programs_get_all_of_it_as_json():
    """One object, documented where it is made."""
    checked = check({"label": "x", **own(".tool = 5")}, {"iterations": 2, "parallel": True, "backoff": "PT1M"})
    document = json.loads(render_json(checked))
    error, warning = document["problems"]

    assert (document["file"], document["valid"]) == ("a.json", False)
    assert (error["severity"], warning["severity"]) == ("error", "warning")
    assert error == {
        "file": "a.json",
        "severity": "error",
        "pointer": "/jobs/0/task/tool",
        "line": 1,
        "column": error["column"],
        "end_column": error["column"] + len('".tool = 5"'),
        "message": "found 5, expected a string (introduced by /jobs/0/task-transform)",
        "during": 'iteration 0 of "x"',
        "transform": "/jobs/0/task-transform",
        "part": "/",
        "before": json.dumps(TASK),
        "after": json.dumps({**TASK, "tool": 5}),
    }
    assert warning["before"] is None


def test_a_right_batch_is_right_as_json_too():
    """With an empty list."""
    assert json.loads(render_json(check({}))) == {"file": "a.json", "valid": True, "problems": [], "tools": []}


def test_wrong_expectations_are_in_the_json():
    """With the text that they are in, and the batch is not valid with them."""
    wrong = ExpectationError([Problem("/", 'no job matches "y"', 1, 4, end_column=5)], source="wanted.txt")
    document = json.loads(render_json(check({}), wrong))
    (problem,) = document["problems"]

    assert not document["valid"]
    assert (problem["file"], problem["line"], problem["column"]) == ("wanted.txt", 1, 4)


def test_no_secret_is_in_the_json():
    """As nowhere else (ADR 18)."""
    checked = check({"task": {**TASK, "_key": "swordfish"}, **own(".tool = [._key] | .x = 5")})

    assert len(checked.errors) == 2
    assert "swordfish" not in render_json(checked)


def test_a_limit_of_parallel_iterations_has_its_warning():
    """As when the batch is run; other errors keep their place before it."""
    jobs = {"parallel": True, "iterations": 3}, {"parallel": True, "iterations": 3, "sync-start": False}
    checked = check(*jobs, {"task": {}}, max_parallel=2)

    assert [(problem.where, problem.severity) for problem in checked.problems] == [
        ("/jobs/0", "warning"),
        ("/jobs/2/task", "error"),
    ]
    assert "its 3 iterations do not start together" in str(checked.problems[0])
    assert check(*jobs, max_parallel=3).problems == check(*jobs).problems == ()
