"""What servers say against many iterations at once."""

from __future__ import annotations

from pscheduler_batch.errors import WARNING
from pscheduler_batch.planning.server_problems import DistinctTest, ServerProblem, UseOfTest, redactor_of_tests, sum_up


def questions(count, *, among):
    """Make a test for each of some iterations, each with a specification of its own."""
    return [
        DistinctTest("rtt", {"count": n}, (UseOfTest("/jobs/0/task", "x", (n,), among, transformed=True),))
        for n in range(count)
    ]


def told(problems):
    """Return what is said, in one line each."""
    return [f"{problem.where}, {problem.during}: {problem.reason}" for problem in sum_up(problems)]


def test_what_is_wrong_alike_is_told_once():
    """With the iterations that it concerns, and the first of their tests."""
    problems = [ServerProblem(question, "/test/spec", "bad") for question in questions(999, among=1000)]

    assert told(problems)[0].partition(" (the first ")[::2] == (
        '/jobs/0/task/test/spec, iteration 0 of "x" and 998 more: bad',
        'after the transforms: {"type": "rtt", "spec": {"count": 0}})',
    )
    assert len(told(problems)) == 1


def test_no_iterations_are_named_where_it_is_all_of_them():
    """The place says enough."""
    problems = [ServerProblem(question, "/test", "bad") for question in questions(9, among=9)]

    assert [problem.during for problem in sum_up(problems)] == [""]


def test_of_many_reasons_a_few_are_told():
    """And that there are more, each with its iterations."""
    problems = [ServerProblem(q, "/test", f"bad {q.spec['count'] % 5}") for q in questions(50, among=50)]
    said = told(problems)

    assert [line.partition(" (the first")[0] for line in said] == [
        '/jobs/0/task/test, iteration 0 of "x" and 9 more: bad 0',
        '/jobs/0/task/test, iteration 1 of "x" and 9 more: bad 1',
        '/jobs/0/task/test, iteration 2 of "x" and 9 more: bad 2',
        '/jobs/0/task/test, iteration 3 of "x" and 19 more: further problems here',
    ]


def test_a_warning_is_not_mixed_with_an_error():
    """Though it says the same."""
    first, second = questions(2, among=2)
    problems = sum_up([ServerProblem(first, "/test", "bad"), ServerProblem(second, "/test", "bad", WARNING)])

    assert [problem.severity for problem in problems] == ["error", "warning"]


def test_no_secret_is_told_of_a_transformed_test():
    """Its specification may have some."""
    question = DistinctTest("rtt", {"_key": "swordfish"}, (UseOfTest("/jobs/0/task", "x", (0,), 1, transformed=True),))

    assert "swordfish" not in told([ServerProblem(question, "/test", "bad")])[0]


def test_the_debug_log_has_no_secrets_of_any_test():
    """Neither those of a specification nor those that a transform has put into it."""
    tests = DistinctTest("rtt", {"_key": "swordfish"}, ()), DistinctTest("rtt", {"dest": "hunter2"}, (), ("hunter2",))

    assert redactor_of_tests(tests).message("swordfish at hunter2") == "(hidden) at (hidden)"
