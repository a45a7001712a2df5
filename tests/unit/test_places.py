"""Tests of finding problems in the user's text that came up after loading."""

from __future__ import annotations

import pytest

from pscheduler_batch.errors import Problem
from pscheduler_batch.places import locate_problems

TEXT = """{
  "jobs": [
    {"#": "a comment", "task": [{"test": {}}, {"a/b": {"c~d": 1}}],
     "label": "é", "label": "b"}
  ]
}"""


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("/jobs/0/task/0/test", "{}}"),
        ("/jobs/0/task/0/test/type", "{}}"),
        ("/jobs/0/task/1/a~1b/c~0d", "1}"),
        ("/jobs/0/task/7/test", "[{"),
        ("/jobs/0/task/x", "[{"),
        ("/jobs/0/task/²", "[{"),
        ("/jobs/0/task-transform", '{"#"'),
        ("/jobs/0/label", '"b"'),
        ("/global/transform-pre", "{"),
        ("/", "{"),
    ],
)
def test_a_problem_gets_the_place_that_is_nearest(where, shown):
    """A task is worked out from the text, so what is wrong with it may not be in there."""
    (problem,) = locate_problems([Problem(where, "bad", during="x")], TEXT)

    assert TEXT.split("\n")[(problem.line or 0) - 1][(problem.column or 0) - 1 :].startswith(shown)


def test_a_problem_keeps_what_it_says():
    """Only line and column are new."""
    (problem,) = locate_problems([Problem("/jobs/0/task", "bad", during='iteration 1 of "x"')], TEXT)

    assert str(problem) == 'At /jobs/0/task, iteration 1 of "x" (line 3, column 32): bad'


def test_problems_stay_in_their_order():
    """Whatever their places are."""
    wheres = ["/jobs/0/task", "/", "/jobs"]

    assert [problem.where for problem in locate_problems([Problem(w, "bad") for w in wheres], TEXT)] == wheres


def test_without_a_text_there_are_no_places():
    """A program may hand over objects."""
    problems = [Problem("/jobs", "bad")]

    assert locate_problems(problems, None) == problems
