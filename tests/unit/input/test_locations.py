"""Tests of finding problems in the user's text that came up after loading."""

from __future__ import annotations

import pytest

from pscheduler_batch.errors import Change, Problem
from pscheduler_batch.input.locations import in_order, locate_problems

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


def test_a_problem_with_a_name_has_the_place_of_the_name():
    """Where the name is in the text."""
    names = [Problem(where, "bad", at_name=True) for where in ("/jobs/0/label", "/jobs/0/task/1/nowhere")]

    assert [(p.line, p.column, p.end_column) for p in locate_problems(names, TEXT)] == [(4, 20, 27), (3, 47, None)]


def test_a_problem_that_a_transform_made_has_the_place_of_its_script():
    """That is where it can be mended."""
    text = '{"global": {"transform-pre": {\n"script": "."}}}'
    problem = Problem("/jobs/0/task", "bad", change=Change("/global/transform-pre", "/", "{}", "{}"))
    (located,) = locate_problems([problem], text)

    assert (located.where, located.line, located.column, located.end_column) == ("/jobs/0/task", 2, 11, 14)


def test_problems_are_sorted_by_their_lines():
    """Those of one place stay as they are."""
    problems = [Problem("/b", "1", 2, 1), Problem("/a", "2", 1, 9), Problem("/a", "3", 1, 2), Problem("/a", "4", 1, 9)]

    assert [problem.reason for problem in in_order(problems, {})] == ["3", "2", "4", "1"]


def test_problems_without_lines_are_sorted_by_the_document():
    """An object before its pairs, pairs as they come."""
    document = {"b": [{}, {"x": 1}], "a": 1}
    wheres = ["/a", "/b/1/x", "/b/1/x/deeper", "/b/0", "/", "/b"]

    assert [p.where for p in in_order([Problem(where, "bad") for where in wheres], document)] == [
        "/",
        "/b",
        "/b/0",
        "/b/1/x",
        "/b/1/x/deeper",
        "/a",
    ]
